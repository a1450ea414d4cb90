import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../../src/errors.ts'
import { isUserspaceLog, parseUserspaceLog } from '../../../src/formats/event-log/userspace.ts'

const DIGEST = { hashAlg: 'sha256', digest: 'ab'.repeat(32) }
const RECORD = {
  pcr: 11,
  digests: [DIGEST, { hashAlg: 'sm3', digest: '00' }],
  content_type: 'systemd',
  content: { eventType: 'phase', string: 'enter-initrd', bootId: '0'.repeat(32), timestamp: 1 },
}
const make = (...records: readonly unknown[]) =>
  Buffer.from(records.map((record) => `\x1e${JSON.stringify(record)}\n`).join(''))

test('records are read one after the other, those of NV indices passed over', () => {
  const log = make(RECORD, { nv_index: 1, digests: [] }, { ...RECORD, pcr: 12, content: undefined })
  expect(isUserspaceLog(log)).toBe(true)
  const { kind, events } = parseUserspaceLog(log)
  expect(kind).toBe('userspace')
  expect(events).toMatchObject([
    { pcr: 11, type: 'phase', description: 'enter-initrd', offset: 0 },
    { pcr: 12, type: 'unknown', description: 'unknown' },
  ])
  expect([...events[0]!.digests.keys()]).toEqual(['sha256'])
})

describe('refuses', () => {
  test.each([
    ['what is no sequence', Buffer.from('{}'), 'no record separator at byte 0'],
    ['a record that is cut short', make(RECORD).subarray(0, 40), 'record is not JSON at byte 0'],
    ['a record that is no text', Buffer.of(0x1e, 0xff), 'record is not UTF-8'],
    ['a list', make([]), 'record is not an object'],
    ['an empty record', make(RECORD, RECORD).fill(0x20, 1, 5), 'record is not JSON'],
    ['no PCR', make({ ...RECORD, pcr: undefined }), 'pcr is not a number from 0 to 23'],
    ['a PCR that there is not', make({ ...RECORD, pcr: 24 }), 'pcr is not a number'],
    ['a fraction', make({ ...RECORD, pcr: 1.5 }), 'pcr is not a number'],
    ['no digests', make({ ...RECORD, digests: {} }), 'digests is not a list of at most 16'],
    ['digests without end', make({ ...RECORD, digests: Array(17).fill(DIGEST) }), 'at most 16'],
    ['a digest that is null', make({ ...RECORD, digests: [null] }), 'a digest has no hashAlg'],
    [
      'a digest that is no hexadecimal',
      make({ ...RECORD, digests: [{ ...DIGEST, digest: 'x' }] }),
      'a digest has no hashAlg or is not hexadecimal',
    ],
    [
      'a digest of a wrong size',
      make({ ...RECORD, digests: [{ ...DIGEST, digest: 'ab' }] }),
      'digest of sha256 has 1 bytes, expected 32',
    ],
    ['a digest twice', make({ ...RECORD, digests: [DIGEST, DIGEST] }), 'sha256 is there twice'],
    ['too much', Buffer.alloc(16 * 1024 * 1024 + 1, 0x1e), 'at most 16777216 are read'],
  ])('%s', (_, bytes, message) => {
    const parse = () => parseUserspaceLog(bytes)
    expect(parse).toThrow(FormatError)
    expect(parse).toThrow(message)
  })
})

test('any bytes give events or a FormatError', () => {
  const log = make(RECORD, RECORD)
  const change = fc.tuple(fc.nat(log.length - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const bytes = new Uint8Array(log)
      for (const [at, value] of changes) bytes[at] = value
      try {
        parseUserspaceLog(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 2000 },
  )
})
