import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../src/bytes/hex.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/bytes/utf8.ts'
import { FormatError } from '../../src/errors.ts'
import { decodeVeritySignature, encodeVeritySignature } from '../../src/formats/verity-signature.ts'

const HASH = '43a008feb23336999cd56aa0d16cf73c32bdb63a70ffa2b6e5953fa35d9426b3'
const FINGERPRINT = 'ab'.repeat(32)
const VALUE = {
  rootHash: fromHex(HASH)!,
  certificateFingerprint: fromHex(FINGERPRINT)!,
  signature: Uint8Array.of(0x30, 0x00, 0xff),
}

/** A partition that holds `text`. */
function partition(text: string, size = 16384): Uint8Array {
  const bytes = new Uint8Array(size)
  bytes.set(encodeUtf8(text))
  return bytes
}

describe('writing', () => {
  test('gives compact JSON in the order of systemd-repart, then NUL bytes', () => {
    const bytes = encodeVeritySignature(VALUE)
    const text = `{"rootHash":"${HASH}","certificateFingerprint":"${FINGERPRINT}","signature":"MAD/"}`
    expect(bytes).toEqual(partition(text))
  })

  test('gives 1778 characters for a signature of 1194 bytes', () => {
    const bytes = encodeVeritySignature({ ...VALUE, signature: new Uint8Array(1194) })
    expect(bytes.indexOf(0)).toBe(1778)
  })

  test('has room for a signature of 12147 bytes and no more', () => {
    const largest = encodeVeritySignature({ ...VALUE, signature: new Uint8Array(12147) })
    expect(largest.indexOf(0)).toBe(186 + 16196)
    expect(() => encodeVeritySignature({ ...VALUE, signature: new Uint8Array(12148) })).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    )
  })
})

describe('reading', () => {
  test('inverts writing', () => {
    const anyValue = fc.record({
      rootHash: fc.uint8Array({ minLength: 16, maxLength: 64 }),
      certificateFingerprint: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      signature: fc.uint8Array({ minLength: 1, maxLength: 4000 }),
    })
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decodeVeritySignature(encodeVeritySignature(value))).toEqual({
          ...value,
          extraFields: [],
        })
      }),
    )
  })

  test('accepts a text that fills the partition to its last byte', () => {
    const bytes = encodeVeritySignature(VALUE)
    expect(decodeVeritySignature(bytes.subarray(0, bytes.indexOf(0)))).toMatchObject(VALUE)
  })

  test('accepts further fields, and says which', () => {
    const text = `{"zz":[{"rootHash":1}],"rootHash":"${HASH}", "note":"a\\"b:{","signature":"MAD/"}\n`
    expect(decodeVeritySignature(partition(text))).toEqual({
      rootHash: VALUE.rootHash,
      signature: VALUE.signature,
      extraFields: ['zz', 'note'],
    })
  })

  test('accepts upper-case hexadecimal, as systemd does', () => {
    const text = `{"rootHash":"${HASH.toUpperCase()}","signature":"MAD/"}`
    expect(decodeVeritySignature(partition(text)).rootHash).toEqual(VALUE.rootHash)
  })

  test.each([
    ['only NUL bytes', '', 'the partition is empty'],
    ['no JSON', 'hello', 'text is not JSON'],
    ['a byte order mark', `\ufeff{"rootHash":"${HASH}","signature":"MAD/"}`, 'text is not JSON'],
    ['a list', '[]', 'JSON is not an object'],
    ['null', 'null', 'JSON is not an object'],
    ['no root hash', '{"signature":"MAD/"}', 'field rootHash missing'],
    ['no signature', `{"rootHash":"${HASH}"}`, 'field signature missing'],
    [
      'a root hash of an odd number of digits',
      '{"rootHash":"abc","signature":"MAD/"}',
      'not hexadecimal',
    ],
    ['a root hash that is a number', '{"rootHash":12,"signature":"MAD/"}', 'not hexadecimal'],
    ['a root hash of 15 bytes', `{"rootHash":"${'00'.repeat(15)}","signature":"MAD/"}`, '15 bytes'],
    ['a root hash of 65 bytes', `{"rootHash":"${'00'.repeat(65)}","signature":"MAD/"}`, '65 bytes'],
    ['a signature without padding', `{"rootHash":"${HASH}","signature":"MAA"}`, 'not base64'],
    ['a signature with a line break', `{"rootHash":"${HASH}","signature":"MAD/\\n"}`, 'not base64'],
    ['a signature that is a list', `{"rootHash":"${HASH}","signature":[]}`, 'not base64'],
    ['an empty signature', `{"rootHash":"${HASH}","signature":""}`, 'signature is empty'],
    [
      'a fingerprint that is no hexadecimal',
      `{"rootHash":"${HASH}","certificateFingerprint":"x","signature":"MAD/"}`,
      'certificateFingerprint is not',
    ],
    [
      'two root hashes',
      `{"rootHash":"${HASH}","signature":"MAD/","root\\u0048ash":"${'00'.repeat(32)}"}`,
      '"rootHash" is there twice',
    ],
    ['text that ends early', `{"rootHash":"${HASH}"`, 'text is not JSON'],
  ])('refuses %s', (_, text, message) => {
    const read = () => decodeVeritySignature(partition(text))
    expect(read).toThrow(FormatError)
    expect(read).toThrow(message)
  })

  test('refuses anything after the first NUL byte', () => {
    const bytes = encodeVeritySignature(VALUE)
    bytes[16383] = 0x20
    expect(() => decodeVeritySignature(bytes)).toThrow('after the end of the text at byte 16383')
  })

  test('refuses text that is not UTF-8', () => {
    const bytes = partition('{"a":"_"}')
    bytes[6] = 0xff
    expect(() => decodeVeritySignature(bytes)).toThrow('text is not UTF-8')
  })

  test('refuses a partition of more than 4 MiB', () => {
    expect(() => decodeVeritySignature(new Uint8Array(4194305))).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    )
  })

  test('has an answer to 4 MiB of brackets, quotes or backslashes', () => {
    for (const text of ['[', '{"a":', '"', '"\\\\', '{"a":"\\"', '\\']) {
      const bytes = encodeUtf8(text.repeat(Math.floor(4194304 / text.length)))
      expect(() => decodeVeritySignature(bytes)).toThrow(FormatError)
    }
    const nested = (depth: number) =>
      encodeUtf8(
        `{"rootHash":"${HASH}","signature":"MAD/","deep":${'['.repeat(depth)}${']'.repeat(depth)}}`,
      )
    expect(decodeVeritySignature(nested(2000)).extraFields).toEqual(['deep'])
    // systemd takes no JSON of more than 2048 levels.
    expect(() => decodeVeritySignature(nested(1_000_000))).toThrow('more than 2048 levels')
  })

  test('gives a value or a FormatError for any text', () => {
    const base = decodeUtf8(encodeVeritySignature(VALUE).subarray(0, 200))!.replace(/\0+$/, '')
    fc.assert(
      fc.property(
        fc.nat({ max: base.length }),
        fc.nat({ max: 8 }),
        fc.string(),
        (at, cut, text) => {
          const changed = base.slice(0, at) + text + base.slice(at + cut)
          try {
            decodeVeritySignature(encodeUtf8(changed))
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})
