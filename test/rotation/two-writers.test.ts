/** Several processes that change one image at once: it is whole afterwards, and who says done has done it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { formatSigningResponse } from '../../src/formats/signing-request.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { requestSignatures } from '../../src/requests/request.ts'
import { signRequest } from '../../src/requests/sign.ts'
import { bundle } from '../files/bundle.ts'
import { buildImage, certificateOf, signingWith } from '../images/fixtures.ts'
import { withGrownCertificate } from '../keys/grow-certificate.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'

const ROUNDS = 20

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const key = (byte: number) => makeTestKey('rsa2048', { serial: new Uint8Array(16).fill(byte) })
/** Signatures of three need a journal. */
const KEYS = {
  old: key(1),
  resign: withGrownCertificate(key(2), 3000),
  attach: withGrownCertificate(key(3), 5000),
  rotate: withGrownCertificate(key(4), 7000),
}
const OPERATIONS = ['resign', 'attach', 'rotate'] as const
type Operation = (typeof OPERATIONS)[number]

const writer = () =>
  bundle(
    folder,
    'writer',
    `import { readFileSync } from 'node:fs'
   import { createInterface } from 'node:readline'
   import { fileSigner } from './src/keys/file-signer.ts'
   import { loadCertificate } from './src/keys/certificate.ts'
   import { parseSigningResponse } from './src/formats/signing-request.ts'
   import { resignImage } from './src/images/resign.ts'
   import { attachGroup, checkResponse } from './src/requests/attach.ts'
   import { imageCarrier } from './src/rotation/image.ts'
   const [folder] = process.argv.slice(2)
   const at = (name) => folder + '/' + name
   const keyOf = (name) => fileSigner({ privateKey: at(name + '.key'), certificate: at(name + '.crt') })
   const image = at('work/hello.sysext.raw')
   const operations = {
     async resign() {
       const signer = await keyOf('resign')
       await resignImage({ image, threads: 0, signing: { signer, certificate: signer.certificate.der } })
     },
     async attach() {
       const response = parseSigningResponse(readFileSync(at('response.json')))
       const certificate = await loadCertificate(at('attach.crt'))
       for (const group of checkResponse(response, certificate)) {
         await attachGroup(group, { root: at('work'), response, certificate, threads: 0 })
       }
     },
     async rotate() {
       await imageCarrier(image, {
         oldCertificate: await loadCertificate(at('old.crt')),
         newCertificate: await loadCertificate(at('rotate.crt')),
         signer: () => keyOf('rotate'),
       }).move('new')
     },
   }
   process.stdout.write('ready\\n')
   for await (const name of createInterface({ input: process.stdin })) {
     try {
       await operations[name]()
       process.stdout.write('done\\n')
     } catch (error) {
       process.stdout.write(error.code + '\\n')
     }
   }`,
  )

let writers: ChildProcess[] = []

async function answer(child: ChildProcess): Promise<string> {
  const [line] = await once(child.stdout!, 'data')
  return String(line).trim()
}

beforeAll(async () => {
  mkdirSync(at('work'))
  for (const [name, { keyPem, certificatePem }] of Object.entries(KEYS)) {
    writeFileSync(at(`${name}.key`), keyPem, { mode: 0o600 })
    writeFileSync(at(`${name}.crt`), certificatePem)
  }
  await buildImage(
    folder,
    'hello.sysext.raw',
    { 'usr/bin/hello': 'hello' },
    { signing: signingWith(KEYS.old) },
  )
  const request = await requestSignatures({ root: folder, paths: ['hello.sysext.raw'], threads: 0 })
  const signer = {
    ...signingWith(KEYS.attach).signer,
    certificate: certificateOf(KEYS.attach),
    warnings: [],
    forget: () => undefined,
  }
  const response = await signRequest({ request, signer, purposes: ['verity-root-hash'] })
  writeFileSync(at('response.json'), formatSigningResponse(response))
  const script = writer()
  writers = [0, 1].map(() =>
    spawn(process.execPath, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  await Promise.all(writers.map(answer))
})

afterAll(() => {
  for (const child of writers) child.kill()
})

test(`${ROUNDS} times two at once`, async () => {
  const image = at('work/hello.sysext.raw')
  const outcomes: Record<string, number> = {}
  for (let round = 0; round < ROUNDS; round++) {
    copyFileSync(at('hello.sysext.raw'), image)
    const names = [0, 1].map((index) => OPERATIONS[(round + index * (1 + (round % 2))) % 3]!)
    const answers = writers.map(answer)
    for (const [index, child] of writers.entries()) child.stdin!.write(`${names[index]}\n`)
    const said = await Promise.all(answers)
    for (const each of said) outcomes[each] = (outcomes[each] ?? 0) + 1
    // One waits for no other: it is refused, or comes after.
    expect(said).toContain('done')
    for (const each of said) expect(['done', 'LOCKED', 'NOT_VERIFIED', 'IO']).toContain(each)
    expect(readdirSync(at('work'))).toEqual(['hello.sysext.raw'])
    const done = names.filter((_, index) => said[index] === 'done')
    expect(await signersOf(image)).toEqual([expect.toBeOneOf(done)])
  }
  expect(outcomes.done).toBeGreaterThanOrEqual(ROUNDS)
}, 600_000)

/** Whose signature the image has, which is whole. */
async function signersOf(image: string): Promise<readonly Operation[]> {
  const found: Operation[] = []
  for (const name of OPERATIONS) {
    const certificates = [certificateOf(KEYS[name])]
    const { verdict } = await verifyImage(image, { certificates, threads: 0 })
    if (verdict === 'ok') found.push(name)
  }
  return found
}
