import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { viewOf } from '../../../src/bytes/struct.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { BLOCK_SIZE, LAYOUT } from '../../../src/formats/erofs/layout.ts'
import {
  encodeDirectory,
  measureDirectory,
} from '../../../src/formats/erofs/write/encode-directory.ts'
import { encodeDevice, encodeInode } from '../../../src/formats/erofs/write/encode-inode.ts'
import { encodeBlock0 } from '../../../src/formats/erofs/write/encode-superblock.ts'
import { encodeXattrs, shareXattrs } from '../../../src/formats/erofs/write/encode-xattrs.ts'

const epoch = 1700000000
const common = { uid: 0, gid: 0, mtime: { seconds: epoch, nanoseconds: 0 }, xattrSize: 0 }
const hex = (text: string) => text.replace(/\s/g, '')

describe('encodeInode', () => {
  test('writes the root of the worked example', () => {
    const root = { ...common, mode: 0o040755, nlink: 2, size: 57, ino: 1, u: 0 }
    expect(toHex(encodeInode({ ...root, layout: LAYOUT.FLAT_INLINE }, epoch))).toBe(
      hex('04000000 ed410200 39000000 00000000 00000000 01000000 00000000 00000000'),
    )
  })

  test('writes the compressed file of the worked example', () => {
    const file = { ...common, mode: 0o100644, nlink: 1, size: 25384, ino: 2, u: 2 }
    expect(toHex(encodeInode({ ...file, layout: LAYOUT.COMPRESSED_COMPACT }, epoch))).toBe(
      hex('06000000 a4810100 28630000 00000000 02000000 02000000 00000000 00000000'),
    )
  })

  test.each([
    ['a time of its own', { mtime: { seconds: epoch - 1, nanoseconds: 0 } }],
    ['nanoseconds', { mtime: { seconds: epoch, nanoseconds: 1 } }],
    ['a large user id', { uid: 65536 }],
    ['a large group id', { gid: 65536 }],
    ['many links', { nlink: 65536 }],
    ['more than 4 GiB', { size: 2 ** 32 }],
  ])('is 64 bytes with %s', (_, change) => {
    const file = { ...common, mode: 0o100644, nlink: 1, size: 0, ino: 1, u: 0 }
    expect(encodeInode({ ...file, layout: LAYOUT.FLAT_PLAIN, ...change }, epoch)).toHaveLength(64)
  })

  test('stores a time before 1970', () => {
    const mtime = { seconds: -2, nanoseconds: 5 }
    const file = { ...common, mode: 0o100644, nlink: 1, size: 0, ino: 1, u: 0, mtime }
    const view = viewOf(encodeInode({ ...file, layout: LAYOUT.FLAT_PLAIN }, epoch))
    expect(view.getBigInt64(32, true)).toBe(-2n)
    expect(view.getUint32(40, true)).toBe(5)
  })

  test('encodes large device numbers', () => {
    expect(encodeDevice(259, 300)).toBe((300 & 0xff) | (259 << 8) | (0x100 << 12))
  })
})

