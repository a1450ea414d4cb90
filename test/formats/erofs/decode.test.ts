import { expect, test } from 'vitest'
import { bytesSource } from '../../../src/bytes/source.ts'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { checkErofs, dumpErofs, openErofs } from '../../../src/formats/erofs/index.ts'
import { describeErofs } from '../../support/describe-erofs.ts'
import { readVector, readVectorTree, VECTORS } from './vectors.ts'

const open = (name: string) => openErofs(bytesSource(readVector(name)))

test('there is a vector for every way to store a file', () => {
  expect(VECTORS).toHaveLength(22)
})

test.each(VECTORS)('reads the whole tree in %s', async (name) => {
  const tree = readVectorTree()
  // With 48-bit layouts mkfs.erofs drops nanoseconds to keep inodes small.
  if (name.startsWith('48bit')) {
    for (const path of ['/text', '/sub/text-link']) {
      tree[path] = { ...tree[path]!, mtime: '1500000000000000000' }
    }
  }
  expect(await describeErofs(await open(name))).toEqual(tree)
})

test.each(VECTORS)('finds nothing wrong in %s but what mkfs.erofs left lying', async (name) => {
  const problems = await checkErofs(bytesSource(readVector(name)))
  const messages = problems.map(({ message }) => message)
  expect(messages.filter((message) => message !== 'unused space that is not zero')).toEqual([])
})

test.each([
  ['lzma', 'content compressed with LZMA'],
  ['metabox', 'compressed metadata'],
])('says that it does not read %s', async (name, message) => {
  await expect(open(name).then(describeErofs)).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining(message),
  })
})

test.each([
  ['', 'directory'],
  ['/', 'directory'],
  ['text', 'file'],
  ['/sub//deep/', 'directory'],
  ['sub/deep/link', 'symlink'],
  ['sub/deep/file-40', 'file'],
  ['missing', undefined],
  ['text/below-a-file', undefined],
  ['sub/deep/link/below', undefined],
])('finds %j: %s', async (path, kind) => {
  const erofs = await open('plain')
  expect((await erofs.lookup(encodeUtf8(path)))?.kind).toBe(kind)
})

test('walks a part of the tree', async () => {
  const erofs = await open('plain')
  const top = await erofs.lookup(encodeUtf8('sub'))
  const paths: string[] = []
  for await (const { path } of erofs.walk(top!)) paths.push(Buffer.from(path).toString())
  expect(paths.filter((path) => !path.includes('file-'))).toEqual([
    '',
    'deep',
    'deep/link',
    'text-copy',
    'text-link',
    'text-start',
    'tiny',
  ])
})

test('gives out content without the holes', async () => {
  const erofs = await open('chunks')
  const sparse = await erofs.lookup(encodeUtf8('sparse'))
  const pieces: [number, number][] = []
  for await (const { offset, bytes } of erofs.pieces(sparse!)) pieces.push([offset, bytes.length])
  expect(pieces).toEqual([[98_304, 4096]])
})

test.each(['everything', '48bit-zstd'])('dumps what is stored and where in %s', async (name) => {
  let dump = ''
  for await (const line of dumpErofs(bytesSource(readVector(name)))) dump += `${line}\n`
  await expect(dump).toMatchFileSnapshot(`../../vectors/erofs/${name}.dump`)
})
