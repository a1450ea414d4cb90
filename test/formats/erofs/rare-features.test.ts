import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { concat } from '../../../src/bytes/concat.ts'
import { bytesSource } from '../../../src/bytes/source.ts'
import { decode, encode, viewOf } from '../../../src/bytes/struct.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { FormatError } from '../../../src/errors.ts'
import { checkErofs, openErofs } from '../../../src/formats/erofs/index.ts'
import {
  ADVISE,
  D0_CBLKCNT,
  ExtendedInode,
  INCOMPAT,
  LAYOUT,
  LCLUSTER_PARTIAL_REF,
  LCLUSTER_TYPE,
  LclusterIndex,
  MapHeader,
  S_IFCHR,
  Superblock,
} from '../../../src/formats/erofs/layout.ts'
import { superblockChecksum } from '../../../src/formats/erofs/read/decode-superblock.ts'
import { tinyImage } from './tiny-image.ts'

// What Linux reads and mkfs.erofs does not write, or not in a small image.

const BLOCK = 4096
const DEFLATE = 2
const TEXT = encodeUtf8(
  Array.from({ length: 1000 }, (_, line) => `line ${line} of a text\n`).join(''),
).subarray(0, 20_000)

interface Entry {
  readonly type: number
  readonly clusterofs?: number
  readonly block?: number
  readonly delta0?: number
  readonly delta1?: number
  readonly partial?: boolean
}

/** An image with a file of `size` bytes whose full index is `entries`, and clusters at their blocks. */
function imageOf(
  size: number,
  header: Partial<MapHeader>,
  entries: readonly Entry[],
  clusters: Readonly<Record<number, Uint8Array>>,
): Uint8Array {
  const index = entries.map(({ type, clusterofs = 0, block, delta0 = 0, delta1 = 0, partial }) =>
    encode(LclusterIndex, {
      advise: type | (partial ? LCLUSTER_PARTIAL_REF : 0),
      clusterofs,
      blkaddr: block ?? delta0 | (delta1 << 16),
    }),
  )
  const map = { fragmentoff: 0, advise: 0, algorithmtype: DEFLATE, clusterbits: 0, ...header }
  const body = concat(encode(MapHeader, map), new Uint8Array(8), ...index)
  const fields = { size, layout: LAYOUT.COMPRESSED_FULL }
  const { bytes } = tinyImage([{ name: 'file', fields, body }])
  for (const [block, cluster] of Object.entries(clusters)) bytes.set(cluster, Number(block) * BLOCK)
  announce(bytes)
  return bytes
}

/** Makes the superblock announce deflate, big pclusters, and all that goes with them. */
function announce(image: Uint8Array): void {
  const superblock = image.subarray(1024, BLOCK)
  const view = viewOf(superblock)
  const { featureIncompat, availableComprAlgs, checksum } = Superblock.offsets
  const features = INCOMPAT.ZERO_PADDING | INCOMPAT.COMPR_CFGS | INCOMPAT.COMPR_HEAD2
  view.setUint32(featureIncompat, features | INCOMPAT.DEDUPE, true)
  view.setUint16(availableComprAlgs, 1 << DEFLATE, true)
  superblock.set([6, 0, 15], Superblock.size)
  view.setUint32(checksum, superblockChecksum(superblock), true)
}

/** A stream at the end of as many blocks as it needs. */
function cluster(content: Uint8Array): Uint8Array {
  const stream = deflateRawSync(content)
  const padded = new Uint8Array(Math.ceil(stream.length / BLOCK) * BLOCK)
  padded.set(stream, padded.length - stream.length)
  return padded
}

async function read(image: Uint8Array): Promise<Uint8Array> {
  expect(await checkErofs(bytesSource(image))).toEqual([])
  const erofs = await openErofs(bytesSource(image))
  const file = await erofs.lookup(encodeUtf8('file'))
  const parts: Uint8Array[] = []
  for await (const part of erofs.read(file!)) parts.push(part)
  return concat(...parts)
}

const { HEAD1, HEAD2, NONHEAD, PLAIN } = LCLUSTER_TYPE

