import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { sha256 } from '../../../src/crypto/sha256.ts'
import { FormatError } from '../../../src/errors.ts'
import { decodeFirmwareLog, isFirmwareLog } from '../../../src/formats/event-log/firmware.ts'
import {
  imageLoad,
  type MadeEvent,
  makeEvent,
  makeHeader,
  makeLog,
  tagged,
  utf16,
  variable,
} from './make-log.ts'

const ascii = (text: string) => new TextEncoder().encode(text)
const LOCALITY = { pcr: 0, type: 3, data: ascii('StartupLocality\0\x03') }
const EVENTS: readonly MadeEvent[] = [
  LOCALITY,
  { pcr: 0, type: 8, data: utf16('1.0') },
  { pcr: 7, type: 0x80000001, data: variable('SecureBoot', Uint8Array.of(1)) },
  { pcr: 4, type: 0x80000007, data: ascii('Calling EFI Application from Boot Option') },
  { pcr: 4, type: 4, data: new Uint8Array(4) },
  { pcr: 4, type: 0x80000003, data: imageLoad('\\EFI\\BOOT\\BOOTX64.EFI'), measured: ascii('pe') },
  { pcr: 12, type: 6, data: tagged(0x13aed6db, utf16('1')), measured: utf16('1') },
  { pcr: 11, type: 0x0d, data: utf16('.linux'), measured: ascii('.linux\0') },
  { pcr: 8, type: 0x0d, data: ascii('grub_cmd: linux /vmlinuz\0') },
]
const log = makeLog(EVENTS)
const broken = (change: (bytes: Uint8Array) => void) => {
  const bytes = log.slice()
  change(bytes)
  return bytes
}
const decode = (bytes: Uint8Array) => () => decodeFirmwareLog(bytes)

test('a log is read event by event', () => {
  expect(isFirmwareLog(log)).toBe(true)
  const { kind, startupLocality, events } = decodeFirmwareLog(log)
  expect({ kind, startupLocality }).toEqual({ kind: 'firmware', startupLocality: 3 })
  expect(events.map(({ pcr, type, description }) => `${pcr} ${type} ${description}`)).toEqual([
    '0 EV_S_CRTM_VERSION 1.0',
    '7 EV_EFI_VARIABLE_DRIVER_CONFIG SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c',
    '4 EV_EFI_ACTION Calling EFI Application from Boot Option',
    '4 EV_SEPARATOR separator',
    '4 EV_EFI_BOOT_SERVICES_APPLICATION \\EFI\\BOOT\\BOOTX64.EFI',
    '12 EV_EVENT_TAG 1 (tag 0x13aed6db)',
    '11 EV_IPL .linux',
    '8 EV_IPL grub_cmd: linux /vmlinuz',
  ])
  expect([...events[6]!.digests.keys()]).toEqual(['sha1', 'sha256'])
  expect(toHex(events[6]!.digests.get('sha256')!)).toBe(toHex(sha256(ascii('.linux\0'))))
  expect(events[0]!.offset).toBe(makeLog([LOCALITY]).length)
})

test('what was never written at the end of a log is passed over', () => {
  const padded = Buffer.concat([log, Buffer.alloc(1000, 0xff)])
  expect(decodeFirmwareLog(padded).events).toHaveLength(EVENTS.length - 1)
})

test('a log without events is one', () => {
  expect(decodeFirmwareLog(new Uint8Array(makeHeader(['sha256']))).events).toEqual([])
})

test('digests of unknown algorithms are passed over', () => {
  const bytes = makeLog(EVENTS, ['sha1', 'sha256'])
  // The first announced algorithm, and its mark in each event, become SM3 of 20 bytes.
  const at = makeHeader(['sha1', 'sha256']).length - 9
  const rest = makeEvent(EVENTS[1]!, ['sha1', 'sha256'])
  const sm3 = Buffer.concat([bytes.slice(0, at + 9), rest])
  sm3.writeUInt16LE(0x12, at)
  sm3.writeUInt16LE(0x12, at + 9 + 12)
  expect([...decodeFirmwareLog(sm3).events[0]!.digests.keys()]).toEqual(['sha256'])
})

