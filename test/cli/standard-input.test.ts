import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openInput, readStream } from '../../src/cli/standard-input.ts'
import { temporaryFolder } from '../support/temporary.ts'

const path = join(temporaryFolder(), 'input')

/** What Node makes of a pipe, a socket or a terminal: it gives `text` and ends. */
function streamOf(text: string, fd: number, isTTY = false) {
  return {
    ...{ fd, isTTY },
    setNoDelay: () => undefined,
    async *[Symbol.asyncIterator]() {
      yield new Uint8Array(Buffer.from(text))
    },
  }
}

describe('standard input that Node says has ended', () => {
  const read = async (left: string, isTTY = false) => {
    writeFileSync(path, left)
    const fd = openSync(path, 'r')
    try {
      return await readStream(openInput(streamOf('secret', fd, isTTY)), 100)
    } finally {
      closeSync(fd)
    }
  }
  const BROKEN = 'standard input broke off, and what came is not all of it'

  test('has ended where the system says so too', async () => {
    expect(await read('')).toEqual(new Uint8Array(Buffer.from('secret')))
  })

  test('has broken off where there is more', async () => {
    await expect(read('more')).rejects.toThrow(BROKEN)
    expect(readFileSync(path, 'utf8')).toBe('more')
  })

  test('has broken off where it was a terminal and is none any more', async () => {
    await expect(read('', true)).rejects.toThrow(BROKEN)
  })

  test('has broken off where it cannot be read', async () => {
    const stream = streamOf('secret', openSync(path, 'a'))
    await expect(readStream(openInput(stream), 100)).rejects.toThrow(BROKEN)
    closeSync(stream.fd)
  })
})
