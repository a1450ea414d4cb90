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

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
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
    await sleep(500)
    const writer = openSync(fifo, 'w')
    // Longer than a fifo without a writer is given.
    await sleep(4000)
    writeFileSync(writer, 'no key')
    closeSync(writer)
    const [code] = await once(child, 'close')
    expect(await stderr).not.toContain('no program writes')
    expect(await stderr).toContain(fifo)
    expect(code).toBe(1)
  })

  test('for a fifo that is open and silent ends with a signal', async () => {
    const child = start('keys', 'inspect', fifo)
    await sleep(500)
    const writer = openSync(fifo, 'w')
    await sleep(500)
    child.kill('SIGTERM')
    const [, signal] = await once(child, 'close')
    closeSync(writer)
    expect(signal).toBe('SIGTERM')
  })

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'for standard input, having asked for signals, ends with the second %s, or soon',
    async (kind) => {
      for (const count of [1, 2]) {
        const child = start('cred', 'batch', '-')
        await sleep(1500)
        for (let index = 0; index < count; index++) {
          child.kill(kind)
          await sleep(100)
        }
        const started = performance.now()
        const [code, signal] = await once(child, 'close')
        expect(code === 130 || signal === kind).toBe(true)
        expect(performance.now() - started).toBeLessThan(count === 1 ? 12_000 : 4000)
      }
    },
  )
})