describe('data that says nothing gives no description', () => {
  test.each([
    ['an empty one', 0x0d, new Uint8Array()],
    ['binary', 0x0d, Uint8Array.of(1, 2, 3)],
    ['a tag cut short', 6, Uint8Array.of(1, 2, 3)],
    ['a variable cut short', 0x80000001, new Uint8Array(31)],
    ['a variable whose name is longer than it', 0x80000001, new Uint8Array(40).fill(0xff)],
    ['an image without a path', 0x80000003, new Uint8Array(32)],
    ['an image with a node of no size', 0x80000003, new Uint8Array(64)],
  ])('%s', (_, type, data) => {
    const { events } = decodeFirmwareLog(makeLog([{ pcr: 4, type, data }]))
    expect(events[0]?.description).toBe('')
  })

  test('and one longer than anybody reads is cut', () => {
    const data = Buffer.alloc(1_000_000, 'x')
    const { events } = decodeFirmwareLog(makeLog([{ pcr: 4, type: 0x0d, data }]))
    expect(events[0]?.description).toHaveLength(4096)
  })
})

describe('refuses', () => {
  const header = makeHeader(['sha1', 'sha256']).length
  const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset)
  const set32 = (at: number, value: number) =>
    broken((bytes) => view(bytes).setUint32(at, value, true))
  const set16 = (at: number, value: number) =>
    broken((bytes) => view(bytes).setUint16(at, value, true))

  test.each([
    ['nothing', new Uint8Array(), 'PCR of the first event needs 4 bytes, 0 are left at byte 0'],
    ['a log of TPM 1.2', set32(4, 8), 'no specification event at the start at byte 0'],
    ['another PCR at the start', set32(0, 1), 'no specification event at the start'],
    ['a digest at the start', set32(8, 1), 'no specification event at the start'],
    [
      'another specification',
      broken((bytes) => bytes.set(ascii('Spec ID Event02'), 32)),
      "specification 'Spec ID Event02', known is 'Spec ID Event03' at byte 32",
    ],
    ['no algorithms', set32(56, 0), '0 algorithms, there are 1 to 16 at byte 56'],
    ['too many algorithms', set32(56, 17), '17 algorithms'],
    ['a digest of a wrong size', set16(62, 21), 'digests of 21 bytes for algorithm 0x4 at byte 60'],
    ['a huge digest of no known kind', set32(60, 0x10000012), 'digests of 4096 bytes'],
    ['an algorithm twice', set32(64, 0x00140004), 'algorithm 0x4 is there twice at byte 64'],
    ['a header of another size', set32(28, 41), 'specification event ends at 69, its size says 73'],
    ['a PCR that there is not', set32(header, 24), `PCR 24, there are 0 to 23 at byte ${header}`],
    ['too many digests', set32(header + 8, 3), '3 digests, at most 2'],
    ['a digest not announced', set16(header + 12, 0xc), 'algorithm 0xc, which the log does not'],
    [
      'a digest twice',
      broken((bytes) => bytes.copyWithin(header + 34, header + 12, header + 34)),
      'digest of sha1 is there twice',
    ],
    ['an event beyond the end', set32(header + 68, 0xffffffff), 'event needs 4294967295 bytes'],
    ['a log cut short', log.slice(0, -1), 'event needs 25 bytes, 24 are left'],
  ])('%s', (_, bytes, message) => {
    expect(decode(bytes)).toThrow(FormatError)
    expect(decode(bytes)).toThrow(message)
  })

  test('what is larger than any log', () => {
    expect(decode(new Uint8Array(64 * 1024 * 1024 + 1))).toThrow('at most 67108864 are read')
  })
})

test('any bytes give events or a FormatError', () => {
  const check = (bytes: Uint8Array) => {
    try {
      decodeFirmwareLog(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError)
    }
  }
  const change = fc.tuple(fc.nat(log.length - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), fc.nat(log.length), (changes, length) => {
      const bytes = broken((bytes) => {
        for (const [at, value] of changes) bytes[at] = value
      })
      check(bytes)
      check(bytes.slice(0, length))
    }),
    { numRuns: 3000 },
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check))
})
