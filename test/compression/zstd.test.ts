import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeZstd } from '../../src/compression/zstd-decode.ts'
import { createZstdEncoder } from '../../src/compression/zstd-encode.ts'
import { nativeZstd } from '../../src/compression/zstd-engine.ts'
import { parseZstdFrame } from '../../src/compression/zstd-frame.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { FormatError } from '../../src/errors.ts'
import { compressible, mixture, namedSamples, noise } from './samples.ts'

const engines = nativeZstd() ? (['native', 'wasm'] as const) : (['wasm'] as const)
const encoder = await createZstdEncoder(3)
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe.each(engines)('with the %s engine', (engine) => {
  test.each(namedSamples)('what is made of %s decodes to the input', async (_, bytes) => {
    const encode = await createZstdEncoder(3, engine)
    const decoded = await decodeZstd(encode(bytes)!, bytes.length, { engine })
    expect(Buffer.compare(decoded, bytes)).toBe(0)
  })

  // Part of the format: zstd 1.5.7, one shot, content size on, checksum off.
  test.each([
    [1, '1aee17004b02c13e'],
    [3, 'c3437e0315ead61b'],
    [9, '766a4396941cc85b'],
    [19, 'b751db08c5806f70'],
  ])('level %i makes the bytes it always made', async (level, digest) => {
    const encode = await createZstdEncoder(level, engine)
    const frames = namedSamples.slice(0, -1).map(([, bytes]) => encode(bytes)!.slice())
    expect(toHex(sha256(...frames)).slice(0, 16)).toBe(digest)
  })

  test('any bytes give a value or a FormatError', async () => {
    const frame = encoder(mixture(4000, 2))!.slice()
    const damaged = fc
      .array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((changes) => {
        const bytes = frame.slice()
        for (const [at, byte] of changes) bytes[at] = byte
        return bytes
      })
    const invented = fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, ...bytes]))
    await fc.assert(
      fc.asyncProperty(fc.oneof(damaged, invented), fc.boolean(), async (bytes, prefix) => {
        try {
          const decoded = await decodeZstd(bytes, 4000, { engine, prefix })
          expect(decoded.length).toBe(4000)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('decodes a prefix', async () => {
    const bytes = mixture(5000, 3)
    const frame = encoder(bytes)!.slice()
    const decoded = await decodeZstd(frame, 777, { engine, prefix: true })
    expect(decoded).toEqual(bytes.subarray(0, 777))
  })

  test('decodes a frame without content size', async () => {
    const frame = hex('28b52ffd 00 50 290000 68656c6c6f')
    expect(await decodeZstd(frame, 5, { engine })).toEqual(new TextEncoder().encode('hello'))
    await expect(decodeZstd(frame, 4, { engine })).rejects.toThrow(FormatError)
    await expect(decodeZstd(frame, 6, { engine })).rejects.toThrow(FormatError)
  })
})

describe('createZstdEncoder', () => {
  test('writes frames with content size and without checksum', () => {
    const bytes = mixture(131072, 4)
    expect(parseZstdFrame(encoder(bytes)!)).toEqual({ contentSize: 131072, windowSize: 131072 })
    expect(encoder(bytes)![4]! & 4).toBe(0)
  })

  test('respects the limit', () => {
    const bytes = noise(8192)
    const { length } = encoder(bytes)!
    expect(encoder(bytes, length)?.length).toBe(length)
    expect(encoder(bytes, length - 1)).toBeUndefined()
  })

  test('gives the same frame whatever was encoded before', () => {
    fc.assert(
      fc.property(compressible(3000), (bytes) => {
        const first = encoder(bytes)!.slice()
        encoder(mixture(20_000, 9))
        expect(encoder(bytes)).toEqual(first)
      }),
      { numRuns: 50 },
    )
  })
})

describe('parseZstdFrame', () => {
  test.each([
    [
      'a window descriptor',
      '28b52ffd 00 58 010000',
      { windowSize: 2 ** 21, contentSize: undefined },
    ],
    ['a mantissa', '28b52ffd 00 05 010000', { windowSize: 1024 + 640, contentSize: undefined }],
    ['one byte of content size', '28b52ffd 20 00 010000', { windowSize: 0, contentSize: 0 }],
    ['two', '28b52ffd 60 0001 010000', { windowSize: 512, contentSize: 512 }],
    ['four', '28b52ffd a0 00000100 010000', { windowSize: 65536, contentSize: 65536 }],
    [
      'eight',
      '28b52ffd c0 00 0100000001000000 010000',
      { windowSize: 1024, contentSize: 2 ** 32 + 1 },
    ],
    ['a checksum', '28b52ffd 04 00 010000 01020304', { windowSize: 1024, contentSize: undefined }],
    [
      'two blocks',
      '28b52ffd 00 00 080000 61 130000 62',
      { windowSize: 1024, contentSize: undefined },
    ],
  ])('reads %s', (_, frame, expected) => {
    expect(parseZstdFrame(hex(frame))).toEqual(expected)
  })

  test.each([
    ['nothing', '', 'TRUNCATED'],
    ['another magic number', '29b52ffd 00 00 010000', 'BAD_MAGIC'],
    ['a skippable frame', '502a4d18 00000000', 'BAD_MAGIC'],
    ['the reserved bit', '28b52ffd 08 00 010000', 'BAD_VALUE'],
    ['a dictionary', '28b52ffd 01 00 07 010000', 'BAD_VALUE'],
    ['a header that ends early', '28b52ffd c0 00 01', 'TRUNCATED'],
    ['a missing block', '28b52ffd 00 00', 'TRUNCATED'],
    ['a block that ends early', '28b52ffd 00 00 290000 6161', 'TRUNCATED'],
    ['a block without successor', '28b52ffd 00 00 080000 61', 'TRUNCATED'],
    ['a reserved block', '28b52ffd 00 00 070000', 'BAD_VALUE'],
    ['a missing checksum', '28b52ffd 04 00 010000', 'TRUNCATED'],
    ['bytes behind the frame', '28b52ffd 00 00 010000 00', 'BAD_VALUE'],
    ['a second frame', '28b52ffd 00 00 010000 28b52ffd 00 00 010000', 'BAD_VALUE'],
  ])('refuses %s', (_, frame, code) => {
    expect(() => parseZstdFrame(hex(frame))).toThrow(expect.objectContaining({ code }))
  })
})

describe('decodeZstd', () => {
  test.each([
    ['a window above 1 MiB', '28b52ffd 00 51 010000', 0, 'TOO_LARGE'],
    ['a content size above what is expected', '28b52ffd 20 05 290000 68656c6c6f', 4, 'BAD_VALUE'],
    ['a content size below what is expected', '28b52ffd 20 05 290000 68656c6c6f', 6, 'BAD_VALUE'],
    ['a content size that is a lie', '28b52ffd 20 06 290000 68656c6c6f', 6, 'BAD_VALUE'],
    ['a huge content size', '28b52ffd c0 00 ffffffffffffff7f 010000', 0, 'BAD_VALUE'],
    ['a block that is nonsense', '28b52ffd 20 05 2d0000 ffffffffff', 5, 'BAD_VALUE'],
  ])('refuses %s', async (_, frame, size, code) => {
    await expect(decodeZstd(hex(frame), size)).rejects.toThrow(expect.objectContaining({ code }))
  })
})
