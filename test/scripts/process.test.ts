import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { EXTSIGN } from '../support/extsign.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

function start(...args: string[]) {
  return spawn(process.execPath, [EXTSIGN, ...args], { cwd: folder, env: { PATH: '' } })
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += String(chunk)
  return all
}

test('a reader that goes away is no error', async () => {
  const child = start('completion', 'bash')
  child.stdout.destroy()
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
})

test.runIf(existsSync('/dev/full'))('results that cannot be written are a failure', async () => {
  const full = openSync('/dev/full', 'w')
  const child = spawn(process.execPath, [EXTSIGN, 'completion', 'bash'], {
    stdio: ['ignore', full, 'pipe'],
  })
  const [stderr, [code]] = await Promise.all([text(child.stderr!), once(child, 'close')])
  closeSync(full)
  expect(stderr).toMatch(/^extsign: error: output: ENOSPC/)
  expect(code).toBe(1)
})

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s', (signal) => {
  test('removes what was half written', async () => {
    const tree = join(folder, `tree-${signal}`)
    const into = join(folder, `into-${signal}`)
    mkdirSync(join(tree, 'usr'), { recursive: true })
    mkdirSync(into)
    for (let index = 0; index < 64; index++) {
      writeFileSync(join(tree, 'usr', `file${index}`), Buffer.alloc(8 << 20, `${index} `))
    }
    const args = ['--unsigned', '--id', '_any', '--compression', 'zstd:19', '-o', `${into}/a.raw`]
    const child = start('sysext', tree, '--name', 'a', ...args)
    const stderr = text(child.stderr)
    while (readdirSync(into).length === 0) await sleep(5)
    child.kill(signal)
    const [code] = await once(child, 'close')
    expect(await stderr).toBe('extsign: interrupted, nothing was written\n')
    expect(code).toBe(130)
    expect(readdirSync(into)).toEqual([])
  })
})

test('a folder that waits for a key is removed by a second signal too', async () => {
  const into = join(folder, 'rekeyed')
  mkdirSync(into)
  const credentials = join(folder, 'credentials')
  mkdirSync(credentials)
  writeFileSync(join(folder, 'secret'), 'secret')
  const sealed = start(
    ...['cred', 'encrypt', '--with-key=null', 'secret', join(credentials, 'x.cred')],
  )
  await once(sealed, 'close')
  const fifo = join(folder, 'device-key')
  execFileSync('/usr/bin/mkfifo', [fifo])
  const child = start(
    ...['cred', 'rekey', credentials, join(into, 'new'), '--allow-null'],
    ...['--with-key=tpm2', '--tpm2-device-key', fifo],
  )
  const closed = once(child, 'close')
  while (readdirSync(into).length === 0) await sleep(5)
  const writer = openSync(fifo, 'w')
  await sleep(200)
  child.kill('SIGTERM')
  await sleep(200)
  child.kill('SIGTERM')
  const [, signal] = await closed
  closeSync(writer)
  expect(signal).toBe('SIGTERM')
  expect(readdirSync(into)).toEqual([])
})

describe.runIf(process.platform === 'linux')('a command that waits', () => {
  const fifo = join(folder, 'fifo')
  execFileSync('/usr/bin/mkfifo', [fifo])

  test('for a fifo into which nothing writes gives up', async () => {
    const child = start('keys', 'inspect', fifo)
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
    expect(stderr).toContain(`${fifo} is a pipe into which no program writes`)
    expect(code).toBe(1)
  })

  test('for a fifo takes what comes late', async () => {
    const child = start('keys', 'inspect', fifo)
    const stderr = text(child.stderr)
    const closed = once(child, 'close')
    const writer = openSync(fifo, 'w')
    // Longer than a fifo without a writer is given.
    await sleep(4000)
    writeFileSync(writer, 'no key')
    closeSync(writer)
    const [code] = await closed
    expect(await stderr).not.toContain('no program writes')
    expect(await stderr).toContain(fifo)
    expect(code).toBe(1)
  })

  test('for a fifo that is open and silent ends with a signal', async () => {
    const child = start('keys', 'inspect', fifo)
    const closed = once(child, 'close')
    // Opened once there is a reader.
    const writer = openSync(fifo, 'w')
    await sleep(500)
    child.kill('SIGTERM')
    const [, signal] = await closed
    closeSync(writer)
    expect(signal).toBe('SIGTERM')
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('for standard input ends with %s', async (kind) => {
    const child = start('cred', 'batch', '-')
    const closed = once(child, 'close')
    await sleep(1500)
    child.kill(kind)
    const [code, signal] = await closed
    expect(code === 130 || signal === kind).toBe(true)
  })
})
