/** Reads that a signal interrupts, as on file systems that wait for a network or a program. */

import { closeSync, openSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeEach, expect, test, vi } from 'vitest'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const path = join(folder, 'data')
writeFileSync(path, 'some bytes')
const file = openSync(path, 'r')
afterAll(() => closeSync(file))

/** How often the next reads are interrupted, and what they fail with. */
let interruptions = 0
let code = 'EINTR'
beforeEach(() => {
  interruptions = 3
  code = 'EINTR'
})

function interrupt(): Error | undefined {
  if (interruptions-- <= 0) return undefined
  return Object.assign(new Error(code), { code, syscall: 'read' })
}

vi.doMock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const failing =
    <Args extends unknown[], Result>(call: (...args: Args) => Result) =>
    (...args: Args): Result => {
      const error = interrupt()
      if (error) throw error
      return call(...args)
    }
  const read = promisify(fs.read)
  const later = failing(() => new Error('only as a promise'))
  Object.assign(later, {
    [promisify.custom]: async (...args: Parameters<typeof read>) => {
      const error = interrupt()
      if (error) throw error
      return read(...args)
    },
  })
  return {
    ...fs,
    readSync: failing(fs.readSync as (...args: unknown[]) => number),
    readvSync: failing(fs.readvSync),
    read: later,
  }
})
const { readAt, readDescriptor, readHandle, readvAt } = await import('../../src/files/read.ts')

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()

test('are made again', async () => {
  const target = new Uint8Array(5)
  expect(readAt(file, target, 5)).toBe(5)
  expect(text(target)).toBe('bytes')
  interruptions = 1
  const [first, second] = [new Uint8Array(4), new Uint8Array(10)]
  expect(readvAt(file, [first, second], 0)).toBe(10)
  expect(text(first) + text(second.subarray(0, 6))).toBe('some bytes')
  interruptions = 2
  await expect(readDescriptor(file, target, 0)).resolves.toBe(5)
  expect(text(target)).toBe('some ')
  expect(interruptions).toBeLessThan(0)
})

test('of a handle are made again, and go on where the last one ended', async () => {
  const handle = await open(path)
  const target = new Uint8Array(5)
  const failing = Object.assign(Object.create(handle), {
    read: async (...args: readonly unknown[]) => {
      const error = interrupt()
      if (error) throw error
      return Reflect.apply(handle.read, handle, args)
    },
  })
  await expect(readHandle(failing, target, null)).resolves.toBe(5)
  interruptions = 2
  await expect(readHandle(failing, target, null)).resolves.toBe(5)
  expect(text(target)).toBe('bytes')
  await handle.close()
})

test.each(['EIO', 'EAGAIN', 'EISDIR'])('other errors stay: %s', async (other) => {
  code = other
  const target = new Uint8Array(1)
  expect(() => readAt(file, target, 0)).toThrow(other)
  expect(() => readvAt(file, [target], 0)).toThrow(other)
  await expect(readDescriptor(file, target, 0)).rejects.toThrow(other)
})
