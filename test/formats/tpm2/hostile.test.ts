import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat } from '../../../src/bytes/concat.ts'
import { fromHex, toHex } from '../../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { FormatError } from '../../../src/errors.ts'
import { parsePcrSignatures } from '../../../src/formats/pcr-signature.ts'
import { decodeResponse } from '../../../src/formats/tpm2/message.ts'
import { PcrSelections, pcrMask, pcrsOf } from '../../../src/formats/tpm2/pcr.ts'
import { parsePolicyKey } from '../../../src/formats/tpm2/policy-key.ts'
import { decodePublicArea, encodePublicArea } from '../../../src/formats/tpm2/public-area.ts'
import { sealOffline } from '../../../src/formats/tpm2/seal-offline.ts'
import { decodeSealedBlob, encodeSealedBlob } from '../../../src/formats/tpm2/sealed-blob.ts'
import {
  parseSerializedParent,
  serializeParent,
} from '../../../src/formats/tpm2/serialized-parent.ts'
import { parseStorageKey } from '../../../src/formats/tpm2/storage-key.ts'
import { decodeWhole } from '../../../src/formats/tpm2/wire.ts'
import { policyKeyPem, sealedOffline } from './vectors.ts'

const parentBytes = sealedOffline('parent')
const parent = parseStorageKey(parentBytes)
const random = () => sealedOffline('ephemeral-private')
const sealed = sealOffline({ parent, secret: random(), policy: undefined, random })
const response = fromHex('80020000001f0000000000000002 0000 0000 01 0000'.replaceAll(' ', ''))!

interface Decoder {
  readonly name: string
  /** Something it accepts. */
  readonly sound: Uint8Array
  readonly decode: (bytes: Uint8Array) => unknown
  /** What was read, written again, where the format is canonical. */
  readonly again?: (bytes: Uint8Array) => Uint8Array
}

const signatures = encodeUtf8(`{"sha256":[{"pcrs":[11],"pol":"${'ab'.repeat(32)}"}]}`)
const decoders: readonly Decoder[] = [
  {
    name: 'public areas',
    sound: parentBytes,
    decode: decodePublicArea,
    again: (bytes) => encodePublicArea(decodePublicArea(bytes)),
  },
  {
    name: 'blobs',
    sound: sealed.blob,
    decode: decodeSealedBlob,
    again: (bytes) => encodeSealedBlob(decodeSealedBlob(bytes)),
  },
  { name: 'storage keys', sound: parentBytes, decode: parseStorageKey },
  { name: 'serialised parents', sound: serializeParent(parent), decode: parseSerializedParent },
  { name: 'policy keys', sound: policyKeyPem(), decode: (bytes) => parsePolicyKey(bytes) },
  { name: 'PCR signatures', sound: signatures, decode: parsePcrSignatures },
  {
    name: 'responses',
    sound: response,
    decode: (bytes) => decodeResponse(bytes, { handle: false, sessions: 1 }),
  },
  {
    name: 'selections of PCRs',
    sound: fromHex('00000001000b03000800')!,
    decode: (bytes) => decodeWhole(PcrSelections, bytes, 'selection'),
  },
]

describe.each(decoders)('any bytes in place of $name', ({ sound, decode, again }) => {
  const attempt = (bytes: Uint8Array) => {
    try {
      decode(bytes)
      if (again) expect(toHex(again(bytes))).toBe(toHex(bytes))
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError)
    }
  }

  test('give a value or a FormatError where a few are changed', () => {
    const patches = fc.array(fc.tuple(fc.nat({ max: sound.length - 1 }), fc.nat({ max: 255 })), {
      minLength: 1,
      maxLength: 3,
    })
    fc.assert(
      fc.property(patches, (changes) => {
        const bytes = sound.slice()
        for (const [at, value] of changes) bytes[at] = value
        attempt(bytes)
      }),
      { numRuns: 1500 },
    )
  })

  test('give a value or a FormatError where the end is missing or something follows', () => {
    for (let size = 0; size < sound.length; size++) attempt(sound.slice(0, size))
    attempt(concat(sound, Uint8Array.of(0)))
  })

  test('give a value or a FormatError where all are random', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), attempt), { numRuns: 500 })
  })
})