test('lclusters of 8 KiB, with extents that start inside of them', async () => {
  const cut = 8192 + 100
  const image = imageOf(
    TEXT.length,
    { clusterbits: 1 },
    [
      { type: HEAD1, block: 1 },
      { type: HEAD1, clusterofs: 100, block: 3 },
      { type: NONHEAD, delta0: 1, delta1: 1 },
    ],
    { 1: cluster(TEXT.subarray(0, cut)), 3: cluster(TEXT.subarray(cut)) },
  )
  expect(await read(image)).toEqual(TEXT)
})

test('a second algorithm in the same file', async () => {
  const image = imageOf(
    TEXT.length,
    { algorithmtype: (DEFLATE << 4) | 0xf, advise: ADVISE.BIG_PCLUSTER_2 },
    [
      { type: HEAD2, block: 1 },
      { type: NONHEAD, delta0: D0_CBLKCNT | 1, delta1: 3 },
      { type: NONHEAD, delta0: 2, delta1: 2 },
      { type: NONHEAD, delta0: 3, delta1: 1 },
      { type: PLAIN, block: 5 },
    ],
    { 1: cluster(TEXT.subarray(0, 16_384)), 5: TEXT.subarray(16_384) },
  )
  expect(await read(image)).toEqual(TEXT)
})

test('a beginning of a cluster', async () => {
  const image = imageOf(
    5000,
    {},
    [
      { type: HEAD1, block: 1, partial: true },
      { type: NONHEAD, delta0: 1, delta1: 1 },
    ],
    { 1: cluster(TEXT.subarray(0, 9000)) },
  )
  expect(await read(image)).toEqual(TEXT.subarray(0, 5000))
})

test('a plain block that is rotated', async () => {
  const content = TEXT.subarray(0, 8292)
  const image = imageOf(
    content.length,
    { advise: ADVISE.INTERLACED_PCLUSTER },
    [
      { type: HEAD1, block: 1 },
      { type: PLAIN, clusterofs: 100, block: 2 },
      { type: NONHEAD, delta0: 1, delta1: 1 },
    ],
    {
      1: cluster(content.subarray(0, 4196)),
      2: concat(content.subarray(8192), content.subarray(4196, 8192)),
    },
  )
  expect(await read(image)).toEqual(content)
})

// Linux 6.18 reads only the second one.
test.each([
  ['an inline tail', LAYOUT.FLAT_INLINE, 0xffff, BLOCK + 1],
  ['no tail', LAYOUT.FLAT_PLAIN, 0xffff, BLOCK],
  ['no tail, and 32 bits', LAYOUT.FLAT_PLAIN, 0, BLOCK],
])('a flat file without blocks: %s', async (_, layout, startblkHi, size) => {
  const fields = { size, layout, u: 0xffffffff, uid: 70_000 }
  const { bytes, nids } = tinyImage([{ name: 'file', fields, body: encodeUtf8('x') }])
  const superblock = decode(Superblock, bytes, 1024)
  const featureIncompat = superblock.featureIncompat | INCOMPAT.FORTY_EIGHT_BIT
  bytes.set(encode(Superblock, { ...superblock, featureIncompat }), 1024)
  viewOf(bytes).setUint32(1028, superblockChecksum(bytes.subarray(1024, BLOCK)), true)
  const offset = (await (await openErofs(bytesSource(bytes))).inode(nids[0]!)).offset
  viewOf(bytes).setUint16(offset + ExtendedInode.offsets.startblkHi, startblkHi, true)
  const erofs = await openErofs(bytesSource(bytes))
  const read = (async () => {
    const parts: Uint8Array[] = []
    for await (const part of erofs.read(await erofs.inode(nids[0]!))) parts.push(part.slice())
    return concat(...parts)
  })()
  const isHole = layout === LAYOUT.FLAT_PLAIN && startblkHi === 0xffff
  if (isHole) expect(await read).toEqual(new Uint8Array(BLOCK))
  else await expect(read).rejects.toThrow(FormatError)
})

test('a device in a layout of chunks is refused where its number is no format, as by Linux', async () => {
  const fields = { mode: S_IFCHR | 0o600, layout: LAYOUT.CHUNK_BASED, u: 0x103 }
  const { bytes } = tinyImage([{ name: 'null', fields, body: new Uint8Array(0) }])
  const { lookup } = await openErofs(bytesSource(bytes))
  await expect(lookup(encodeUtf8('null'))).rejects.toThrow('unknown chunk format 0x103')
})
