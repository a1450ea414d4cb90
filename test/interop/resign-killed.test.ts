/** However a run of `resign` ends, each image is entirely old or entirely new, and verifies. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { bytesSource } from '../../src/bytes/source.ts'
import { decodeGpt } from '../../src/formats/gpt/index.ts'
import { decodeVeritySignature } from '../../src/formats/verity-signature.ts'
import { resignImage } from '../../src/images/resign.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { type LoadedCertificate, loadCertificate } from '../../src/keys/certificate.ts'
import { fileSigner } from '../../src/keys/file-signer.ts'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { writeTreeOfSize } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

/** Random moments for each kind of image: more than 200 together. */
const ROUNDS = 70

/** Each has a folder of its own, and is changed beside the others. */
const KINDS = [
  ['signed', true],
  ['deferred', false],
  ['with large sectors', false],
] as const

describe.runIf(available('openssl', 'strace'))('resign, killed', () => {
  const folder = temporaryFolder()
  const images: Record<string, { old: Buffer; new: Buffer }> = {}
  const certificates: LoadedCertificate[] = []
  let keys: readonly [KeyFiles, KeyFiles]
  /** Milliseconds that a whole run takes. */
  let duration: number

  const signing = ({ privateKey, certificate }: KeyFiles) => [
    ...['--private-key', privateKey, '--certificate', certificate],
  ]
  const workOf = (name: string) => join(folder, name)
  const imageOf = (name: string) => join(workOf(name), 'sample.sysext.raw')
  const oldOf = (name: string) => join(folder, `${name}.old`)
  const command = (name: string) => {
    return [EXTSIGN, 'resign', '--quiet', imageOf(name), ...signing(keys[1])]
  }

  beforeAll(async () => {
    writeTreeOfSize(join(folder, 'tree'), 'sample', 100_000)
    keys = [makeKey(folder, 'rsa2048', 'old'), makeKey(folder, 'rsa4096', 'new')]
    for (const { certificate } of keys) certificates.push(await loadCertificate(certificate))
    const build = (name: string, ...options: string[]) => {
      const image = imageOf(name)
      mkdirSync(workOf(name))
      const naming = ['--id', '_any', '--name', 'sample', '--output', image]
      extsign(['sysext', join(folder, 'tree'), ...naming, ...options])
      copyFileSync(image, oldOf(name))
      const begin = Date.now()
      extsign(command(name).slice(1))
      duration = Date.now() - begin
      images[name] = { old: readFileSync(oldOf(name)), new: readFileSync(image) }
    }
    build('signed', ...signing(keys[0]))
    build('deferred', '--defer-signature')
    build('with large sectors', '--defer-signature', '--sector-size', '4096')
  })

  test.concurrent.each(KINDS)(
    `an image that is %s, at ${ROUNDS} random moments`,
    async (name, isOneWrite) => {
      const ends = { old: 0, new: 0 }
      let moment = duration
      for (let round = 0; round < ROUNDS; round++) {
        copyFileSync(oldOf(name), imageOf(name))
        const child = spawn(process.execPath, command(name), { stdio: 'ignore' })
        const ended = once(child, 'exit')
        await Promise.race([ended, setTimeout(moment * (0.6 + 0.8 * Math.random()))])
        child.kill('SIGKILL')
        await ended
        const end = await examine(name, isOneWrite)
        ends[end]++
        // Most of the time nothing is written yet: close in on when it is.
        moment *= end === 'old' ? 1.1 : 0.9
      }
      // Both happen, or the moments prove nothing.
      expect(ends.old).toBeGreaterThan(0)
      expect(ends.new).toBeGreaterThan(0)
    },
  )

  describe('before every single write, sync, renaming and removal', () => {
    test.concurrent.each(KINDS)('an image that is %s', async (name, isOneWrite) => {
      const calls = ['symlink', 'pwrite64', 'ftruncate', 'fdatasync', 'fsync', 'rename', 'unlink']
      let kills = 0
      for (const call of calls) {
        for (let when = 1; when < 100; when++) {
          copyFileSync(oldOf(name), imageOf(name))
          const inject = `inject=${call}:signal=SIGKILL:when=${when}`
          const args = ['--follow-forks', '-o', '/dev/null', '-e', inject, process.execPath]
          // One thread makes all of them, so that they can be counted.
          const env = { UV_THREADPOOL_SIZE: '1' }
          const child = spawn(tool('strace'), [...args, ...command(name)], { env, stdio: 'ignore' })
          const [status] = await once(child, 'exit')
          await examine(name, isOneWrite)
          if (status === 0) break
          kills++
        }
      }
      expect(kills).toBeGreaterThan(isOneWrite ? 1 : 10)
    })
  })

  /** What the image is now, for us and for those who do not know our journal; then it is finished. */
  async function examine(name: string, isOneWrite: boolean): Promise<'old' | 'new'> {
    const image = imageOf(name)
    const { old, new: done } = images[name]!
    const bytes = readFileSync(image)
    const isTorn = !bytes.equals(old) && !bytes.equals(done)
    if (isOneWrite) expect(isTorn).toBe(false)
    const state = await signerOf(bytes)
    if (!bytes.equals(done)) expect(state).toBe(name === 'signed' || !state ? state : 'new')

    const { verdict, findings } = await verifyImage(image, { certificates, threads: 0 })
    const wrong = findings.flatMap((each) => (each.ok || each.unproven ? [] : [each.check]))
    const isUnsigned = bytes.equals(old) && name !== 'signed'
    expect(wrong).toEqual(isUnsigned ? ['signature'] : [])
    expect(verdict).toBe(isTorn ? 'unproven' : isUnsigned ? 'wrong' : 'ok')

    const isClean = bytes.equals(done) && readdirSync(workOf(name)).length === 1
    if (!isClean) await finish(image)
    expect(readFileSync(image).equals(done)).toBe(true)
    expect(readdirSync(workOf(name))).toEqual(['sample.sysext.raw'])
    return bytes.equals(old) ? 'old' : 'new'
  }

  /** What the next run does. */
  async function finish(image: string): Promise<void> {
    const signer = await fileSigner(keys[1])
    const signing = { signer, certificate: signer.certificate.der }
    await resignImage({ image, signing, threads: 0, verifyData: false })
  }

  /** Whose signature a reader finds that takes the first sound copy of the table; undefined for none. */
  async function signerOf(bytes: Uint8Array): Promise<'old' | 'new' | undefined> {
    const { refusal, partitions } = await decodeGpt(bytesSource(bytes))
    expect(refusal).toBeUndefined()
    const signature = partitions[2]
    if (!signature) return undefined
    const { offset, size } = signature
    const { certificateFingerprint } = decodeVeritySignature(bytes.subarray(offset, offset + size))
    const fingerprint = Buffer.from(certificateFingerprint!).toString('hex')
    expect(certificates.map((each) => each.fingerprint)).toContain(fingerprint)
    return fingerprint === certificates[0]!.fingerprint ? 'old' : 'new'
  }
})
