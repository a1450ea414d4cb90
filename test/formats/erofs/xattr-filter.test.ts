import { expect, test } from 'vitest'
import { concat } from '../../../src/bytes/concat.ts'
import { bytesSource } from '../../../src/bytes/source.ts'
import { decode, encode } from '../../../src/bytes/struct.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { openErofs } from '../../../src/formats/erofs/index.ts'
import {
  COMPAT,
  Superblock,
  XattrEntry,
  XattrIbodyHeader,
} from '../../../src/formats/erofs/layout.ts'
import { superblockChecksum } from '../../../src/formats/erofs/read/decode-superblock.ts'
import { findHiddenXattr, xattrFilterBit } from '../../../src/formats/erofs/read/xattr-filter.ts'
import { tinyImage } from './tiny-image.ts'

const cases = [
  ['security.selinux', 11],
  ['security.capability', 29],
  ['security.ima', 0],
  ['system.posix_acl_access', 30],
  ['system.posix_acl_default', 21],
  ['user.extension-release.strict', 5],
  ['trusted.overlay.opaque', 20],
  ['user.a', 21],
  ['other.name', undefined],
] as const

test.each(cases)('%s has bit %s', (name, bit) => {
  expect(xattrFilterBit(name)).toBe(bit)
})

test('a set bit hides names', () => {
  expect(findHiddenXattr(1 << 11, ['user.a', 'security.selinux'])).toBe('security.selinux')
  expect(findHiddenXattr(~(1 << 11), ['security.selinux'])).toBeUndefined()
})

test.each([
  ['a filter that hides it', COMPAT.XATTR_FILTER, 0, 'its name filter hides user.a'],
  ['a filter in another format', COMPAT.XATTR_FILTER, 1, undefined],
  ['a filter that is not announced', 0, 0, undefined],
])('an attribute with %s', async (_, feature, xattrFilterReserved, message) => {
  const reserved = new Uint8Array(7)
  const header = encode(XattrIbodyHeader, { nameFilter: 1 << 21, sharedCount: 0, reserved })
  const entry = encode(XattrEntry, { nameLen: 1, nameIndex: 1, valueSize: 3 })
  const body = concat(header, entry, encodeUtf8('ayes'))
  const { bytes, nids } = tinyImage([{ name: 'file', fields: { xattrSize: body.length }, body }])
  const superblock = decode(Superblock, bytes, 1024)
  const featureCompat = superblock.featureCompat | feature
  bytes.set(encode(Superblock, { ...superblock, featureCompat, xattrFilterReserved }), 1024)
  const checksum = superblockChecksum(bytes.subarray(1024, 4096))
  bytes.set(
    encode(Superblock, { ...superblock, featureCompat, xattrFilterReserved, checksum }),
    1024,
  )
  const erofs = await openErofs(bytesSource(bytes))
  const read = erofs.xattr(await erofs.inode(nids[0]!), 'user.a')
  if (message === undefined) expect(await read).toEqual(encodeUtf8('yes'))
  else await expect(read).rejects.toThrow(message)
})