describe('storage keys', () => {
  const hex = toHex(parentBytes)
  const change = (at: number, replacement: string) =>
    fromHex(hex.slice(0, at * 2) + replacement + hex.slice(at * 2 + replacement.length))!

  test.each([
    ['a size that is not the file’s', change(0, '0059'), 'coordinate|y needs|follow'],
    [
      'a sealed object',
      concat(fromHex('004e')!, sealedOffline('public')),
      'a sealed object, not a key',
    ],
    ['a key named with SHA-384', change(4, '000c'), 'name algorithm 0x000c is not SHA-256'],
    ['a key that may not decrypt', change(6, '00010472'), 'attributes 0x00010472'],
    ['a key that is not restricted', change(6, '00020472'), 'attributes 0x00020472'],
    ['a signing key', change(6, '00070472'), 'attributes 0x00070472'],
    ['a key with another cipher', change(12, '0026'), 'its cipher is not AES'],
    ['a cipher mode without feedback', change(16, '0044'), 'not in CFB mode'],
    ['AES of 64 bits', change(14, '0040'), 'AES has no 64 bits'],
    ['a signing scheme', change(18, '0018'), 'scheme: expected 0x10, found 0x18'],
    ['a curve nobody knows', change(20, '0010'), 'curve 0x10'],
    ['a curve that the point is not on', change(20, '0004'), 'its point has not 48 bytes twice'],
    ['a point that is not on the curve', change(91, '24'), 'its point is not on its curve'],
    ['the point at infinity', change(26, '00'.repeat(32)), 'its point is not on its curve'],
  ])('%s', (_, bytes, message) => {
    expect(() => parseStorageKey(bytes)).toThrow(new RegExp(message))
  })

  test.each([
    ['RSA of 1024 bits', 1024, '00000000', '80', '01', 'RSA of 1024 bits'],
    ['an even modulus', 2048, '00000000', '80', '02', 'not an odd number of 2048 bits'],
    ['a modulus that begins with zero', 2048, '00000000', '00', '01', 'not an odd number'],
    ['the exponent 3', 2048, '00000003', '80', '01', 'RSA exponent 3'],
  ])('%s', (_, bits, exponent, first, last, message) => {
    const half = (value: number) => value.toString(16).padStart(4, '0')
    const modulus = `${first}${'00'.repeat(bits / 8 - 2)}${last}`
    const head = `0001000b000304720000000600800043 0010${half(bits)}${exponent}${half(bits / 8)}`
    const area = fromHex(head.replaceAll(' ', '') + modulus)!
    const bytes = concat(fromHex(half(area.length))!, area)
    expect(() => parseStorageKey(bytes)).toThrow(message)
  })
})

describe('blobs', () => {
  const { blob } = sealed
  test.each([
    ['nothing', new Uint8Array(), 'size of private part needs 2 bytes, 0 are left at byte 0'],
    ['a seed that is cut off', blob.slice(0, -1), 'seed needs 68 bytes, 67 are left at byte 192'],
    ['a byte after the seed', concat(blob, Uint8Array.of(0)), '1 bytes follow the end of blob'],
    ['a key where the object should be', concat(blob.slice(0, 110), parentBytes), 'that of a key'],
    ['more than readers take', new Uint8Array(16385), 'readers stop at 16384'],
  ])('%s', (_, bytes, message) => {
    expect(() => decodeSealedBlob(bytes)).toThrow(message)
  })

  test('without a seed are those of the device', () => {
    expect(decodeSealedBlob(blob).seed).toHaveLength(68)
    expect(decodeSealedBlob(blob.slice(0, 190)).seed).toBeUndefined()
  })
})

test('a serialised parent whose name is another key’s is refused', () => {
  const bytes = serializeParent(parent)
  bytes[10] = bytes[10]! ^ 1
  expect(() => parseSerializedParent(bytes)).toThrow('the name of the parent key is another key’s')
})

test('masks and lists of PCRs are the same', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 24 - 1 }), (mask) => {
      expect(pcrMask(pcrsOf(mask))).toBe(mask)
    }),
  )
  for (const mask of [-1, 0.5, 2 ** 24]) expect(() => pcrsOf(mask)).toThrow(RangeError)
})
