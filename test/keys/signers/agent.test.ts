import { existsSync, readdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { formatAgentRequest } from '../../../src/formats/signing-agent.ts'
import type { Purpose } from '../../../src/formats/signing-purpose/parts.ts'
import { policyKeyOfDer } from '../../../src/keys/policy-key.ts'
import type { SigningRequest } from '../../../src/keys/signer.ts'
import { agentSigner } from '../../../src/keys/signers/agent-signer.ts'
import { askAgent } from '../../../src/keys/signers/ask-agent.ts'
import {
  type Agent,
  type AgentEvent,
  type AgentOptions,
  startAgent,
} from '../../../src/keys/signers/start-agent.ts'
import { policyOf } from '../../../src/policies/policy.ts'
import { requestPolicySignature } from '../../../src/policies/sign.ts'
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

const policy = policyOf({ bank: 'sha256', values: new Map([[11, new Uint8Array(32)]]) })
const POLICY = requestPolicySignature(policy, 'linux.efi')

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
  change: Partial<AgentOptions> = {},
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
    ...change,
  })
  closing.push(agent.close)
  return { path: socket, events, agent }
}

const signerAt = (socket: string, key = rsa, patience = 60_000) =>
  agentSigner({ socket, certificate: certificateOf(key), patience })

/** Asks without looking at what is asked, as a hostile peer does. */
const ask = (socket: string, request: SigningRequest) =>
  askAgent(socket, { ...request, certificate: certificateOf(rsa).fingerprint }, 60_000)

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
  expect(events[0]).toMatchObject({
    request: { subject: 'hello' },
    parts: { rootHash: '0123456789abcdef'.repeat(4) },
    refusal: undefined,
  })
})

test('signs a policy whose PCRs are told', async () => {
  const { path, events } = await start(rsa, ['pcr-policy'])
  expect(await signerAt(path).sign(POLICY)).toEqual(signRaw(rsa.key, POLICY.payload))
  expect(events[0]).toMatchObject({ parts: { bank: 'sha256', values: POLICY.policy!.values } })
})

test('signs the policy of an old key anew where it was told about that key', async () => {
  const oldKey = policyKeyOfDer(certificateOf(other).publicKeyDer, 'old.pub')
  const { payload } = POLICY
  const approval = { publicKeyPem: oldKey.pem, signature: signRaw(other.key, payload) }
  const request: SigningRequest = { ...POLICY, policy: { bank: 'sha256', approval } }
  const strict = await start(rsa, ['pcr-policy'])
  await expect(signerAt(strict.path).sign(request)).rejects.toThrow(/signs no policies of key/)
  const { path, events } = await start(rsa, ['pcr-policy'], { oldKeys: [oldKey] })
  expect(await signerAt(path).sign(request)).toEqual(signRaw(rsa.key, payload))
  expect(events[0]?.parts).toMatchObject({ approvedBy: oldKey.fingerprint })
  const forged = { ...approval, signature: signRaw(rsa.key, payload) }
  const asked = { ...POLICY, policy: { bank: 'sha256', approval: forged } } as const
  await expect(ask(path, asked)).rejects.toThrow(/earlier signature .* does not verify/)
})

test('its socket is for its owner alone, and leaves with it', async () => {
  const { path, agent } = await start()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  await agent.close()
  expect(existsSync(path)).toBe(false)
})

describe('is refused with the reason', () => {
  const cases: readonly [string, Partial<SigningRequest>, RegExp][] = [
    ['another purpose', POLICY, /not pcr-policy$/],
    ['what is no root hash', { payload: new Uint8Array(32) }, /64 hexadecimal digits/],
    ['a root hash with a newline', { payload: Uint8Array.of(...ROOT_HASH, 10) }, /64 hexadecimal/],
    ['another digest', { digest: 'sha512' as 'sha256' }, /digest must be sha256/],
  ]
  test.each(cases)('%s', async (_, change, message) => {
    const { path, events } = await start()
    await expect(ask(path, { ...REQUEST, ...change })).rejects.toThrow(
      expect.objectContaining({ code: 'SIGNER_FAILED', message: expect.stringMatching(message) }),
    )
    expect(events[0]?.refusal).toMatch(message)
  })

  test('a policy that is not what its PCRs lead to, and is not asked for', async () => {
    const { path, events } = await start(rsa, ['pcr-policy'])
    const { policy } = POLICY
    const changes: readonly [Partial<SigningRequest>, RegExp][] = [
      [{ payload: new Uint8Array(32) }, /the digest of the policy/],
      [{ payload: Uint8Array.of(0x31, 62, ...new Uint8Array(62)) }, /the digest of the policy/],
      [{ payload: ROOT_HASH, policy: { ...policy!, reference: 'x' } }, /the digest of the policy/],
      [{ policy: { bank: 'sha256', values: new Map() } }, /one PCR or more/],
    ]
    for (const [change, message] of changes) {
      const request = { ...POLICY, ...change }
      await expect(ask(path, request)).rejects.toThrow(message)
      await expect(signerAt(path).sign(request)).rejects.toThrow(message)
    }
    expect(events).toHaveLength(changes.length)
  })

  test('another certificate', async () => {
    const { path } = await start()
    await expect(signerAt(path, other).sign(REQUEST)).rejects.toThrow(/holds no key for/)
  })
})

