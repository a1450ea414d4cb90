/** Images of some kilobytes that describe far more work than they have bytes. */

import { deflateRawSync } from 'node:zlib'
import { concat } from '../../../src/bytes/concat.ts'
import { encode, u32le, u64le, viewOf } from '../../../src/bytes/struct.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import {
  ALGORITHM,
  FILE_TYPE,
  INCOMPAT,
  LAYOUT,
  LCLUSTER_TYPE,
  LclusterIndex,
  MapHeader,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
  Superblock,
  XattrEntry,
  XattrIbodyHeader,
} from '../../../src/formats/erofs/layout.ts'
import { superblockChecksum } from '../../../src/formats/erofs/read/decode-superblock.ts'
import { encodeDirectory } from '../../../src/formats/erofs/write/encode-directory.ts'
import { encodeInode } from '../../../src/formats/erofs/write/encode-inode.ts'
import { encodeBlock0 } from '../../../src/formats/erofs/write/encode-superblock.ts'

const BLOCK = 4096
const EPOCH = 1_700_000_000
const ROOT = 36
const DIRECTORY = { mode: S_IFDIR | 0o755, nlink: 2 }

interface Piece {
  /** Byte offset in the image. */
  readonly at: number
  readonly bytes: Uint8Array
}

function inode(fields: Partial<Parameters<typeof encodeInode>[0]>): Uint8Array {
  const base = { uid: 0, gid: 0, nlink: 1, size: 0, ino: 1, xattrSize: 0, u: 0 }
  const mtime = { seconds: EPOCH, nanoseconds: 0 }
  const plain = { mode: S_IFREG | 0o644, layout: LAYOUT.FLAT_PLAIN }
  return encodeInode({ ...base, ...plain, mtime, ...fields }, EPOCH)
}

/** Byte offset of an inode; its number counts 32 bytes from the start. */
const at = (nid: number) => 32 * nid

function assemble(
  blocks: number,
  pieces: readonly Piece[],
  xattrBlock = 0,
  amend: (superblock: DataView) => void = () => undefined,
): Uint8Array {
  const bytes = new Uint8Array(blocks * BLOCK)
  bytes.set(
    encodeBlock0({
      inodes: pieces.length,
      blocks,
      epoch: EPOCH,
      rootNid: ROOT,
      metaBlock: 0,
      xattrBlock,
      uuid: '00000000-0000-0000-0000-000000000000',
      compression: undefined,
    }),
  )
  for (const piece of pieces) bytes.set(piece.bytes, piece.at)
  const covered = bytes.subarray(1024, BLOCK)
  amend(viewOf(covered))
  viewOf(covered).setUint32(Superblock.offsets.checksum, superblockChecksum(covered), true)
  return bytes
}

const entry = (name: string, nid: number, fileType: number) => {
  return { name: encodeUtf8(name), nid, fileType }
}

/** A directory in one block of its own. */
function directory(nid: number, block: number, content: Uint8Array): Piece[] {
  const size = content.length
  return [
    { at: at(nid), bytes: inode({ ...DIRECTORY, size, u: block }) },
    { at: block * BLOCK, bytes: content },
  ]
}

function symlink(nid: number, block: number, target: string): Piece[] {
  const content = encodeUtf8(target)
  return [
    { at: at(nid), bytes: inode({ mode: S_IFLNK | 0o777, size: content.length, u: block }) },
    { at: block * BLOCK, bytes: content },
  ]
}

/** The root contains itself as `usr`, `lib` and so on; each link leads through it 2000 times. */
export function selfContained(): Uint8Array {
  const through = `${'usr/'.repeat(1000)}lib`
  const names = [
    ...['usr', 'etc', 'lib', 'extension-release.d'].map((name) => entry(name, ROOT, FILE_TYPE.DIR)),
    ...Array.from({ length: 60 }, (_, index) =>
      entry(`extension-release.${index}`, 40, FILE_TYPE.SYMLINK),
    ),
    entry('os-release', 40, FILE_TYPE.SYMLINK),
  ]
  return assemble(4, [
    ...directory(ROOT, 2, encodeDirectory(names, ROOT, ROOT)),
    ...symlink(40, 3, `${through}/../os-release`),
  ])
}

/** `usr/lib/extension-release.d` with as many names as its blocks hold, all of one file. */
export function manyReleaseFiles(blocks: number): Uint8Array {
  const names = Array.from({ length: blocks * 100 }, (_, index) =>
    entry(`extension-release.${String(index).padStart(6, '0')}`, 40, FILE_TYPE.REG_FILE),
  )
  const content = encodeDirectory(names, 39, 38)
  const sub = (name: string, nid: number, self: number, parent: number) =>
    encodeDirectory([entry(name, nid, FILE_TYPE.DIR)], self, parent)
  return assemble(5 + Math.ceil(content.length / BLOCK), [
    ...directory(ROOT, 2, sub('usr', 37, ROOT, ROOT)),
    ...directory(37, 3, sub('lib', 38, 37, ROOT)),
    ...directory(38, 4, sub('extension-release.d', 39, 38, 37)),
    ...directory(39, 5, content),
    { at: at(40), bytes: inode({ nlink: names.length }) },
  ])
}

