import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { bytesSource } from '../../../src/bytes/source.ts'
import { FormatError } from '../../../src/errors.ts'
import {
  authenticodeDigest,
  authenticodeExtent,
  openPe,
  type PeFile,
  type PeSection,
  readSection,
  replaceContents,
  sectionContent,
  sectionRoom,
  stripCertificates,
} from '../../../src/formats/pe/index.ts'
import { makePe, type PeOptions } from '../../support/pe.ts'

const SECTIONS = [
  { name: '.text', content: 'code' },
  { name: '.longname', content: 'x'.repeat(600) },
  { name: '.bss', virtualSize: 5000 },
  { name: '.more', content: 'abc', virtualSize: 2000 },
]

const opened = (bytes: Uint8Array) => openPe(bytesSource(bytes))
const made = (options: PeOptions = {}) => opened(makePe(SECTIONS, options))

function withField(offset: number, value: number, size: 2 | 4 = 4): Uint8Array {
  const bytes = makePe(SECTIONS)
  const view = new DataView(bytes.buffer)
  if (size === 2) view.setUint16(offset, value, true)
  else view.setUint32(offset, value, true)
  return bytes
}

const PE = 0x80
const OPTIONAL = PE + 24
const TABLE = OPTIONAL + 240

describe.each(['pe32', 'pe32plus'] as const)('a file of the format %s', (format) => {
  test('has machine, subsystem and sections', async () => {
    const pe = await made({ format, machine: 0xaa64 })
    expect(pe).toMatchObject({ format, machine: 0xaa64, subsystem: 10, headersSize: 4096 })
    expect(
      pe.sections.map(({ name, virtualSize, rawSize }) => [name, virtualSize, rawSize]),
    ).toEqual([
      ['.text', 4, 512],
      ['.longnam', 600, 1024],
      ['.bss', 5000, 0],
      ['.more', 2000, 512],
    ])
  })

  test('has the content of a section as memory holds it', async () => {
    const pe = await made({ format })
    const contents = await Promise.all(
      pe.sections.map((section) => readSection(pe, section, 10_000)),
    )
    expect(contents.map(({ length }) => length)).toEqual([4, 600, 5000, 2000])
    expect(contents[2]!.every((byte) => byte === 0)).toBe(true)
    expect(toHex(contents[3]!.subarray(0, 5))).toBe('6162630000')
  })

  test('is hashed for Authenticode without what a signature changes', async () => {
    const plain = await made({ format })
    const before = await authenticodeDigest(plain, 'sha256')
    const signed = await made({ format, certificates: new Uint8Array(16).fill(7) })
    expect(signed.certificateTable).toMatchObject({ size: 16 })
    expect(await authenticodeDigest(signed, 'sha256')).toEqual(before)

    const bytes = makePe(SECTIONS, { format })
    const entry = OPTIONAL + (format === 'pe32' ? 128 : 144)
    const kept = Buffer.concat([
      bytes.subarray(0, OPTIONAL + 64),
      bytes.subarray(OPTIONAL + 68, entry),
      bytes.subarray(entry + 8),
    ])
    expect(toHex(before)).toBe(createHash('sha256').update(kept).digest('hex'))
  })
})

test('what is behind the last section is hashed, and padded to 8 bytes', async () => {
  const bytes = Buffer.concat([makePe(SECTIONS), Buffer.from('abc')])
  const { ranges, zeros } = authenticodeExtent(await opened(bytes))
  expect(ranges.at(-1)).toEqual({ offset: bytes.length - 3, size: 3 })
  expect(zeros).toBe(5)
})

test('sections in each other have no Authenticode hash', async () => {
  const pe = await opened(withField(TABLE + 40 + 20, 4096))
  await expect(authenticodeDigest(pe, 'sha256')).rejects.toThrow('starts inside')
})

