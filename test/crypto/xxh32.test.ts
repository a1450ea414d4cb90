import { expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { xxh32 } from '../../src/crypto/xxh32.ts'

const PROSE = 'Nobody inspects the spammish repetition'

const cases = [
  ['', 0, 0x02cc5d05],
  ['a', 0, 0x550d7456],
  ['abc', 0, 0x32d153ff],
  [PROSE, 0, 0xe2293b2f],
  // Names of attributes with the seeds of EROFS.
  ['selinux', 0x25bbe08f + 6, 0x9490146b],
  ['capability', 0x25bbe08f + 6, 0x8c47ac5d],
  ['', 0x25bbe08f + 2, 0x0857597e],
  ['extension-release.strict', 0x25bbe08f + 1, 0x24e6f445],
  ['overlay.opaque', 0x25bbe08f + 4, 0x4ce0a7f4],
] as const

test.each(cases)('%j with seed %i', (text, seed, hash) => {
  expect(xxh32(encodeUtf8(text), seed)).toBe(hash)
})