/** Directories that all have the same block of names. */
export function sharedDirectories(count: number): Uint8Array {
  const inodeBlocks = Math.ceil(((ROOT + 1 + count) * 32) / BLOCK)
  const first = ROOT + 2
  const names = Array.from({ length: count }, (_, index) =>
    entry(`d${String(index).padStart(5, '0')}`, first + index, FILE_TYPE.DIR),
  )
  const root = encodeDirectory(names, ROOT, ROOT)
  const shared = inodeBlocks + Math.ceil(root.length / BLOCK)
  const files = Array.from({ length: 200 }, (_, index) =>
    entry(`f${index}`, ROOT + 1, FILE_TYPE.REG_FILE),
  )
  // Whose "." it is can be right for one of them only; what is in it is read before that.
  const content = encodeDirectory(files, first, ROOT)
  const fields = { ...DIRECTORY, size: content.length, u: shared }
  return assemble(shared + 1, [
    ...directory(ROOT, inodeBlocks, root),
    { at: at(ROOT + 1), bytes: inode({}) },
    ...names.map(({ nid }) => ({ at: at(nid), bytes: inode(fields) })),
    { at: shared * BLOCK, bytes: content },
  ])
}

/**
 * Files that each name 200 shared attributes, which lie in each other and have values of 60 KiB. The
 * image has 96 KiB.
 */
export function overlappingAttributes(files = 60): Uint8Array {
  const count = 200
  const xattrSize = XattrIbodyHeader.size + 4 * count
  const slots = Math.ceil((32 + xattrSize) / 32)
  const first = (2 * BLOCK) / 32
  const names = Array.from({ length: files }, (_, index) =>
    entry(`f${String(index).padStart(5, '0')}`, first + slots * index, FILE_TYPE.REG_FILE),
  )
  const area = Array.from({ length: count }, (_, index) =>
    concat(
      encode(XattrEntry, { nameLen: 6, nameIndex: 1, valueSize: 0xf000 }),
      encodeUtf8(String(index).padStart(6, '0')),
      new Uint8Array(2),
    ),
  )
  const header = { nameFilter: 0, sharedCount: count, reserved: new Uint8Array(7) }
  const ids = Array.from({ length: count }, (_, index) => encode(u32le, index * 3))
  const body = concat(inode({ xattrSize }), encode(XattrIbodyHeader, header), ...ids)
  const root = encodeDirectory(names, ROOT, ROOT)
  return assemble(
    24,
    [
      ...directory(ROOT, 22, root),
      { at: BLOCK, bytes: concat(...area) },
      ...names.map(({ nid }) => ({ at: at(nid), bytes: body })),
    ],
    1,
  )
}

/** Files that each are the whole image. */
export function wholeImageAgain(files: number): Uint8Array {
  const blocks = 300
  const first = (2 * BLOCK) / 32
  const names = Array.from({ length: files }, (_, index) =>
    entry(`f${String(index).padStart(5, '0')}`, first + index, FILE_TYPE.REG_FILE),
  )
  const root = encodeDirectory(names, ROOT, ROOT)
  return assemble(blocks, [
    ...directory(ROOT, 200, root),
    ...names.map(({ nid }) => ({ at: at(nid), bytes: inode({ size: blocks * BLOCK, u: 0 }) })),
  ])
}

/** Files whose chunk maps, all of holes, are the whole rest of the image. */
export function overlappingChunks(blocks: number): Uint8Array {
  const files = 100
  const first = (2 * BLOCK) / 32
  const entries = (blocks - 4) * (BLOCK / 4)
  const fields = { layout: LAYOUT.CHUNK_BASED, size: entries * BLOCK, u: 0 }
  const names = Array.from({ length: files }, (_, index) =>
    entry(`f${index}`, first + index, FILE_TYPE.REG_FILE),
  )
  return assemble(blocks, [
    ...directory(ROOT, 1, encodeDirectory(names, ROOT, ROOT)),
    { at: 3 * BLOCK, bytes: new Uint8Array((blocks - 3) * BLOCK).fill(0xff) },
    ...names.map(({ nid }) => ({ at: at(nid), bytes: inode(fields) })),
  ])
}

/** Folders in each other, in each of them the same file and the same link. */
export function deepFolders(depth: number, name: string): Uint8Array {
  const [file, link, first] = [ROOT + 1, ROOT + 2, ROOT + 3]
  const inodeBlocks = Math.ceil(at(first + depth) / BLOCK)
  const nidOf = (level: number) => (level === 0 ? ROOT : first + level)
  const folders = Array.from({ length: depth }, (_, level) => {
    const deeper = entry(name, nidOf(level + 1), FILE_TYPE.DIR)
    const names = [
      ...(level + 1 < depth ? [deeper] : []),
      entry('file', file, FILE_TYPE.REG_FILE),
      entry('link', link, FILE_TYPE.SYMLINK),
    ]
    const content = encodeDirectory(names, nidOf(level), nidOf(Math.max(0, level - 1)))
    return directory(nidOf(level), inodeBlocks + 1 + level, content)
  })
  const [linkInode, target] = symlink(link, inodeBlocks, 'file')
  return assemble(inodeBlocks + 1 + depth, [
    ...folders.flat(),
    { at: at(file), bytes: inode({ nlink: depth }) },
    {
      at: linkInode!.at,
      bytes: inode({ mode: S_IFLNK | 0o777, size: 4, u: inodeBlocks, nlink: depth }),
    },
    target!,
  ])
}

