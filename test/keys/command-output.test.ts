import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCommandOutput as read } from '../../src/keys/command-output.ts'
import { temporaryFolder } from '../support/temporary.ts'

const readCommandOutput = (words: readonly string[], maximum: number) =>
  read({ words, maximum, environment: {}, patience: 60_000 })

const node = (script: string) => [process.execPath, '-e', script]

test('is what the program prints, byte for byte', async () => {
  const script = 'process.stdout.write(Buffer.from([0, 255, 10]))'
  expect(await readCommandOutput(node(script), 3)).toEqual(Uint8Array.of(0, 255, 10))
})

test('words are no shell', async () => {
  const words = [...node('process.stdout.write(process.argv[1])'), '$(id); *']
  expect(new TextDecoder().decode(await readCommandOutput(words, 100))).toBe('$(id); *')
})

describe('is refused where the program', () => {
  test.each([
    ['fails', node('process.exit(3)'), `${process.execPath} ended with 3`],
    ['is killed', node('process.kill(process.pid, "SIGKILL")'), 'ended with SIGKILL'],
    ['prints too much', node('process.stdout.write("x".repeat(11))'), 'more than 10 bytes'],
    ['prints without end', node('for (;;) console.log("x")'), 'more than 10 bytes'],
    ['is not there', ['/nonexistent/program'], 'cannot run /nonexistent/program'],
    ['is below a file', [`${process.execPath}/x`], 'a part of the path is not a directory'],
    ['has a name that is too long', ['a'.repeat(5000)], 'the name is too long'],
    ['gets too much', [process.execPath, 'a'.repeat(1_000_000)], 'arguments and environment are'],
    ['gets what no program can', [process.execPath, 'a\0b'], 'without null bytes'],
  ])('%s', async (_, words, message) => {
    await expect(readCommandOutput(words, 10)).rejects.toThrow(message)
  })
})

describe('a program', () => {
  const folder = temporaryFolder()
  const isAlive = (pid: number) => {
    try {
      process.kill(pid, 0)
      return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    } catch {
      return false
    }
  }
  /** Starts another that holds the output open, and writes its number to a file. */
  const parent = (name: string, ending: string) => {
    const script = `
      const { spawn } = require("child_process")
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" })
      require("fs").writeFileSync(${JSON.stringify(join(folder, name))}, String(child.pid))
      process.stdout.write("sesame", () => { ${ending} })`
    return node(script)
  }
  const childOf = (name: string) => Number(readFileSync(join(folder, name), 'utf8'))
  const gone = (name: string) => expect.poll(() => isAlive(childOf(name))).toBe(false)

  test('that takes too long is ended with its children', async () => {
    const words = parent('slow', '')
    const reading = read({ words, maximum: 10, environment: {}, patience: 2000 })
    await expect(reading).rejects.toThrow(`${process.execPath} took more than 2 s`)
    await gone('slow')
  })

  test('is not waited for beyond its own end, and leaves no children', async () => {
    const words = parent('left', 'process.exit()')
    expect(new TextDecoder().decode(await readCommandOutput(words, 10))).toBe('sesame')
    await gone('left')
  })

  test('is ended with its children when that is asked for', async () => {
    const abort = new AbortController()
    const words = parent('aborted', '')
    const options = { words, maximum: 10, environment: {}, patience: 60_000 }
    const reading = read({ ...options, signal: abort.signal })
    await expect.poll(() => existsSync(join(folder, 'aborted'))).toBe(true)
    abort.abort()
    await expect(reading).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    await gone('aborted')
  })

  test('finds the environment that it is given, and no other', async () => {
    const script = 'process.stdout.write(Object.keys(process.env).join())'
    const options = { words: node(script), maximum: 100, patience: 60_000 }
    const found = await read({ ...options, environment: { ONLY: 'x' } })
    expect(new TextDecoder().decode(found)).toBe('ONLY')
  })
})
