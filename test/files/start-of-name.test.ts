import fc from 'fast-check'
import { expect, test } from 'vitest'
import { besidePath } from '../../src/files/beside.ts'
import { newPartialPath } from '../../src/files/partial.ts'
import { startOfName } from '../../src/files/start-of-name.ts'

test('the start of a name is as many whole characters as fit', () => {
  const property = fc.property(fc.string({ unit: 'grapheme' }), fc.nat(40), (name, size) => {
    const start = startOfName(name, size)
    const rest = [...name.slice(start.length)]
    expect(name.startsWith(start)).toBe(true)
    expect(start).not.toMatch(/\p{Surrogate}/u)
    expect(Buffer.byteLength(start)).toBeLessThanOrEqual(size)
    if (rest[0]) expect(Buffer.byteLength(start + rest[0])).toBeGreaterThan(size)
  })
  fc.assert(property)
})

test('names beside a name of any length fit on a file system, and take no time', () => {
  const long = '\u00e9'.repeat(1_000_000)
  for (const path of [besidePath(long, 'lock'), newPartialPath(long)]) {
    expect(Buffer.byteLength(path)).toBeLessThan(256)
  }
})