/** Files that all name one shared attribute, whose value has `valueSize` bytes. */
export function sharedValue(files: number, valueSize: number): Uint8Array {
  const xattrSize = XattrIbodyHeader.size + 4
  const first = (20 * BLOCK) / 32
  const names = Array.from({ length: files }, (_, index) =>
    entry(`f${String(index).padStart(5, '0')}`, first + 2 * index, FILE_TYPE.REG_FILE),
  )
  const root = encodeDirectory(names, ROOT, ROOT)
  const header = { nameFilter: 0, sharedCount: 1, reserved: new Uint8Array(7) }
  const body = concat(inode({ xattrSize }), encode(XattrIbodyHeader, header), encode(u32le, 0))
  const rootBlock = 20 + Math.ceil((files * 64) / BLOCK)
  return assemble(
    rootBlock + Math.ceil(root.length / BLOCK),
    [
      ...directory(ROOT, rootBlock, root),
      {
        at: BLOCK,
        bytes: concat(
          encode(XattrEntry, { nameLen: 5, nameIndex: 1, valueSize }),
          encodeUtf8('value'),
        ),
      },
      ...names.map(({ nid }) => ({ at: at(nid), bytes: body })),
    ],
    1,
  )
}

/**
 * Files of one byte each, from one cluster of the packed inode after the other. Each cluster is the
 * same block, and decodes to 3 MiB.
 */
export function scatteredFragments(files: number): Uint8Array {
  // Behind the record of the algorithm.
  const root = ROOT + 4
  const clusters = 8
  const lclusters = 768
  const stream = deflateRawSync(new Uint8Array(lclusters * BLOCK), { level: 9 })
  const first = (2 * BLOCK) / 32
  const fileBlocks = Math.ceil((files * 64) / BLOCK)
  const [streamBlock, packedBlock] = [2 + fileBlocks, 3 + fileBlocks]
  const packedNid = (packedBlock * BLOCK) / 32
  const entries = Array.from({ length: clusters * lclusters }, (_, index) => {
    const back = index % lclusters
    return encode(LclusterIndex, {
      advise: back === 0 ? LCLUSTER_TYPE.HEAD1 : LCLUSTER_TYPE.NONHEAD,
      clusterofs: 0,
      blkaddr: back === 0 ? streamBlock : back | ((lclusters - back) << 16),
    })
  })
  const map = { fragmentoff: 0, advise: 0, algorithmtype: ALGORITHM.DEFLATE, clusterbits: 0 }
  const layout = LAYOUT.COMPRESSED_FULL
  const size = clusters * lclusters * BLOCK
  const index = concat(
    inode({ size, layout, u: 1 }),
    encode(MapHeader, map),
    new Uint8Array(8),
    ...entries,
  )
  const names = Array.from({ length: files }, (_, number) =>
    entry(`f${String(number).padStart(5, '0')}`, first + 2 * number, FILE_TYPE.REG_FILE),
  )
  const content = encodeDirectory(names, root, root)
  const rootBlock = packedBlock + Math.ceil(index.length / BLOCK)
  return assemble(
    rootBlock + Math.ceil(content.length / BLOCK),
    [
      ...directory(root, rootBlock, content),
      { at: streamBlock * BLOCK + BLOCK - stream.length, bytes: stream },
      { at: packedBlock * BLOCK, bytes: index },
      ...names.map(({ nid }, number) => {
        const place = BigInt((number % clusters) * lclusters * BLOCK) | (1n << 63n)
        return { at: at(nid), bytes: concat(inode({ size: 1, layout }), encode(u64le, place)) }
      }),
    ],
    0,
    (superblock) => {
      const {
        featureIncompat,
        availableComprAlgs,
        packedNid: packedAt,
        rootnid2b,
      } = Superblock.offsets
      const features = INCOMPAT.ZERO_PADDING | INCOMPAT.COMPR_CFGS | INCOMPAT.FRAGMENTS
      superblock.setUint32(featureIncompat, features, true)
      superblock.setUint16(availableComprAlgs, 1 << ALGORITHM.DEFLATE, true)
      superblock.setUint16(rootnid2b, root, true)
      superblock.setBigUint64(packedAt, BigInt(packedNid), true)
      for (const [index, byte] of [6, 0, 15].entries()) {
        superblock.setUint8(Superblock.size + index, byte)
      }
    },
  )
}
