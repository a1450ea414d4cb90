import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import {
  encodeSignatureLists,
  makeSignatureLists,
} from '../../../src/formats/efi-signature-list/index.ts'
import type { SigningRequest } from '../../../src/keys/signer.ts'
import { commandSigner } from '../../../src/keys/signers/command-signer.ts'
import { readCommandWords } from '../../../src/keys/signers/command-words.ts'
import { policyOf } from '../../../src/policies/policy.ts'
import { requestPolicySignature } from '../../../src/policies/sign.ts'
import { requestVariableSignature } from '../../../src/trust/uefi-variable.ts'
import { certificateOf } from '../../images/fixtures.ts'
import { fileMaker } from '../files.ts'
import { makeTestKey, signRaw } from '../test-keys.ts'

const file = fileMaker()
const rsa = makeTestKey('rsa2048')
const REQUEST: SigningRequest = {
  purpose: 'verity-root-hash',
  payload: new TextEncoder().encode('0123456789abcdef'.repeat(4)),
  digest: 'sha256',
  subject: 'hello',
}

/** A program of Node that signs, with what `code` does to its answer. */
function program(code: string, key = rsa): readonly string[] {
  const path = file(`key-${Math.random()}.pem`, key.keyPem)
  const script = `
    const { sign } = require('node:crypto')
    const { readFileSync, writeSync } = require('node:fs')
    const message = readFileSync(0)
    const key = readFileSync(${JSON.stringify(path)}, 'utf8')
    ${code}`
  return [process.execPath, '--eval', script]
}

function signerFor(words: readonly string[], key = rsa, patience = 60_000) {
  const environment = { PATH: process.env.PATH, INHERITED: 'yes' }
  return commandSigner({ words, certificate: certificateOf(key), environment, patience })
}

test('gives the same signature as the key in a file', async () => {
  const signer = signerFor(program("writeSync(1, sign('sha256', message, key))"))
  expect(await signer.sign(REQUEST)).toEqual(signRaw(rsa.key, REQUEST.payload))
})

test('tells the command what it signs, and nothing that was left over', async () => {
  const ask = async (request: SigningRequest) => {
    const script = `
      const names = Object.keys(process.env).filter((name) => name.startsWith('EXTSIGN_')).sort()
      console.error(names.map((name) => name + '=' + process.env[name]).join())
      process.exit(3)`
    const environment = { PATH: process.env.PATH, EXTSIGN_IMAGE_HASH: 'of the caller' }
    const certificate = certificateOf(rsa)
    const options = { words: program(script), certificate, environment, patience: 60_000 }
    const error = await commandSigner(options).sign(request).catch(String)
    return String(error).split('it said: ')[1]?.split(',')
  }
  expect(await ask(REQUEST)).toEqual([
    'EXTSIGN_DIGEST=sha256',
    'EXTSIGN_PURPOSE=verity-root-hash',
    `EXTSIGN_ROOT_HASH=${'0123456789abcdef'.repeat(4)}`,
    'EXTSIGN_SUBJECT=hello',
  ])
  const policy = policyOf(
    { bank: 'sha256', values: new Map([[11, new Uint8Array(32)]]) },
    { reference: 'initrd' },
  )
  expect(await ask(requestPolicySignature(policy, 'x'))).toEqual([
    'EXTSIGN_DIGEST=sha256',
    `EXTSIGN_POLICY_DIGEST=${toHex(policy.entry.policy)}`,
    `EXTSIGN_POLICY_PCRS=11:sha256=${'00'.repeat(32)}`,
    'EXTSIGN_POLICY_REFERENCE=initrd',
    'EXTSIGN_PURPOSE=pcr-policy',
    'EXTSIGN_SUBJECT=x',
  ])
})

test('is not run for what its purpose does not sign', async () => {
  const request: SigningRequest = { ...REQUEST, payload: new Uint8Array(64) }
  await expect(signerFor(['no-such-program']).sign(request)).rejects.toThrow(
    expect.objectContaining({ code: 'UNSUPPORTED' }),
  )
})

