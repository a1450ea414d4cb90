/** An agent that is told to end ends at once, whatever its clients, its log and its key are doing. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { formatAgentRequest } from '../../src/formats/signing-agent.ts'
import { loadCertificate } from '../../src/keys/certificate.ts'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
/** The last words have a second, and the machine may be busy. */
const AT_ONCE = 10_000
let number = 0
let agent: ChildProcess | undefined
let clients: Socket[] = []
afterEach(() => {
  agent?.kill('SIGKILL')
  for (const client of clients) client.destroy()
  clients = []
})

const key = join(folder, 'release.key')
const certificate = join(folder, 'release.crt')
extsign(['keys', 'new', '--directory', folder, '--algorithm', 'p256'])

async function startAgent(...source: string[]): Promise<string> {
  const path = join(folder, `${number++}.sock`)
  const words = ['agent', '--socket', path, '--certificate', certificate, ...source]
  agent = spawn(process.execPath, [EXTSIGN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  await new Promise((resolve) => agent?.stdout?.once('data', resolve))
  return path
}

async function connect(path: string, count: number, said: string): Promise<void> {
  for (let each = 0; each < count; each++) {
    const client = createConnection(path)
    client.on('error', () => undefined)
    client.pause()
    clients.push(client)
    await new Promise((resolve) => client.once('connect', resolve))
    if (said !== '') client.write(said)
  }
  await setTimeout(500)
}

async function request(subject: string): Promise<string> {
  const { fingerprint } = await loadCertificate(certificate)
  const payload = Buffer.from('0123456789abcdef'.repeat(4))
  const asked = { purpose: 'verity-root-hash', digest: 'sha256', payload, subject } as const
  return formatAgentRequest({ ...asked, certificate: fingerprint })
}

/** How it ended, and after how many milliseconds. */
async function end(signal: NodeJS.Signals) {
  const start = Date.now()
  const ended = new Promise((resolve) => agent?.once('exit', (code, by) => resolve(code ?? by)))
  agent?.kill(signal)
  const how = await ended
  return { how, took: Date.now() - start }
}

describe.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s ends an agent', (signal) => {
  const file = ['--private-key', key]
  const command = ['--private-key-source=command', '--private-key=["/bin/sleep","600"]']

  test.each([
    ['with clients that say nothing', file, 100, async () => ''],
    ['with clients that do not close', file, 100, () => request('hello')],
    ['whose log is not read', file, 100, () => request('x'.repeat(4000))],
    ['whose key does not answer', command, 3, () => request('hello')],
  ])('%s', async (_, source, count, said) => {
    const path = await startAgent(...source)
    agent?.stdout?.pause()
    await connect(path, count, await said())
    const { how, took } = await end(signal)
    expect(how).toBe(0)
    expect(took).toBeLessThan(AT_ONCE)
    expect(existsSync(path)).toBe(false)
  })
})

test('SIGUSR1, on which Node would let every user debug it, does nothing to an agent', async () => {
  const path = await startAgent('--private-key', key)
  const said: string[] = []
  agent?.stderr?.on('data', (text) => said.push(String(text)))
  agent?.kill('SIGUSR1')
  await setTimeout(500)
  await connect(path, 1, await request('hello'))
  expect(said).toEqual([])
  expect((await end('SIGTERM')).how).toBe(0)
})
