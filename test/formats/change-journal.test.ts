import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesSource } from '../../src/bytes/source.ts'
import { FormatError } from '../../src/errors.ts'
import {
  type ChangeJournal,
  decodeChangeJournal,
  encodeChangeJournal,
  isFileOf,
} from '../../src/formats/change-journal.ts'

const JOURNAL: ChangeJournal = {
  oldSize: 1000,
  newSize: 1200,
  changes: [
    { offset: 10, old: Uint8Array.of(1, 2), bytes: Uint8Array.of(3, 4) },
    { offset: 999, old: Uint8Array.of(1), bytes: Uint8Array.of(3, 4, 5) },
    { offset: 1100, old: new Uint8Array(), bytes: Uint8Array.of(9) },
  ],
}
const encoded = JSON.parse(new TextDecoder().decode(encodeChangeJournal(JOURNAL)))

test('decoding inverts encoding', () => {
  expect(decodeChangeJournal(encodeChangeJournal(JOURNAL))).toEqual(JOURNAL)
})

test.each([
  [{ format: 'x' }, /format is not/],
  [{ version: 2 }, /format is not/],
  [{ oldSize: -1 }, /oldSize/],
  [{ newSize: 1.5 }, /newSize/],
  [{ newSize: '1200' }, /newSize/],
  [{ newSize: 1000 }, /does not fit/],
  [{ oldSize: 2000 }, /cannot grow from 2000 to 1200/],
  [{ newSize: 1000 + 16384 + 4096 + 1 }, /cannot grow/],
  [{ newSize: 2 ** 41 }, /cannot grow/],
  [{ changes: [encoded.changes[0], encoded.changes[0]] }, /two changes are of the same bytes/],
  [
    {
      oldSize: 2 ** 24,
      newSize: 2 ** 24,
      changes: [{ offset: 0, old: 'AAAA'.repeat(2 ** 22), new: 'AAAA'.repeat(2 ** 22) }],
    },
    /more than 9437184 bytes change/,
  ],
  [{ changes: {} }, /changes is not a list/],
  [{ changes: Array(17).fill(encoded.changes[0]) }, /changes is not a list/],
  [{ changes: [null] }, /not an object/],
  [{ changes: [{ ...encoded.changes[0], old: 'AQ==' }] }, /lacks what was there/],
  [{ changes: [{ ...encoded.changes[0], old: '?' }] }, /old is not base64/],
  [{ changes: [{ ...encoded.changes[0], new: 7 }] }, /new is not base64/],
  [{ changes: [{ ...encoded.changes[0], new: '' }] }, /does not fit/],
  [{ changes: [{ ...encoded.changes[0], offset: 2 ** 60 }] }, /offset/],
])('value %# is refused', (change, message) => {
  const bytes = new TextEncoder().encode(JSON.stringify({ ...encoded, ...change }))
  expect(() => decodeChangeJournal(bytes)).toThrow(message)
})

test('any bytes give a value or a FormatError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => new TextEncoder().encode(text)),
      ),
      (bytes) => {
        try {
          decodeChangeJournal(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      },
    ),
  )
})

test('belongs to a file as it was, as it shall be, and to no other', async () => {
  const old = new Uint8Array(4096)
  const bytes = new Uint8Array(2048).fill(1)
  const journal = {
    oldSize: 4096,
    newSize: 4096,
    changes: [{ offset: 1000, old: old.slice(1000, 3048), bytes }],
  }
  const isOf = (file: Uint8Array) => isFileOf(journal, bytesSource(file))
  const done = old.slice()
  done.set(bytes, 1000)
  expect(await isOf(old)).toBe(true)
  expect(await isOf(done)).toBe(true)
  // The first sector boundary after the start is at 1024.
  const torn = old.slice()
  torn.set(bytes.subarray(0, 24), 1000)
  expect(await isOf(torn)).toBe(true)
  torn.set(bytes.subarray(0, 25), 1000)
  expect(await isOf(torn)).toBe(false)
  expect(await isOf(old.slice(0, 4000))).toBe(false)
  expect(await isOf(new Uint8Array(5000))).toBe(false)
})