describe('refuses', () => {
  test.each([
    ['nothing', new Uint8Array(), 'TRUNCATED'],
    ['a short file', makePe(SECTIONS).subarray(0, 63), 'TRUNCATED'],
    ['no MZ', withField(0, 0x5a4c, 2), 'BAD_MAGIC'],
    ['a PE header in the DOS header', withField(0x3c, 60), 'OUT_OF_RANGE'],
    ['a PE header behind the end', withField(0x3c, 0xfffffff0), 'TRUNCATED'],
    ['no PE', withField(PE, 0x4551), 'BAD_MAGIC'],
    ['too many sections', withField(PE + 6, 4097, 2), 'TOO_LARGE'],
    ['a section table behind the headers', withField(PE + 6, 100, 2), 'OUT_OF_RANGE'],
    ['a short optional header', withField(PE + 20, 69, 2), 'TRUNCATED'],
    ['an optional header behind the end', withField(PE + 20, 0xffff, 2), 'TRUNCATED'],
    ['another kind of header', withField(OPTIONAL, 0x107, 2), 'BAD_MAGIC'],
    ['an alignment that is no power of two', withField(OPTIONAL + 32, 4097), 'BAD_VALUE'],
    ['headers larger than the file', withField(OPTIONAL + 60, 0x7fffffff), 'TRUNCATED'],
    ['headers smaller than the table', withField(OPTIONAL + 60, 100), 'OUT_OF_RANGE'],
    ['a section behind the end', withField(TABLE + 20, 0xffffff00), 'TRUNCATED'],
    ['a section larger than the file', withField(TABLE + 16, 0xffffffff), 'TRUNCATED'],
    ['a section beyond 4 GiB', withField(TABLE + 12, 0xffffffff), 'OUT_OF_RANGE'],
    ['a certificate table behind the end', withField(OPTIONAL + 148, 0xffff), 'TRUNCATED'],
  ])('%s', async (_, bytes, code) => {
    await expect(opened(bytes)).rejects.toMatchObject({ name: 'FormatError', code })
  })

  test('more zeros than anybody measures, when the content is asked for', async () => {
    const pe = await opened(withField(TABLE + 8, 64 * 1024 * 1024 + 513))
    const content = sectionContent(pe, pe.sections[0]!)
    await expect(content.next()).rejects.toMatchObject({ code: 'TOO_LARGE', offset: TABLE })
  })

  test('a section that is larger than it should be', async () => {
    const pe = await made()
    await expect(readSection(pe, pe.sections[1]!, 599)).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })
})

describe('replacing contents', () => {
  const apply = (pe: PeFile, bytes: Uint8Array, contents: ReadonlyMap<PeSection, Uint8Array>) => {
    const changed = bytes.slice()
    for (const patch of replaceContents(pe, contents)) changed.set(patch.bytes, patch.offset)
    return changed
  }

  test('changes the section, its size and the checksum, and nothing else', async () => {
    const bytes = makePe(SECTIONS)
    const pe = await opened(bytes)
    const [text] = pe.sections
    const changed = apply(pe, bytes, new Map([[text!, Buffer.from('other code')]]))
    const again = await opened(changed)
    expect(Buffer.from(await readSection(again, again.sections[0]!, 100)).toString()).toBe(
      'other code',
    )
    const differing = [...bytes.keys()].filter((index) => bytes[index] !== changed[index])
    const allowed = (index: number) =>
      (index >= text!.rawOffset && index < text!.rawOffset + 512) ||
      (index >= TABLE + 8 && index < TABLE + 12) ||
      (index >= OPTIONAL + 64 && index < OPTIONAL + 68)
    expect(differing.filter((index) => !allowed(index))).toEqual([])
    expect(changed.length).toBe(bytes.length)
  })

  test('refuses what has no room', async () => {
    const pe = await made()
    const [text] = pe.sections
    expect(sectionRoom(pe, text!)).toBe(512)
    expect(() => replaceContents(pe, new Map([[text!, new Uint8Array(513)]]))).toThrow(FormatError)
  })

  test('a section has no more room than the next one leaves it in memory', async () => {
    const pe = await opened(makePe([{ name: '.a', content: 'a', rawSize: 8192 }, { name: '.b' }]))
    expect(sectionRoom(pe, pe.sections[0]!)).toBe(4096)
  })
})

test('a certificate table is cut off at the end, and nowhere else', async () => {
  const bytes = makePe(SECTIONS, { certificates: new Uint8Array(16) })
  const { patches, size } = stripCertificates(await opened(bytes))
  const stripped = bytes.slice(0, size)
  for (const patch of patches) stripped.set(patch.bytes, patch.offset)
  expect(Buffer.compare(stripped, makePe(SECTIONS))).toBe(0)
  const followed = await opened(Buffer.concat([bytes, Buffer.alloc(16)]))
  expect(() => stripCertificates(followed)).toThrow('something follows')
  expect(stripCertificates(await made())).toMatchObject({ patches: [] })
})

test('any change gives a value or a FormatError', async () => {
  const original = makePe(SECTIONS)
  const change = fc.tuple(fc.nat(TABLE + 200), fc.integer({ min: 0, max: 255 }))
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
      const bytes = original.slice()
      for (const [offset, value] of changes) bytes[offset] = value
      try {
        const pe = await opened(bytes)
        for (const section of pe.sections) await readSection(pe, section, 100_000)
        await authenticodeDigest(pe, 'sha1')
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
    { numRuns: 2000 },
  )
})
