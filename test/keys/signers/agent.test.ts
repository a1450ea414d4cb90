import { existsSync, statSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Purpose } from '../../../src/keys/purpose.ts'
import type { SigningRequest } from '../../../src/keys/signer.ts'
import { agentSigner } from '../../../src/keys/signers/agent-signer.ts'
import { type Agent, type AgentEvent, startAgent } from '../../../src/keys/signers/start-agent.ts'
import { certificateOf, signingWith } from '../../images/fixtures.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { makeTestKey, signRaw, type TestKey } from '../test-keys.ts'

const folder = temporaryFolder()
const rsa = makeTestKey('rsa2048')
const other = makeTestKey('rsa2048', { serial: new Uint8Array(16).fill(1) })
const ROOT_HASH = new TextEncoder().encode('0123456789abcdef'.repeat(4))
const REQUEST: SigningRequest = {
  purpose: 'verity-root-hash',
  payload: ROOT_HASH,
  digest: 'sha256',
  subject: 'hello',
}

let number = 0
const newPath = () => join(folder, `${number++}.sock`)
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** An agent for a key, with what it was asked. */
async function start(
  key: TestKey = rsa,
  purposes: readonly Purpose[] = ['verity-root-hash'],
): Promise<{ path: string; events: AgentEvent[]; agent: Agent }> {
  const socket = newPath()
  const events: AgentEvent[] = []
  const certificate = certificateOf(key)
  const signer = { ...signingWith(key).signer, certificate, warnings: [], forget: () => undefined }
  const agent = await startAgent({
    socket,
    signer,
    purposes,
    onRequest: (event) => events.push(event),
  })
  closing.push(agent.close)
  return { path: socket, events, agent }
}

const signerAt = (socket: string, key = rsa, patience = 60_000) =>
  agentSigner({ socket, certificate: certificateOf(key), patience })

/** A server that answers every connection with `answer`, whatever it hears. */
async function startFake(answer: string | Uint8Array | undefined): Promise<string> {
  const path = newPath()
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => answer !== undefined && socket.end(answer))
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  closing.push(() => new Promise((resolve) => void server.close(() => resolve())))
  return path
}

/** What an agent answers to raw bytes. */
function say(path: string, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(heard))
    socket.end(bytes)
  })
}

test('signs as the key in a file does, for many at once, and says so', async () => {
  const { path, events } = await start()
  const signer = signerAt(path)
  const expected = signRaw(rsa.key, ROOT_HASH)
  const signatures = await Promise.all(Array.from({ length: 20 }, () => signer.sign(REQUEST)))
  for (const signature of signatures) expect(signature).toEqual(expected)
  expect(events).toHaveLength(20)
  expect(events[0]).toMatchObject({ request: { subject: 'hello' }, refusal: undefined })
})

test('its socket is for its owner alone, and leaves with it', async () => {
  const { path, agent } = await start()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await agent.close()
  expect(existsSync(path)).toBe(false)
})

describe('is refused with the reason', () => {
  const cases: readonly [string, Partial<SigningRequest>, RegExp][] = [
    ['another purpose', { purpose: 'pcr-policy', payload: new Uint8Array(32) }, /not pcr-policy$/],
    ['what is no root hash', { payload: new Uint8Array(32) }, /64 hexadecimal digits/],
    ['a root hash with a newline', { payload: Uint8Array.of(...ROOT_HASH, 10) }, /64 hexadecimal/],
    ['another digest', { digest: 'sha512' }, /hashed with SHA-256/],
  ]
  test.each(cases)('%s', async (_, change, message) => {
    const { path, events } = await start()
    await expect(signerAt(path).sign({ ...REQUEST, ...change })).rejects.toThrow(
      expect.objectContaining({ code: 'SIGNER_FAILED', message: expect.stringMatching(message) }),
    )
    expect(events[0]?.refusal).toMatch(message)
  })

  test('a root hash in the name of a policy', async () => {
    const { path } = await start(rsa, ['pcr-policy'])
    await expect(signerAt(path).sign({ ...REQUEST, purpose: 'pcr-policy' })).rejects.toThrow(
      /and no root hash$/,
    )
  })

  test('another certificate', async () => {
    const { path } = await start()
    await expect(signerAt(path, other).sign(REQUEST)).rejects.toThrow(/holds no key for/)
  })
})

test.each([
  ['\n', /not a JSON object/],
  ['[]\n', /not a JSON object/],
  ['{"version":2}\n', /version must be 1/],
  ['{"version":1,"digest":"md5"}\n', /digest must be/],
  ['{"version":1,"digest":"sha256","purpose":7}\n', /purpose must be a string/],
  ['{"version":1,"digest":"sha256","purpose":"x","payload":"?"}\n', /payload must be/],
  [Uint8Array.of(0xff, 10), /not a JSON object/],
])('answers %j with what is wrong', async (line, message) => {
  const { path, events } = await start()
  expect(JSON.parse(await say(path, line)).error).toMatch(message)
  expect(events).toEqual([{ request: undefined, refusal: expect.stringMatching(message) }])
})

test('whoever says nothing, too much or half a line hears nothing, and the agent lives on', async () => {
  const { path } = await start()
  expect(await say(path, '')).toBe('')
  expect(await say(path, '{"version":1')).toBe('')
  expect(await say(path, 'x'.repeat(1 << 21))).toBe('')
  await expect(signerAt(path).sign(REQUEST)).resolves.toHaveLength(256)
})

describe('an agent that does not sign is named', () => {
  test.each([
    ['SIGNER_FAILED', /closed without an answer$/, ''],
    ['SIGNER_FAILED', /does not speak our protocol/, 'hello\n'],
    ['SIGNER_FAILED', /does not speak our protocol/, '{"version":1}\n'],
    ['SIGNER_FAILED', /refuses: no$/, '{"version":1,"error":"no"}\n'],
    ['BAD_SIGNATURE', /gave 3 bytes/, '{"version":1,"signature":"AAAA"}\n'],
    ['TIMED_OUT', /within 0.3 s$/, undefined],
  ] as const)('%s: %s', async (code, message, answer) => {
    const path = await startFake(answer)
    await expect(signerAt(path, rsa, 300).sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    )
  })

  test('when nobody is there', async () => {
    await expect(signerAt(newPath()).sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', hint: 'extsign agent starts one' }),
    )
  })
})

test('takes the place of a dead agent, and of nothing else', async () => {
  const { path } = await start()
  await expect(startAgent({ socket: path, signer: signerAt(path), purposes: [] })).rejects.toThrow(
    expect.objectContaining({ code: 'EXISTS', hint: 'another agent listens there' }),
  )
  const plain = newPath()
  writeFileSync(plain, '')
  await expect(startAgent({ socket: plain, signer: signerAt(path), purposes: [] })).rejects.toThrow(
    expect.objectContaining({ code: 'EXISTS', hint: 'it is no socket' }),
  )
})
