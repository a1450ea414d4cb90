import { describe, expect, test } from 'vitest'
import { concat } from '../../../src/bytes/concat.ts'
import { bytesSource } from '../../../src/bytes/source.ts'
import { decode, encode, viewOf } from '../../../src/bytes/struct.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { checkErofs, openErofs } from '../../../src/formats/erofs/index.ts'
import {
  FILE_TYPE,
  INCOMPAT,
  LAYOUT,
  S_IFDIR,
  S_IFREG,
  Superblock,
} from '../../../src/formats/erofs/layout.ts'
import { superblockChecksum } from '../../../src/formats/erofs/read/decode-superblock.ts'
import { encodeDirectory } from '../../../src/formats/erofs/write/encode-directory.ts'
import { encodeInode } from '../../../src/formats/erofs/write/encode-inode.ts'
import { readVector } from './vectors.ts'

/** The image with other fields, and a checksum that fits. */
function withFields(image: Uint8Array, fields: Partial<Superblock>, blockSize = 4096): Uint8Array {
  const changed = image.slice()
  const superblock = decode(Superblock, changed, 1024)
  changed.set(encode(Superblock, { ...superblock, ...fields }), 1024)
  const covered = changed.subarray(1024, blockSize > 1024 ? blockSize : 1024 + blockSize)
  viewOf(covered).setUint32(Superblock.offsets.checksum, superblockChecksum(covered), true)
  return changed
}

const refused = [
  [
    'another magic',
    { magic: 1 },
    'BAD_MAGIC',
    'magic is 0x00000001, expected 0xe0f5e1e2 at byte 1024',
  ],
  ['blocks of 256 bytes', { blkszbits: 8 }, 'BAD_VALUE', 'block size is 2^8, expected 2^9 to 2^16'],
  ['blocks of 128 KiB', { blkszbits: 17 }, 'BAD_VALUE', 'block size is 2^17'],
  ['a feature of the future', { featureIncompat: 0x200 }, 'UNSUPPORTED', 'features 0x00000200'],
  ['metabox', { featureIncompat: INCOMPAT.METABOX }, 'UNSUPPORTED', 'metabox'],
  ['other directory blocks', { dirblkbits: 1 }, 'UNSUPPORTED', 'dirblkbits is 1, expected 0'],
  ['two devices', { extraDevices: 1 }, 'UNSUPPORTED', 'data on 1 further devices'],
  ['a label that is not text', { volumeName: Uint8Array.of(0xff) }, 'UNSUPPORTED', 'not UTF-8'],
  ['a root that is no directory', { rootnid2b: 45 }, 'BAD_VALUE', 'the root is a block-device'],
  ['a root behind the end', { metaBlkaddr: 0xffff }, 'TRUNCATED', 'inode 37 needs 32 bytes'],
  ['a time beyond all counting', { epoch: 2n ** 62n }, 'OUT_OF_RANGE', 'epoch is'],
] as const

test.each(refused)('refuses %s', async (_, fields, code, message) => {
  const image = withFields(readVector('plain'), fields)
  await expect(openErofs(bytesSource(image))).rejects.toMatchObject({
    name: 'FormatError',
    code,
    message: expect.stringContaining(message),
  })
})

test('refuses a wrong checksum, and names both', async () => {
  const image = readVector('plain')
  image[1100] = 1
  await expect(openErofs(bytesSource(image))).rejects.toMatchObject({
    code: 'BAD_CHECKSUM',
    message: expect.stringMatching(
      /checksum is 0x[0-9a-f]{8}, computed 0x[0-9a-f]{8} at byte 1028/,
    ),
  })
})

test.each([0, 1023, 1024, 1151, 1152, 4095])('refuses an image of %i bytes', async (size) => {
  const image = readVector('plain').subarray(0, size)
  await expect(openErofs(bytesSource(image))).rejects.toMatchObject({ code: 'TRUNCATED' })
})

const records = [
  ['a longer record', 1152, [15], 'the LZ4 record has 15 bytes, expected 14'],
  ['too many blocks', 1156, [1, 1], 'lz4 clusters of 257 blocks, at most 256'],
] as const

test.each(records)('refuses %s', async (_, offset, bytes, message) => {
  const image = readVector('lz4-big')
  image.set(bytes, offset)
  await expect(openErofs(bytesSource(withFields(image, {})))).rejects.toThrow(message)
})

test('refuses an algorithm nobody knows', async () => {
  const image = withFields(readVector('lz4-big'), { availableComprAlgs: 0x11 })
  await expect(openErofs(bytesSource(image))).rejects.toThrow('unknown algorithms 0x10')
})

describe('the check', () => {
  const wrong = [
    ['blocks', { blocksLo: 5 }, 'the superblock counts 5 blocks of 4096'],
    ['inodes', { inos: 5n }, 'the superblock counts 5 inodes, there are'],
    ['a label without end', { volumeName: encodeUtf8('sixteen bytes...') }, 'more than 15 bytes'],
    [
      'something behind the label',
      { volumeName: encodeUtf8('a\0b') },
      'behind the end of the label',
    ],
    ['a reserved field', { reserved2: 1n }, 'a reserved field of the superblock is not zero'],
  ] as const

  test.each(wrong)('names %s', async (_, fields, message) => {
    const problems = await checkErofs(bytesSource(withFields(readVector('chunks'), fields)))
    expect(problems.map((problem) => problem.message).join('\n')).toContain(message)
  })
})

test.each([512, 1024, 2048, 8192, 16_384, 65_536])(
  'reads blocks of %i bytes',
  async (blockSize) => {
    const content = new Uint8Array(blockSize + 10).fill(7)
    const meta = 2 * Math.ceil(4096 / blockSize)
    const directory = encodeDirectory(
      [{ name: encodeUtf8('file'), nid: 8, fileType: FILE_TYPE.REG_FILE }],
      1,
      1,
    )
    const shared = { uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 }, ino: 1, xattrSize: 0 }
    const inline = { ...shared, layout: LAYOUT.FLAT_INLINE }
    const root = { ...inline, mode: S_IFDIR | 0o755, nlink: 2, size: directory.length, u: 0 }
    const file = { ...inline, mode: S_IFREG | 0o644, nlink: 1, size: content.length, u: meta - 1 }
    const image = new Uint8Array((meta + 1) * blockSize)
    image.set(content.subarray(0, blockSize), (meta - 1) * blockSize)
    image.set(concat(encodeInode(root, 0), directory), meta * blockSize + 32)
    image.set(concat(encodeInode(file, 0), content.subarray(blockSize)), meta * blockSize + 8 * 32)
    const fields = {
      magic: 0xe0f5e1e2,
      featureCompat: 1,
      blkszbits: Math.log2(blockSize),
      rootnid2b: 1,
      inos: 2n,
      blocksLo: meta + 1,
      metaBlkaddr: meta,
    }
    const finished = withFields(image, fields, blockSize)
    expect(await checkErofs(bytesSource(finished))).toEqual([])
    const erofs = await openErofs(bytesSource(finished))
    const parts: Uint8Array[] = []
    const found = await erofs.lookup(encodeUtf8('file'))
    for await (const part of erofs.read(found!)) parts.push(part)
    expect(concat(...parts)).toEqual(content)
  },
)
