import { expect, test } from 'vitest'
import { findHiddenXattr, xattrFilterBit } from '../../../src/formats/erofs/read/xattr-filter.ts'

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
