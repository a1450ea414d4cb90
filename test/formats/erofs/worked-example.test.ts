import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { fromHex } from '../../../src/bytes/hex.ts'
import { bytesSource } from '../../../src/bytes/source.ts'
import { decodeUtf8, encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { checkErofs, openErofs } from '../../../src/formats/erofs/index.ts'

// Three inodes, written byte by byte and mounted by Linux 6.18.

const BLOCK_0 = `
  000400: e2 e1 f5 e0 ef 4b 22 43 07 00 00 00 0c 00 01 00
  000410: 03 00 00 00 00 00 00 00 00 f1 53 65 00 00 00 00
  000420: 00 00 00 00 04 00 00 00 03 00 00 00 00 00 00 00
  000430: 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f
  000440: 64 65 6d 6f 00 00 00 00 00 00 00 00 00 00 00 00
  000450: 03 00 00 00 04 00 00 00 00 00 00 00 00 00 00 00
  000480: 06 00 0f 00 00 00 00 00`

const METADATA = `
  003020: 04 00 00 00 ed 41 02 00 39 00 00 00 00 00 00 00
  003030: 00 00 00 00 01 00 00 00 00 00 00 00 00 00 00 00
  003040: 01 00 00 00 00 00 00 00 30 00 02 00 01 00 00 00
  003050: 00 00 00 00 31 00 02 00 04 00 00 00 00 00 00 00
  003060: 33 00 01 00 08 00 00 00 00 00 00 00 38 00 01 00
  003070: 2e 2e 2e 61 2e 74 78 74 62
  003100: 04 00 00 00 a4 81 01 00 03 00 00 00 00 00 00 00
  003110: 00 00 00 00 03 00 00 00 00 00 00 00 00 00 00 00
  003120: 68 69 0a`

const FULL_INDEX = `
  003080: 02 00 00 00 a4 81 01 00 28 63 00 00 00 00 00 00
  003090: 02 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00
  0030a0: 00 00 00 00 02 00 02 00 00 00 00 00 00 00 00 00
  0030b0: 01 00 00 00 01 00 00 00 02 00 00 00 01 08 03 00
  0030c0: 02 00 00 00 02 00 02 00 02 00 00 00 03 00 01 00
  0030d0: 01 00 00 00 02 00 00 00 02 00 00 00 01 08 01 00
  0030e0: 00 00 28 03 00 00 00 00`

const COMPACT_INDEX = `
  003080: 06 00 00 00 a4 81 01 00 28 63 00 00 00 00 00 00
  003090: 02 00 00 00 02 00 00 00 00 00 00 00 00 00 00 00
  0030a0: 00 00 00 00 07 00 02 00 00 10 01 28 01 00 00 00
  0030b0: 02 20 01 20 00 00 00 00 00 10 01 28 02 00 00 00
  0030c0: 28 03 00 00 00 00 00 00`

const TEXT = encodeUtf8(
  Array.from(
    { length: 900 },
    (_, line) => `extsign worked example line ${String(line + 1).padStart(5, '0')}\n`,
  ).join(''),
).subarray(0, 25_384)

function buildImage(index: string): Uint8Array {
  const image = new Uint8Array(4 * 4096)
  for (const line of `${BLOCK_0}${METADATA}${index}`.trim().split('\n')) {
    const [offset = '', bytes = ''] = line.trim().split(': ')
    image.set(fromHex(bytes.replaceAll(' ', ''))!, Number.parseInt(offset, 16))
  }
  const chunks = [TEXT.subarray(0, 16_384), TEXT.subarray(16_384)]
  for (const [at, chunk] of chunks.entries()) {
    const stream = deflateRawSync(chunk, { level: 9 })
    image.set(stream, (at + 2) * 4096 - stream.length)
  }
  return image
}

const LAYOUTS = [
  ['full', FULL_INDEX],
  ['compact', COMPACT_INDEX],
] as const

test.each(LAYOUTS)('reads the worked example with a %s index', async (_, index) => {
  const erofs = await openErofs(bytesSource(buildImage(index)))
  expect(erofs).toMatchObject({ label: 'demo', blocks: 4, blockSize: 4096 })
  expect(erofs.superblock.uuid).toBe('00010203-0405-0607-0809-0a0b0c0d0e0f')
  const contents: Record<string, string | undefined> = {}
  for await (const { path, inode } of erofs.walk()) {
    if (inode.kind !== 'file') continue
    const parts: Uint8Array[] = []
    for await (const part of erofs.read(inode)) parts.push(part)
    contents[decodeUtf8(path)!] = decodeUtf8(Buffer.concat(parts))
  }
  expect(contents).toEqual({ 'a.txt': decodeUtf8(TEXT), b: 'hi\n' })
})

test.each(LAYOUTS)('finds the clusters of a %s index', async (_, index) => {
  const erofs = await openErofs(bytesSource(buildImage(index)))
  const inode = await erofs.inode(4)
  const extents = []
  for await (const extent of erofs.extents(inode)) extents.push(extent)
  const shared = { kind: 'encoded', encodedSize: 4096, algorithm: 2, partial: false, inline: false }
  expect(extents).toEqual([
    { ...shared, offset: 0, size: 16_384, address: 4096 },
    { ...shared, offset: 16_384, size: 9000, address: 8192 },
  ])
})

test.each(LAYOUTS)(
  'finds nothing wrong in the worked example with a %s index',
  async (_, index) => {
    expect(await checkErofs(bytesSource(buildImage(index)))).toEqual([])
  },
)

type Damage = readonly [what: string, offset: number, bytes: readonly number[], message: RegExp]

const FULL_DAMAGE: readonly Damage[] = [
  ['a byte in the first kilobyte', 0x10, [1], /unused space that is not zero/],
  ['a byte behind the root directory', 0x307b, [1], /unused space that is not zero/],
  ['a byte behind the index', 0x30e8, [1], /unused space that is not zero/],
  ['a link too many', 0x3086, [2], /inode 4 says it has 2 links, there are 1/],
  ['a directory link too few', 0x3026, [1], /inode 1 says it has 1 links, there are 2/],
  ['a distance back that is too long', 0x30c4, [3], /lcluster 2 says its head is 3 back, not 2/],
  ['a distance forward that is too short', 0x30be, [2], /wrong head near lcluster 2/],
  ['a wrong mode for its file type', 0x3084, [0, 0x80 | 0x40], /is a socket, its name "a.txt"/],
  ['a name out of order', 0x3078, [0x21], /name "!" is out of order/],
  ['a name with a slash', 0x3074, [0x2f], /a name with a slash or NUL/],
  ['no dot', 0x3070, [0x2d], /a directory with two names, one is "-"/],
  ['a dot that leads elsewhere', 0x3040, [4], /entry "." leads to 4/],
  ['two dots that lead elsewhere', 0x304c, [4], /entry ".." leads to 4/],
  ['a tail that crosses a block', 0x3108, [0, 0x0f], /crosses a block/],
  ['an unknown layout', 0x3080, [0x0a], /unknown format 0xa/],
  ['an unknown format bit', 0x3081, [0x01], /unknown format 0x102/],
  ['an algorithm that is not announced', 0x30a6, [3], /algorithm 3 is not among/],
  ['no count of blocks', 0x30bc, [1, 0], /no block count behind the head in lcluster 0/],
  ['a head that starts late', 0x30b2, [1], /its first extent starts late/],
  ['no head', 0x30b0, [2], /no extent starts before lcluster 0/],
  ['a cluster behind the end', 0x30b4, [9], /needs 4096 bytes, the input ends at 16384/],
  ['a cluster without blocks', 0x30bc, [0, 8], /a cluster of 0 bytes/],
  ['a cluster of zeros', 0x1000, new Array(4096).fill(0), /starts with a block of zeros/],
  ['a truncated stream', 0x1fff, [0], /deflate/],
  ['an xattr area without entries', 0x3082, [1], /an xattr area without entries/],
]

test.each(FULL_DAMAGE)('names %s', async (_, offset, bytes, message) => {
  const image = buildImage(FULL_INDEX)
  image.set(bytes, offset)
  const problems = await checkErofs(bytesSource(image))
  expect(problems.map((problem) => problem.message).join('\n')).toMatch(message)
})
