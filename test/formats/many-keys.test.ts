import { afterEach, expect, test, vi } from 'vitest'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { decodeVeritySignature } from '../../src/formats/verity-signature.ts'
import { readVeritySignature } from '../../src/formats/verity-signature-reader.ts'

// A signature partition is up to 4 MiB large, and may have as many names as fit.

afterEach(() => {
  vi.restoreAllMocks()
})

const FIELDS = `"rootHash":"${'ab'.repeat(32)}","signature":"MAD/"`

/** A partition with `count` names of which readers know none, and then those that they know. */
function partitionWith(count: number): Uint8Array {
  const names = Array.from({ length: count }, (_, index) => `"${index.toString(36)}":1`)
  return encodeUtf8(`{${[...names, FIELDS].join()}}`)
}

/** Characters that were parsed as JSON while `read` ran. */
function parsedBy(read: () => void): number {
  const parse = vi.spyOn(JSON, 'parse')
  read()
  const parsed = parse.mock.calls.reduce((sum, [text]) => sum + text.length, 0)
  parse.mockRestore()
  return parsed
}

test.each([5000, 20_000])('%i names are parsed twice at most', (count) => {
  const partition = partitionWith(count)
  const results: unknown[] = []
  expect(parsedBy(() => results.push(readVeritySignature(partition)))).toBeLessThan(
    2 * partition.length,
  )
  expect(parsedBy(() => results.push(decodeVeritySignature(partition)))).toBeLessThan(
    2 * partition.length,
  )
  expect(results[0]).toMatchObject({ kind: 'read', signature: Uint8Array.of(0x30, 0x00, 0xff) })
  expect(results[1]).toMatchObject({ signature: Uint8Array.of(0x30, 0x00, 0xff) })
})

test('471045 names, as many as fit, are read within the time of a test', () => {
  // The names are short, and some are there twice: the strict reader refuses that.
  const names = Array.from({ length: 471_045 }, (_, index) => `"${(index % 1296).toString(36)}":1`)
  const partition = encodeUtf8(`{${[...names, FIELDS].join()}}`)
  expect(partition.length).toBeLessThan(4 * 1024 * 1024)
  expect(readVeritySignature(partition)).toMatchObject({ kind: 'read' })
  expect(() => decodeVeritySignature(partition)).toThrow()
}, 30_000)
