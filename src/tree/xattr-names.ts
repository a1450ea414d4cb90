/** Which extended attributes an image can hold: those EROFS has a number for. */

import { encodeUtf8 } from '../bytes/utf8.ts'

const PREFIXES = ['user.', 'trusted.', 'security.']
const WHOLE = ['system.posix_acl_access', 'system.posix_acl_default']

/** Whether EROFS has a place for an attribute of this full name. */
export function isStorableXattr(name: string): boolean {
  if (WHOLE.includes(name)) return true
  const prefix = PREFIXES.find((start) => name.startsWith(start))
  if (!prefix || name.includes('\0')) return false
  const size = encodeUtf8(name).length - prefix.length
  return size > 0 && size <= 255
}

/** @throws SyntaxError */
export function assertStorableXattr(name: string): void {
  if (isStorableXattr(name)) return
  const known = [...PREFIXES.map((prefix) => `${prefix}NAME`), ...WHOLE].join(', ')
  throw new SyntaxError(`an image cannot hold the attribute ${name}, only ${known}`)
}
