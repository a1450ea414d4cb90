import { describe, expect, test } from 'vitest'
import { readCommandOutput as read } from '../../src/keys/command-output.ts'

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
  ])('%s', async (_, words, message) => {
    await expect(readCommandOutput(words, 10)).rejects.toThrow(message)
  })
})
