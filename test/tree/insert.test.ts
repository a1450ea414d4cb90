import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareBytes } from '../../src/bytes/equal.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { withFile, withNode } from '../../src/tree/insert.ts'
import { lookup } from '../../src/tree/lookup.ts'
import { walkTree } from '../../src/tree/walk.ts'
import { directory, EPOCH, file, makeTree, metadata, symlink } from './make-tree.ts'

const TEXT = encodeUtf8('ID=_any\n')
const RELEASE = 'usr/lib/extension-release.d/extension-release.hello'

describe('a new file', () => {
  test('brings the directories it needs, with fixed metadata', () => {
    const tree = withFile(
      makeTree({ 'usr/bin/hello': file() }),
      RELEASE,
      TEXT,
      metadata({ uid: 3 }),
    )
    expect([...walkTree(tree)].map((entry) => entry.path)).toEqual([
      'usr',
      'usr/bin',
      'usr/bin/hello',
      'usr/lib',
      'usr/lib/extension-release.d',
      RELEASE,
    ])
    expect(lookup(tree, 'usr/lib')?.node.metadata).toEqual(metadata({ mode: 0o755, mtime: EPOCH }))
    expect(lookup(tree, RELEASE)?.node).toMatchObject({
      content: { bytes: TEXT },
      metadata: { uid: 3 },
    })
  })

  test('goes where links inside the tree lead', () => {
    const tree = makeTree({ 'usr/lib64/x': file(), 'usr/lib': symlink('/usr/lib64') })
    expect(lookup(withFile(tree, RELEASE, TEXT, metadata()), RELEASE)?.path).toBe(
      'usr/lib64/extension-release.d/extension-release.hello',
    )
  })

  test('replaces a file or a link of its name, and leaves the tree given alone', () => {
    const tree = makeTree({ [RELEASE]: symlink('other') })
    const changed = withFile(tree, RELEASE, TEXT, metadata())
    expect(lookup(changed, RELEASE)?.node.kind).toBe('file')
    expect(lookup(tree, RELEASE, { follow: 'none' })?.node.kind).toBe('symlink')
  })

  test('leaves the other names of a hard link as they are', () => {
    const old = file('old')
    const changed = withFile(makeTree({ 'usr/a': old, 'usr/b': old }), 'usr/a', TEXT, metadata())
    expect(lookup(changed, 'usr/b')?.node).toBe(old)
  })

  const REFUSED = [
    ['a directory', { [RELEASE]: directory() }, RELEASE, 'FORBIDDEN'],
    ['the top', {}, '/', 'BAD_NAME'],
    ['a way up', {}, 'usr/../x', 'BAD_NAME'],
    ['a NUL', {}, 'usr/a\0b', 'BAD_NAME'],
    ['a long name', {}, `usr/${'x'.repeat(256)}`, 'BAD_NAME'],
    ['a file for a directory', { 'usr/lib': file() }, RELEASE, 'FORBIDDEN'],
    ['a dangling link', { 'usr/lib': symlink('lib64') }, RELEASE, 'FORBIDDEN'],
    ['a link out of the tree', { usr: symlink('/home') }, RELEASE, 'FORBIDDEN'],
    ['a circle', { 'usr/lib': symlink('lib') }, RELEASE, 'FORBIDDEN'],
  ] as const

  test.each(REFUSED)('refuses %s', (_, nodes, path, code) => {
    const tree = makeTree(nodes)
    expect(() => withFile(tree, path, TEXT, metadata())).toThrow(expect.objectContaining({ code }))
  })
})

test('whatever is inserted, names stay sorted by bytes and are found again', () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 4 })
    .filter((bytes) => !bytes.includes(0) && !bytes.includes(0x2f) && bytes[0] !== 0x2e)
  fc.assert(
    fc.property(fc.array(name), (names) => {
      let tree = directory()
      for (const bytes of names) tree = withNode(tree, bytes, file())
      const found = tree.entries.map((entry) => entry.name)
      expect(found).toEqual([...found].sort(compareBytes))
      expect(new Set(found.map(String))).toEqual(new Set(names.map(String)))
      for (const bytes of names) expect(lookup(tree, bytes)?.node.kind).toBe('file')
    }),
  )
})
