import { expect, test } from 'vitest'
import { lookup, splitPath } from '../../src/tree/lookup.ts'
import { directory, file, makeTree, symlink } from './make-tree.ts'

const tree = makeTree({
  'usr/lib64/data': file('data'),
  'usr/lib': symlink('lib64'),
  'usr/up': symlink('../../../opt'),
  'usr/absolute': symlink('/opt/tool'),
  'usr/self': symlink('self'),
  'usr/dangling': symlink('nowhere/at/all'),
  'usr/through-file': symlink('lib64/data/..'),
  'usr/long': symlink('./'.repeat(100)),
  'opt/tool': directory(),
})

const CASES = [
  ['usr/lib64/data', 'all', 'usr/lib64/data'],
  ['/usr//lib64/./data/', 'all', 'usr/lib64/data'],
  ['usr/lib/data', 'all', 'usr/lib64/data'],
  ['usr/lib/data', 'parents', 'usr/lib64/data'],
  ['usr/lib/data', 'none', undefined],
  ['usr/lib', 'all', 'usr/lib64'],
  ['usr/lib', 'parents', 'usr/lib'],
  ['usr/up/tool', 'all', 'opt/tool'],
  ['usr/absolute', 'all', 'opt/tool'],
  ['usr/self', 'all', undefined],
  ['usr/dangling', 'all', undefined],
  ['usr/dangling', 'parents', 'usr/dangling'],
  ['usr/through-file', 'all', undefined],
  ['usr/long', 'all', 'usr'],
  ['usr/nothing', 'all', undefined],
  ['usr/lib64/data/more', 'all', undefined],
  ['../../opt', 'all', 'opt'],
  ['', 'all', ''],
] as const

test.each(CASES)('"%s" following %s links leads to %s', (path, follow, expected) => {
  expect(lookup(tree, path, { follow })?.path).toBe(expected)
})

test('names that are not UTF-8 are found by their bytes', () => {
  const raw = Uint8Array.of(0x75, 0xff)
  const odd = { ...directory(), entries: [{ name: raw, node: file('odd') }] }
  expect(lookup(odd, raw)?.node).toBe(odd.entries[0]?.node)
  expect(lookup(odd, 'u\ufffd')).toBeUndefined()
})

test('a path is its names', () => {
  expect(splitPath('/a//./b/').map((name) => Buffer.from(name).toString())).toEqual(['a', 'b'])
})
