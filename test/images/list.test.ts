import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildExtension } from '../../src/images/build.ts'
import { type ListedEntry, type ListOptions, listImage } from '../../src/images/list.ts'
import { readVector } from '../formats/erofs/vectors.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

async function list(image: string, options?: ListOptions): Promise<ListedEntry[]> {
  const entries: ListedEntry[] = []
  for await (const entry of listImage(image, options)) entries.push(entry)
  return entries
}

const bare = join(folder, 'everything.erofs')
writeFileSync(bare, readVector('everything'))

test('lists every kind of entry', async () => {
  const entries = new Map((await list(bare)).map((entry) => [entry.path, entry]))
  const mtime = { seconds: 1_600_000_000, nanoseconds: 0 }
  expect(entries.get('.')).toMatchObject({ kind: 'directory', mode: 0o755, links: 4 })
  expect(entries.get('sub/tiny')).toEqual({
    path: 'sub/tiny',
    kind: 'file',
    mode: 0o4755,
    uid: 0,
    gid: 0,
    size: 5,
    mtime,
    links: 1,
    inode: expect.any(Number),
    xattrs: [],
  })
  expect(entries.get('mixed')).toMatchObject({ uid: 70_000, gid: 5, xattrs: ['user.first'] })
  expect(entries.get('char')).toMatchObject({
    kind: 'character-device',
    device: { major: 4, minor: 300 },
  })
  expect(entries.get('sub/deep/link')).toMatchObject({ kind: 'symlink', target: '../text' })
  expect(entries.get('fifo')).toMatchObject({ kind: 'fifo', size: 0 })
  expect(entries.get('text')?.inode).toBe(entries.get('sub/text-link')?.inode)
})

test('lists directories before what is in them, and names in byte order', async () => {
  const paths = (await list(bare)).map(({ path }) => path)
  expect(paths.slice(0, 5)).toEqual(['.', 'block', 'char', 'empty', 'fifo'])
  expect(paths.indexOf('sub')).toBeLessThan(paths.indexOf('sub/deep'))
})

const cases = [
  ['a directory and all below it', { path: 'sub/deep' }, 42, 'sub/deep'],
  ['a directory without what is below', { path: '/sub/', recursive: false }, 5, 'sub/deep'],
  ['the root without what is below', { recursive: false }, 11, 'block'],
  ['one file', { path: 'sub/tiny' }, 1, 'sub/tiny'],
  ['one file, not recursively', { path: 'sub/tiny', recursive: false }, 1, 'sub/tiny'],
] as const

test.each(cases)('lists %s', async (_, options, count, first) => {
  const entries = await list(bare, options)
  expect(entries).toHaveLength(count)
  expect(entries[0]?.path).toBe(first)
})

test('names what is not there', async () => {
  await expect(list(bare, { path: 'sub/nothing' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: `${bare} holds no sub/nothing`,
  })
})

test('refuses a path with an escape it does not know', async () => {
  await expect(list(bare, { path: 'a\\x' })).rejects.toMatchObject({ code: 'BAD_OPTION' })
})

describe('names that are not safe to print', () => {
  const tree = join(folder, 'tree')
  const image = join(folder, 'names.raw')
  writeFile(join(tree, 'usr/share/back\\slash'), '')
  writeFile(join(tree, 'usr/share/\u001b[31mred'), '')
  writeFile(join(tree, 'usr/share/grün'), '')
  writeFileSync(Buffer.from(`${tree}/usr/share/raw-\xff`, 'latin1'), '')
  mkdirSync(join(tree, 'usr/share/empty'))
  symlinkSync('line\nbreak', join(tree, 'usr/share/link'))

  test('are escaped, and can be looked up that way', async () => {
    await buildExtension({
      kind: 'sysext',
      tree,
      output: image,
      name: 'names',
      release: { id: '_any' },
      threads: 0,
    })
    const entries = await list(image, { path: 'usr/share', recursive: false })
    expect(entries.map(({ path }) => path)).toEqual([
      'usr/share/\\033[31mred',
      'usr/share/back\\\\slash',
      'usr/share/empty',
      'usr/share/grün',
      'usr/share/link',
      'usr/share/raw-\\377',
    ])
    expect(entries[4]?.target).toBe('line\\012break')
    for (const { path } of entries) expect(await list(image, { path })).toHaveLength(1)
  })
})

test('says that it does not read squashfs', async () => {
  const image = join(folder, 'some.squashfs')
  const bytes = new Uint8Array(8192)
  bytes.set(Buffer.from('hsqs'))
  bytes[28] = 4 // the version: libblkid knows no other
  writeFileSync(image, bytes)
  await expect(list(image)).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: `squashfs: files in ${image} cannot be read`,
  })
})