test.each([
  ['\n', /line is not JSON/],
  ['[]\n', /not a JSON object/],
  ['{"version":2}\n', /version must be 1/],
  ['{"version":1,"digest":"md5"}\n', /digest must be/],
  ['{"version":1,"digest":"sha256","purpose":7}\n', /purpose must be a string/],
  ['{"version":1,"digest":"sha256","purpose":"constructor"}\n', /purpose must be one of/],
  ['{"version":1,"digest":"sha256","purpose":"pcr-policy","payload":"?"}\n', /payload must be/],
  [Uint8Array.of(0xff, 10), /line is not JSON/],
])('answers %j with what is wrong', async (line, message) => {
  const { path, events } = await start()
  expect(JSON.parse(await say(path, line)).error).toMatch(message)
  expect(events).toEqual([
    { request: undefined, parts: undefined, refusal: expect.stringMatching(message) },
  ])
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

describe('lives on when its peers', () => {
  const line = (subject = 'peer') =>
    formatAgentRequest({ ...REQUEST, subject, certificate: certificateOf(rsa).fingerprint })

  /** Connections that stay as they are until the test has ended. */
  async function connect(path: string, count: number, meet: (socket: Socket) => void) {
    const sockets = Array.from({ length: count }, () => createConnection(path))
    closing.push(async () => {
      for (const socket of sockets) socket.destroy()
    })
    for (const socket of sockets) socket.on('error', () => undefined)
    await Promise.all(sockets.map((each) => new Promise((done) => each.once('connect', done))))
    for (const socket of sockets) meet(socket)
    return sockets
  }

  const cases: readonly [string, (socket: Socket) => void][] = [
    ['say more after the answer', (socket) => socket.once('data', () => socket.write('x'))],
    ['never close and read nothing', (socket) => void socket.write(line())],
    ['never close', (socket) => void socket.on('data', () => undefined).write(line())],
    ['ask twice', (socket) => void socket.write(line() + line())],
    ['say nothing', () => undefined],
    ['say half of it', (socket) => void socket.write(line().slice(0, 50))],
    ['go away before the answer', (socket) => socket.write(line(), () => socket.destroy())],
  ]
  test.each(cases)('%s, a hundred of them', async (_, meet) => {
    const { path, agent } = await start(rsa, undefined, { patience: 200 })
    await connect(path, 100, (socket) => {
      socket.pause()
      meet(socket)
      if (meet === cases[0]?.[1]) socket.write(line())
    })
    await expect(signerAt(path).sign(REQUEST)).resolves.toHaveLength(256)
    await agent.close()
  })

  test('speak byte by byte for ever', async () => {
    const { path } = await start(rsa, undefined, { patience: 300 })
    const closed: Promise<unknown>[] = []
    await connect(path, 3, (socket) => {
      const dripping = setInterval(() => socket.write('{'), 20)
      closed.push(new Promise((resolve) => socket.once('close', resolve)))
      socket.on('close', () => clearInterval(dripping))
    })
    await Promise.all(closed)
    await expect(signerAt(path).sign(REQUEST)).resolves.toHaveLength(256)
  })

  test('end what they say before they hear the answer', async () => {
    const { path } = await start()
    expect(JSON.parse(await say(path, line()))).toHaveProperty('signature')
  })

  test('come in bits, and are understood', async () => {
    const { path } = await start()
    const [socket] = await connect(path, 1, () => undefined)
    const heard = new Promise((resolve) => socket?.once('data', (data) => resolve(`${data}`)))
    for (const part of line('x'.repeat(4000)).match(/.{1,37}|\n/g) ?? []) socket?.write(part)
    expect(JSON.parse(`${await heard}`)).toHaveProperty('signature')
  })

  test('hold it while it is closed', async () => {
    const { path, agent } = await start()
    await connect(path, 200, () => undefined)
    await agent.close()
    expect(existsSync(path)).toBe(false)
  })
})

describe('ten requests at once reach a key', () => {
  const askTen = async (sign: () => Promise<Uint8Array>, isConcurrent: boolean) => {
    const signer = {
      sign,
      isConcurrent,
      certificate: certificateOf(rsa),
      warnings: [],
      forget() {},
    }
    const { path } = await start(rsa, undefined, { signer })
    await Promise.all(Array.from({ length: 10 }, () => signerAt(path).sign(REQUEST)))
  }
  const signature = new Uint8Array(signRaw(rsa.key, ROOT_HASH))

  test('one after the other', async () => {
    let [now, most] = [0, 0]
    const sign = async () => {
      most = Math.max(most, ++now)
      await setTimeout(5)
      now--
      return signature
    }
    await askTen(sign, false)
    expect(most).toBe(1)
  })

  test('together, where it takes several', async () => {
    let count = 0
    let meet = () => {}
    const together = new Promise<void>((resolve) => {
      meet = resolve
    })
    const sign = async () => {
      if (++count === 10) meet()
      await together
      return signature
    }
    await askTen(sign, true)
    expect(count).toBe(10)
  })
})

test('answers when the request was shown', async () => {
  const shown: string[] = []
  const { path } = await start(rsa, undefined, {
    onRequest: async ({ request }) => {
      await setTimeout(50)
      shown.push(`${request?.subject}`)
    },
  })
  await signerAt(path).sign(REQUEST)
  expect(shown).toEqual(['hello'])
})

describe('a socket', () => {
  const signer = { ...signingWith(rsa).signer, certificate: certificateOf(rsa), warnings: [] }
  const options = (socket: string) => ({
    ...{ socket, signer: { ...signer, forget: () => undefined } },
    purposes: ['verity-root-hash'] as const,
  })

  test.each([108, 300])('of %i bytes is refused, by either side', async (size) => {
    const path = join(folder, 'x'.repeat(size)).slice(0, size)
    const before = readdirSync(folder)
    const message = new RegExp(`its path has ${size} bytes, a socket's has at most`)
    await expect(startAgent(options(path))).rejects.toThrow(
      expect.objectContaining({ code: 'UNREADABLE', message: expect.stringMatching(message) }),
    )
    await expect(signerAt(path).sign(REQUEST)).rejects.toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', message: expect.stringMatching(message) }),
    )
    expect(readdirSync(folder)).toEqual(before)
  })

  test('that is the longest there may be works', async () => {
    const path = join(folder, 'y'.repeat(107)).slice(0, 107)
    const agent = await startAgent(options(path))
    await expect(signerAt(path).sign(REQUEST)).resolves.toHaveLength(256)
    await agent.close()
  })

  test('in a folder that is not there is refused, and nothing is left that listens', async () => {
    await expect(startAgent(options(join(folder, 'missing', 'sock')))).rejects.toThrow(
      expect.objectContaining({
        code: 'UNREADABLE',
        message: expect.stringMatching(/EACCES|ENOENT/),
      }),
    )
  })

  test('of another agent at the same path is not removed at the end', async () => {
    const { path, agent } = await start()
    renameSync(path, `${path}.moved`)
    const second = await startAgent(options(path))
    await agent.close()
    await expect(signerAt(path).sign(REQUEST)).resolves.toHaveLength(256)
    await second.close()
    expect(existsSync(path)).toBe(false)
  })

  test('that is dead is replaced by one of many agents that start together', async () => {
    const { path, agent } = await start()
    renameSync(path, `${path}.dead`)
    await agent.close()
    for (let round = 0; round < 5; round++) {
      renameSync(`${path}.dead`, path)
      const started = await Promise.allSettled(
        Array.from({ length: 8 }, () => startAgent(options(path))),
      )
      const agents = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      expect(agents).toHaveLength(1)
      await expect(signerAt(path).sign(REQUEST)).resolves.toHaveLength(256)
      renameSync(path, `${path}.dead`)
      for (const each of agents) await each.close()
    }
    const left = readdirSync(folder).filter((name) => name.startsWith('.'))
    expect(left).toEqual([])
  })

  test('is not made where a link is', async () => {
    const path = newPath()
    symlinkSync(join(folder, 'elsewhere'), path)
    await expect(startAgent(options(path))).rejects.toThrow(
      expect.objectContaining({ code: 'EXISTS', hint: 'it is no socket' }),
    )
    expect(existsSync(join(folder, 'elsewhere'))).toBe(false)
  })
})