describe('encodeDirectory', () => {
  test('writes the directory of the worked example', () => {
    const entries = [
      { name: encodeUtf8('b'), nid: 8, fileType: 1 },
      { name: encodeUtf8('a.txt'), nid: 4, fileType: 1 },
    ]
    expect(toHex(encodeDirectory(entries, 1, 1))).toBe(
      hex(`0100000000000000 30000200 0100000000000000 31000200
           0400000000000000 33000100 0800000000000000 38000100 2e 2e2e 612e747874 62`),
    )
  })

  test('sorts `.` and `..` among the other names', () => {
    const names = ['!a', '+x', '-y', 'z'].map(encodeUtf8)
    const bytes = encodeDirectory(
      names.map((name, index) => ({ name, nid: index + 2, fileType: 1 })),
      1,
      1,
    )
    const order = Array.from({ length: 6 }, (_, index) => viewOf(bytes).getUint32(index * 12, true))
    expect(order).toEqual([2, 3, 4, 1, 1, 5])
  })

  test.each([
    ['exactly one block', 4096 - 27 - 12, 4096],
    ['one byte over', 4096 - 27 - 11, 4096 + 12 + 200],
  ])('fills %s', (_, space, expected) => {
    const names: Uint8Array[] = []
    for (let left = space; left > 0; ) {
      const size = left >= 424 ? 200 : left > 255 ? left - 212 : left
      names.push(encodeUtf8(String.fromCharCode(97 + names.length).repeat(size)))
      left -= size + 12
    }
    const size = measureDirectory(names)
    const bytes = encodeDirectory(
      names.map((name) => ({ name, nid: 2, fileType: 1 })),
      1,
      1,
    )
    expect(bytes).toHaveLength(size)
    if (expected === 4096) expect(size).toBe(4096)
    else expect(size).toBeGreaterThan(4096)
  })
})

describe('encodeBlock0', () => {
  const fields = {
    inodes: 3,
    blocks: 4,
    epoch,
    rootNid: 1,
    metaBlock: 3,
    xattrBlock: 0,
    uuid: '00010203-0405-0607-0809-0a0b0c0d0e0f',
  }

  test('checks the block without a final inversion', () => {
    const block = encodeBlock0({ ...fields, compression: undefined })
    expect(block).toHaveLength(BLOCK_SIZE)
    expect(toHex(block.subarray(1024, 1028))).toBe('e2e1f5e0')
    expect(toHex(block.subarray(1024 + 84, 1024 + 86))).toBe('0000')
  })

  test('announces LZ4 with the blocks of its largest cluster', () => {
    const block = encodeBlock0({
      ...fields,
      compression: { algorithm: 'lz4', maxClusterBlocks: 15 },
    })
    expect(toHex(block.subarray(1024 + 80, 1024 + 86))).toBe('030000000100')
    expect(toHex(block.subarray(1152, 1168))).toBe('0e0000000f0000000000000000000000')
  })

  test('announces zstd with its window', () => {
    const block = encodeBlock0({ ...fields, compression: { algorithm: 'zstd', windowLog: 17 } })
    expect(toHex(block.subarray(1024 + 84, 1024 + 86))).toBe('0800')
    expect(toHex(block.subarray(1152, 1160))).toBe('0600000700000000')
  })
})

describe('encodeXattrs', () => {
  const value = encodeUtf8('v')
  const none = shareXattrs([])

  test('writes nothing where there are none', () => {
    expect(encodeXattrs(new Map(), none)).toHaveLength(0)
  })

  test('sorts by name and stores the prefix as a number', () => {
    const area = encodeXattrs(
      new Map([
        ['user.b', value],
        ['security.a', value],
      ]),
      none,
    )
    expect(toHex(area)).toBe(hex('000000000000000000000000 01060100 61760000 01010100 62760000'))
  })

  test('stores a pair that three inodes carry once', () => {
    const pair = new Map([['user.a', value]])
    const shared = shareXattrs([pair, pair, pair])
    expect(toHex(shared.bytes)).toBe('0101010061760000')
    expect(toHex(encodeXattrs(pair, shared))).toBe(hex('00000000 01000000 00000000 00000000'))
    expect(shareXattrs([pair, pair]).bytes).toHaveLength(0)
  })

  test.each([
    ['another namespace', 'system.other', 1, 'system.other'],
    ['a name without namespace', 'plain', 1, 'plain'],
    ['a long name', `user.${'n'.repeat(256)}`, 1, 'too long'],
    ['a long value', 'user.v', 65536, 'too long'],
  ])('refuses %s', (_, name, size, message) => {
    expect(() => encodeXattrs(new Map([[name, new Uint8Array(size)]]), none)).toThrow(message)
  })
})