test.each(['p256', 'p384'] as const)('takes r and s of %s, and gives DER', async (algorithm) => {
  const key = makeTestKey(algorithm)
  const code = "writeSync(1, sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' }))"
  const signature = await signerFor(program(code, key), key).sign(REQUEST)
  expect(signature[0]).toBe(0x30)
})

describe('an answer that is no signature is refused', () => {
  const other = makeTestKey('rsa2048')
  const cases = [
    ['of another key', program("writeSync(1, sign('sha256', message, key))", other)],
    ['that is cut off', program("writeSync(1, sign('sha256', message, key).subarray(0, 255))")],
    ['with a newline', program("writeSync(1, sign('sha256', message, key)); console.log()")],
    ['in base64', program("writeSync(1, sign('sha256', message, key).toString('base64'))")],
    ['with SHA-512', program("writeSync(1, sign('sha512', message, key))")],
  ] as const
  test.each(cases)('%s', async (_, words) => {
    await expect(signerFor(words).sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({
        code: 'BAD_SIGNATURE',
        message: expect.stringMatching(/RSA 2048/),
      }),
    )
  })
})

describe('a command that does not sign is named', () => {
  const cases = [
    [
      'SIGNER_FAILED',
      /ended with 3; it said: no card$/,
      "console.error('no card'); process.exit(3)",
    ],
    ['SIGNER_FAILED', /ended with SIGKILL$/, "process.kill(process.pid, 'SIGKILL')"],
    ['SIGNER_FAILED', /printed nothing$/, ''],
    ['SIGNER_FAILED', /printed more than 16384 bytes/, 'for (;;) writeSync(1, "x".repeat(9999))'],
  ] as const
  test.each(cases)('%s: %s', async (code, message, script) => {
    await expect(signerFor(program(script)).sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })

  test('when it is not there', async () => {
    await expect(signerFor(['no-such-program']).sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({
        code: 'NOT_FOUND',
        message: expect.stringMatching(/no such program/),
      }),
    )
  })

  test('when it hangs, even with a child that keeps its output open', async () => {
    const code = `
      require('node:child_process').spawn('sleep', ['20'], { stdio: 'inherit' })
      setInterval(() => {}, 1000)`
    const begin = Date.now()
    await expect(signerFor(program(code), rsa, 1000).sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({
        code: 'TIMED_OUT',
        message: expect.stringMatching(/more than 1 s$/),
      }),
    )
    expect(Date.now() - begin).toBeLessThan(15_000)
  })
})

test('a command that does not read the message may still sign', async () => {
  const digests = Array.from({ length: 20_000 }, () => new Uint8Array(32))
  const data = encodeSignatureLists(makeSignatureLists({ digests }))
  const large = requestVariableSignature({ variable: 'dbx', data, time: new Date(0) })
  await expect(signerFor([process.execPath, '--eval', '']).sign(large)).rejects.toThrow(
    /printed nothing/,
  )
})

describe('a command is written down', () => {
  test('as JSON', async () => {
    expect(await readCommandWords('["openssl","dgst","a b",""]')).toEqual([
      'openssl',
      'dgst',
      'a b',
      '',
    ])
  })

  test('as a file with one word a line', async () => {
    const path = file('words', 'openssl\ndgst\r\na b $(x)\n')
    expect(await readCommandWords(path)).toEqual(['openssl', 'dgst', 'a b $(x)'])
  })

  test.each([
    ['[', /is not JSON/],
    ['[1]', /not a string/],
    ['[]', /names no program/],
    ['[""]', /names no program/],
    ['["a\\u0000"]', /NUL/],
    ['[["a"]]', /not a string/],
  ])('%s is none', async (text, message) => {
    await expect(readCommandWords(text)).rejects.toThrow(message)
  })

  test('a file with an empty line is none', async () => {
    await expect(readCommandWords(file('gap', 'a\n\nb\n'))).rejects.toThrow(/line 2 is empty/)
    await expect(readCommandWords(file('nothing', ''))).rejects.toThrow(/names no program/)
  })
})
