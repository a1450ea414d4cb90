import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ProcessStream, processOutput } from '../../src/cli/process-output.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const never = (error: Error) => expect.unreachable(error.message)

/** A stream that looks at what it was given only when it has room. */
function slowStream(received: Uint8Array[]): ProcessStream {
  const stream = new Writable({
    highWaterMark: 1,
    write(chunk: Uint8Array, _, taken) {
      setImmediate(() => {
        received.push(new Uint8Array(chunk))
        taken()
      })
    },
  })
  return Object.assign(stream, { fd: 1, isTTY: true, columns: 0 })
}

/** A stream whose reader goes away with the errno `code` after `count` writes. */
function closingStream(count: number, code: string): ProcessStream {
  let left = count
  const stream = new Writable({
    write(_, __, taken) {
      setImmediate(() => taken(left-- > 0 ? null : Object.assign(new Error(code), { code })))
    },
  })
  return Object.assign(stream, { fd: 1, isTTY: true })
}

test('bytes that are overwritten once they are delivered arrive as they were', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 }),
      async (secrets) => {
        const received: Uint8Array[] = []
        const output = processOutput(slowStream(received), never)
        const expected = Buffer.concat(secrets)
        const delivered = secrets.map(async (bytes) => {
          const secret = bytes.slice()
          const isTaken = await output.deliver(secret)
          secret.fill(0)
          return isTaken
        })
        await output.flushed()
        expect(Buffer.concat(received)).toEqual(expected)
        expect(await Promise.all(delivered)).toEqual(secrets.map(() => true))
      },
    ),
    { numRuns: 50 },
  )
})

test('text and bytes keep their order, and nothing is left when it is flushed', async () => {
  const received: Uint8Array[] = []
  const output = processOutput(slowStream(received), never)
  output.write('a')
  void output.deliver(Uint8Array.of(0x62))
  output.write('c')
  await output.flushed()
  expect(Buffer.concat(received).toString()).toBe('abc')
  expect(output).toMatchObject({ isTerminal: true, columns: 80 })
})

test('a reader that goes away is told from one that took everything', async () => {
  const output = processOutput(closingStream(1, 'EPIPE'), never)
  expect(await output.deliver('first')).toBe(true)
  const both = [output.deliver('second'), output.deliver('third')]
  expect(await Promise.all(both)).toEqual([false, false])
  expect(await output.deliver('fourth')).toBe(false)
  output.write('fifth')
  await output.flushed()
})

test('any other failure is told once', async () => {
  const failures: string[] = []
  const output = processOutput(closingStream(0, 'EIO'), (error) => failures.push(error.message))
  expect(await Promise.all([output.deliver('a'), output.deliver('b')])).toEqual([false, false])
  expect(failures).toEqual(['EIO'])
})

describe('a file', () => {
  const on = async (path: string, use: (stream: ProcessStream) => Promise<void>) => {
    const fd = openSync(path, 'w')
    const stream = { fd, write: () => expect.unreachable(), on: () => undefined }
    await use(stream).finally(() => closeSync(fd))
  }

  test('has the bytes when they are delivered', async () => {
    const path = join(folder, 'out')
    await on(path, async (stream) => {
      const output = processOutput(stream, never)
      const secret = new Uint8Array(100_000).fill(7)
      output.write('>')
      expect(await output.deliver(secret)).toBe(true)
      secret.fill(0)
      expect(readFileSync(path)).toEqual(Buffer.from(`>${'\x07'.repeat(100_000)}`))
    })
  })

  test('on a full disk has not', async () => {
    const failures: Error[] = []
    await on('/dev/full', async (stream) => {
      const output = processOutput(stream, (error) => failures.push(error))
      expect(await output.deliver('secret')).toBe(false)
      expect(await output.deliver('secret')).toBe(false)
    })
    expect(failures).toEqual([expect.objectContaining({ code: 'ENOSPC' })])
  })
})
