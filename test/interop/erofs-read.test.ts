import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openFileSource } from '../../src/files/file-source.ts'
import { checkErofs, openErofs } from '../../src/formats/erofs/index.ts'
import { unpackImage } from '../../src/images/unpack.ts'
import { describeErofs } from '../support/describe-erofs.ts'
import { describeTree, type Entry } from '../support/describe-tree.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { prose, writeFile, writeFullTree } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

/** Options of mkfs.erofs 1.8 and later. */
const OPTIONS = [
  '',
  '-b512',
  '-b1024',
  '-b2048',
  '-Enoinline_data',
  '-Eforce-inode-extended',
  '-x1',
  '--xattr-prefix=user.number- --xattr-prefix=security.se',
  '--chunksize=4096',
  '--chunksize=1048576',
  '--chunksize=65536 -Eforce-chunk-indexes',
  '-zlz4',
  '-zlz4 -Elegacy-compress',
  '-zlz4 -b512',
  '-zlz4hc -C65536',
  '-zlz4 --max-extent-bytes=20000',
  '-zzstd',
  '-zzstd -C131072',
  '-zzstd -b1024 -C65536',
  '-zzstd -C1048576 -Efragments',
  '-zdeflate -C32768',
  '-zlz4 -Eztailpacking',
  '-zlz4 -Efragments',
  '-zlz4 -Efragments --xattr-prefix=user.number-',
  '-zzstd -C65536 -Eall-fragments',
  '-zlz4 -C16384 -Ededupe',
  '-zlz4hc -C65536 -Ededupe,fragments',
  '-zzstd -C8192 -Ededupe,fragments,ztailpacking',
  '-zlz4:zstd -C65536',
]

/** Options of mkfs.erofs 1.9. */
const NEW_OPTIONS = [
  // Version 1.8 writes a wrong tail, which Linux reads and we refuse: its frame is too long.
  '-zzstd -b512 -C65536 -Eztailpacking',
  '-E48bit',
  '-E48bit --chunksize=65536',
  '-zlz4 -E48bit',
  '-zzstd -C65536 -E48bit',
  '-zzstd -C65536 -E48bit,fragments',
  '-zzstd -C65536 -E48bit,all-fragments',
  '-zdeflate -C65536 -E48bit,dedupe',
]

const canRun = available('root', 'tree:trixie', 'tree:sid', 'setfattr', 'setcap', 'setfacl')

describe.runIf(canRun)('file systems of mkfs.erofs', () => {
  const folder = temporaryFolder()
  const tree = join(folder, 'tree')
  let source: Record<string, Entry>

  beforeAll(() => {
    writeFullTree(tree, 'sample')
    // What deduplication finds: the same text again, at another place.
    writeFile(join(tree, 'usr/share/again/whole'), prose(1_500_000, 1_500_000))
    writeFile(join(tree, 'usr/share/again/part'), prose(1_500_000, 1_500_000).subarray(0, 900_000))
    source = describeTree(tree)
  })

  describe.each(GENERATIONS)('beside %s', (_, reference) => {
    const options = reference === 'sid' ? [...OPTIONS, ...NEW_OPTIONS] : OPTIONS

    test.each(options)('are read as they were made with %j', async (text) => {
      const image = join(folder, 'image.erofs')
      const words = text.split(' ').filter((word) => word !== '')
      const time = ['-T', '2000000000', '--mkfs-time', '--preserve-mtime', '--quiet']
      outputInTree(reference, folder, 'mkfs.erofs', [...time, ...words, image, tree])
      const file = await openFileSource(image)
      try {
        const erofs = await openErofs(file)
        const found = await describeErofs(erofs)
        if (text.includes('48bit')) expect(withoutTimes(found)).toEqual(withoutTimes(source))
        else expect(found).toEqual(source)
        const problems = (await checkErofs(file)).map(({ message }) => message)
        // mkfs.erofs leaves what it wrote and then did not need between other things.
        expect(problems.filter((message) => message !== 'unused space that is not zero')).toEqual(
          [],
        )
      } finally {
        await file.close()
        rmSync(image)
      }
    })
  })

  test('are unpacked as they were', async () => {
    const image = join(folder, 'unpacked.erofs')
    const args = ['--preserve-mtime', '--quiet', '-zzstd', '-C65536', image, tree]
    outputInTree('sid', folder, 'mkfs.erofs', args)
    const directory = join(folder, 'unpacked')
    const { losses } = await unpackImage({ image, directory, verify: false })
    expect(new Set(losses.map(({ kind }) => kind))).toEqual(new Set(['special', 'xattr']))
    const found = describeTree(directory)
    expect(withoutXattrs(found)).toEqual(withoutXattrs(source))
    for (const [path, { mtime }] of Object.entries(found)) {
      const late = BigInt(mtime) - BigInt(source[path]!.mtime)
      expect(late < 1000n && late > -1000n, `${path} is ${late} ns late`).toBe(true)
    }
    const sparse = statSync(join(directory, 'usr/share/sizes/sparse'))
    expect(sparse.size).toBe(40_000_000)
  })
})

/** With 48-bit layouts mkfs.erofs shortens times to keep inodes small. */
function withoutTimes(entries: Record<string, Entry>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries).map(([path, { mtime: _, ...entry }]) => [path, entry]),
  )
}

/** What anybody can restore, besides times. */
function withoutXattrs(entries: Record<string, Entry>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries)
      .filter(([, { kind }]) => !/device|fifo|socket/.test(kind))
      .map(([path, { xattrs: _xattrs, mtime: _mtime, ...entry }]) => [path, entry]),
  )
}
