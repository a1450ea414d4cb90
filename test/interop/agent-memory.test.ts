/**
 * What stays in the memory of an agent that holds a key: of the passphrase and of the file nothing; of
 * the key what OpenSSL needs to sign.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { loadCertificate } from '../../src/keys/certificate.ts'
import { agentSigner } from '../../src/keys/signers/agent-signer.ts'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { countInMemory } from '../support/process-memory.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
let agent: ChildProcess | undefined
afterEach(() => agent?.kill())

type Needles = Record<string, Uint8Array>

/** What is in the file, and what is in the key: big-endian as in DER, little-endian as in OpenSSL. */
function needlesOf(pem: string, passphrase: string | undefined) {
  const { d, p, q } = createPrivateKey({ key: pem, passphrase }).export({ format: 'jwk' })
  const lines = pem.split('\n').slice(1, -2)
  const der = Buffer.from(lines.join(''), 'base64')
  const file: Needles = Object.fromEntries(
    lines.map((line, at) => [`line ${at}`, Buffer.from(line)]),
  )
  // The end of an EC key in clear is its public point.
  if (p !== undefined || passphrase !== undefined) file.der = der.subarray(-32)
  if (passphrase !== undefined) file.passphrase = Buffer.from(passphrase)
  const numbers = { d, p, q }
  const key: Needles = {}
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined) key[name] = Buffer.from(value, 'base64url')
  }
  return { file, key, inOpenssl: Buffer.from(key.d!).reverse() }
}

interface Held {
  readonly algorithm: string
  readonly passphrase?: string
  readonly der?: boolean
}

/** An agent that holds a new key and has signed with it. */
async function hold({ algorithm, passphrase, der = false }: Held) {
  const name = randomBytes(4).toString('hex')
  const path = (ending: string) => join(folder, `${name}.${ending}`)
  const secret: string[] = []
  if (passphrase !== undefined) {
    writeFileSync(path('pass'), `${passphrase}\n`, { mode: 0o600 })
    secret.push('--passphrase-file', path('pass'))
  }
  const made = ['--directory', folder, '--name', name, '--algorithm', algorithm]
  extsign(['keys', 'new', ...made, ...secret])
  const pem = readFileSync(path('key'), 'latin1')
  if (der) {
    const text = pem.split('\n').slice(1, -2).join('')
    writeFileSync(path('key'), Buffer.from(text, 'base64'))
  }
  const key = ['--private-key', path('key'), '--certificate', path('crt'), ...secret]
  const words = [EXTSIGN, 'agent', '--socket', path('sock'), ...key]
  agent = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => agent?.stdout?.once('data', resolve))
  expect(existsSync(path('sock'))).toBe(true)
  const certificate = await loadCertificate(path('crt'))
  const signer = agentSigner({ socket: path('sock'), certificate, patience: 60_000 })
  for (let round = 0; round < 3; round++) {
    const payload = Buffer.from(randomBytes(32).toString('hex'))
    await signer.sign({ purpose: 'verity-root-hash', payload, digest: 'sha256', subject: name })
  }
  return { pid: agent.pid!, ...needlesOf(pem, passphrase) }
}

describe.runIf(process.platform === 'linux')('an agent with', () => {
  test.each<Held>([
    { algorithm: 'p256', passphrase: 'sixteen bytes ok' },
    {
      algorithm: 'rsa2048',
      passphrase: 'a passphrase of sixty-four bytes, which V8 keeps among its own..',
    },
    { algorithm: 'p384' },
    { algorithm: 'rsa2048' },
    { algorithm: 'rsa2048', der: true },
  ])('%j has nothing left of file and passphrase', async (held) => {
    const { pid, file, key, inOpenssl } = await hold(held)
    const { found, d, ...left } = countInMemory(pid, { ...file, ...key, found: inOpenssl })
    // What OpenSSL has in its own form shows that the search finds what is there.
    expect(found).toBeGreaterThan(0)
    expect(left).toEqual(Object.fromEntries(Object.keys(left).map((name) => [name, 0])))
    // OpenSSL frees the DER of an EC key without overwriting it: once, and not more often.
    const most = held.algorithm.startsWith('rsa') ? 0 : 1
    expect(d).toBeLessThanOrEqual(most)
  })
})
