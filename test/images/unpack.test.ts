import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { newPartialPath } from '../../src/files/partial.ts'
import { removeTree } from '../../src/files/remove-tree.ts'
import { openErofs } from '../../src/formats/erofs/index.ts'
import { FILE_TYPE, LAYOUT, S_IFDIR, S_IFLNK } from '../../src/formats/erofs/layout.ts'
import { buildExtension } from '../../src/images/build.ts'
import { type UnpackOptions, unpackImage } from '../../src/images/unpack.ts'
import { deepFolders, sharedValue } from '../formats/erofs/tiny-attacks.ts'
import { type TinyInode, tinyImage } from '../formats/erofs/tiny-image.ts'
import { readVector } from '../formats/erofs/vectors.ts'
import { noise, prose, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
let count = 0

/** A folder with nothing in it but what the test puts there. */
function workplace(): string {
  const place = join(folder, `${count++}`)
  mkdirSync(place)
  return place
}

function unpack(place: string, image: Uint8Array, options: Partial<UnpackOptions> = {}) {
  const path = join(place, 'image')
  writeFileSync(path, image)
  return unpackImage({ image: path, directory: join(place, 'out'), verify: false, ...options })
}

/** Everything below `folder` that an unprivileged user can restore, by path. */
function describeFolder(top: string, path = ''): Record<string, unknown> {
  const entries: Record<string, unknown> = {}
  for (const name of readdirSync(join(top, path))) {
    const at = join(path, name)
    const stat = lstatSync(join(top, at))
    const content = stat.isSymbolicLink()
      ? readlinkSync(join(top, at))
      : stat.isFile() && toHex(sha256(readFileSync(join(top, at))))
    const links = stat.isFile() ? stat.nlink : 1
    entries[at] = { mode: stat.mode, mtime: stat.mtimeMs, links, content }
    if (stat.isDirectory()) Object.assign(entries, describeFolder(top, at))
  }
  return entries
}

function writeTree(tree: string): void {
  writeFile(join(tree, 'usr/lib/extension-release.d/extension-release.all'), 'ID=_any\n')
  writeFile(join(tree, 'usr/bin/tool'), noise(10_000), 0o755)
  writeFile(join(tree, 'usr/share/prose'), prose(400_000), 0o444)
  writeFile(join(tree, 'usr/share/empty'), '')
  writeFile(join(tree, 'usr/share/zeros'), new Uint8Array(100_000))
  linkSync(join(tree, 'usr/bin/tool'), join(tree, 'usr/share/linked'))
  symlinkSync('../bin/tool', join(tree, 'usr/share/symlink'))
  symlinkSync('/nowhere', join(tree, 'usr/share/dangling'))
  mkdirSync(join(tree, 'usr/share/closed'))
  writeFile(join(tree, 'usr/share/closed/file'), 'closed')
  chmodSync(join(tree, 'usr/share/closed'), 0o555)
  setTimes(tree)
}

/** Times that a number of seconds can hold exactly, as utimes takes nothing else. */
function setTimes(path: string): void {
  lutimesSync(path, 1_234_567_890.5, 1_234_567_890.5)
  if (!lstatSync(path).isDirectory()) return
  for (const name of readdirSync(path)) setTimes(join(path, name))
  lutimesSync(path, 1_234_567_890.25, 1_234_567_890.25)
}

test.each(['none', 'lz4', 'zstd'] as const)(
  'unpacks what was packed with compression %s',
  async (algorithm) => {
    const place = workplace()
    const tree = join(place, 'tree')
    const image = join(place, 'all.raw')
    writeTree(tree)
    const built = await buildExtension({
      kind: 'sysext',
      tree,
      output: image,
      name: 'all',
      sourceDateEpoch: 2_000_000_000,
      compression: { algorithm },
      threads: 0,
    })
    expect(built.release).toMatchObject([{ key: 'ID', value: '_any' }])
    const directory = join(place, 'out')
    const result = await unpackImage({ image, directory, verify: false })
    expect(describeFolder(directory)).toEqual(describeFolder(tree))
    expect(result).toMatchObject({ directory, files: 6, hardLinks: 1, symlinks: 2 })
    chmodSync(join(directory, 'usr/share/closed'), 0o755)
    chmodSync(join(tree, 'usr/share/closed'), 0o755)
  },
)

test('unpacks a bare file system and tells what it could not restore', async () => {
  const place = workplace()
  const result = await unpack(place, readVector('everything'))
  expect(readFileSync(join(place, 'out/long'))).toHaveLength(300_000)
  expect(lstatSync(join(place, 'out/sub/text-link')).nlink).toBe(2)
  expect(existsSync(join(place, 'out/char'))).toBe(false)
  const specials = result.losses.filter(({ kind }) => kind === 'special')
  expect(specials.flatMap(({ examples }) => examples).sort()).toEqual(['block', 'char', 'fifo'])
  const [xattr] = result.losses.filter(({ name }) => name === 'user.second.name')
  expect(xattr).toMatchObject({ kind: 'xattr', entries: 1 })
  expect(readdirSync(place).sort()).toEqual(['image', 'out'])
})

test('leaves holes where they were', async () => {
  const place = workplace()
  const { contentSize } = await unpack(place, readVector('chunks'))
  const { size, blocks } = lstatSync(join(place, 'out/sparse'))
  expect(size).toBe(200_000)
  expect(blocks * 512).toBeLessThan(100_000)
  expect(contentSize).toBeLessThan(400_000)
})

describe('the folder to make', () => {
  test('may exist when it is empty', async () => {
    const place = workplace()
    mkdirSync(join(place, 'out'))
    await unpack(place, readVector('plain'))
    expect(existsSync(join(place, 'out/text'))).toBe(true)
  })

  const taken = [
    ['a folder that is not empty', (path: string) => writeFile(join(path, 'mine'), 'mine')],
    ['a file', (path: string) => writeFileSync(path, 'mine')],
    ['a symlink to an empty folder', (path: string) => symlinkSync('.', path)],
    ['a symlink that leads nowhere', (path: string) => symlinkSync('nowhere', path)],
  ] as const

  test.each(taken)('must not be %s', async (_, occupy) => {
    const place = workplace()
    occupy(join(place, 'out'))
    const before = describeFolder(place)
    await expect(unpack(place, readVector('plain'))).rejects.toMatchObject({ code: 'EXISTS' })
    const { image: _image, ...after } = describeFolder(place)
    expect(after).toEqual(before)
  })

  test('is not made below a folder that does not exist', async () => {
    const place = workplace()
    const directory = join(place, 'missing/out')
    await expect(unpack(place, readVector('plain'), { directory })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})

test('unpacks folders in each other until no path leads to them, and removes them', async () => {
  const place = workplace()
  const depth = 255
  const image = deepFolders(depth, 'fifteen-letters')
  const result = await unpack(place, image)
  expect(result).toMatchObject({ directories: depth, losses: [] })
  const out = join(place, 'out')
  // Names are too long for paths: find(1) goes down step by step.
  const find = (...tests: readonly string[]) =>
    execFileSync('find', [out, ...tests, '-printf', '.'], { encoding: 'utf8' }).length
  const atEpoch = [
    '-newermt',
    '2023-11-14 22:13:19 UTC',
    '-not',
    '-newermt',
    '2023-11-14 22:13:21 UTC',
  ]
  expect(find('-type', 'd', ...atEpoch)).toBe(depth)
  expect(find('-type', 'f', '-links', `${depth}`, ...atEpoch)).toBe(depth)
  expect(find('-type', 'l', '-name', 'link')).toBe(depth)
  expect(readdirSync(place).sort()).toEqual(['image', 'out'])
  await removeTree(out)

  const onProgress = ({ done }: { done: number }) => {
    if (done === 3 * depth - 5) throw new Error('interrupted')
  }
  await expect(unpack(place, image, { onProgress })).rejects.toThrow('interrupted')
  expect(readdirSync(place)).toEqual(['image'])
})

describe('nothing is left behind', () => {
  test('when the image does not verify', async () => {
    const place = workplace()
    const verify = async () => [
      { check: 'root hash', ok: true },
      { check: 'signature', ok: false },
      { check: 'data', ok: false },
    ]
    await expect(unpack(place, readVector('plain'), { verify })).rejects.toMatchObject({
      code: 'NOT_VERIFIED',
      message: `${join(place, 'image')} does not verify: signature, data`,
    })
    expect(readdirSync(place)).toEqual(['image'])
  })

  test('when a file cannot be decoded', async () => {
    const place = workplace()
    const image = readVector('lz4-big')
    const erofs = await openErofs(bytesSource(image))
    const long = await erofs.lookup(encodeUtf8('long'))
    for await (const extent of erofs.extents(long!)) {
      if (extent.kind === 'encoded') image.fill(0x55, extent.address, extent.address + 4096)
    }
    await expect(unpack(place, image)).rejects.toMatchObject({ name: 'FormatError' })
    expect(readdirSync(place)).toEqual(['image'])
  })

  test('when the image holds more than allowed', async () => {
    const place = workplace()
    const limited = unpack(place, readVector('everything'), { maximumSize: 100_000 })
    await expect(limited).rejects.toMatchObject({ code: 'TOO_LARGE' })
    expect(readdirSync(place)).toEqual(['image'])
  })

  test('when the attributes of the image have more bytes than allowed', async () => {
    const place = workplace()
    const image = sharedValue(300, 60_000)
    const limited = unpack(place, image, { maximumSize: 100_000 })
    await expect(limited).rejects.toMatchObject({ code: 'TOO_LARGE' })
    expect(readdirSync(place)).toEqual(['image'])
  })

  test('when whoever watches interrupts', async () => {
    const place = workplace()
    const onProgress = ({ done }: { done: number }) => {
      if (done === 20) throw new Error('interrupted')
    }
    const interrupted = unpack(place, readVector('plain'), { onProgress })
    await expect(interrupted).rejects.toThrow('interrupted')
    expect(readdirSync(place)).toEqual(['image'])
  })

  test('by an earlier run that was killed', async () => {
    const place = workplace()
    // As if of a process that is no more.
    const partial = newPartialPath(join(place, 'out')).replace(`-${process.pid}-`, '-2000000000-')
    mkdirSync(partial, { mode: 0o700 })
    const content = join(partial, 'extsign-content')
    writeFile(join(content, 'usr/closed/file'), 'half')
    writeFile(join(partial, 'extsign-staging/0/file'), 'half')
    chmodSync(join(content, 'usr/closed'), 0)
    await unpack(place, readVector('plain'))
    expect(readdirSync(place).sort()).toEqual(['image', 'out'])
  })
})

describe('an image that wants to be written elsewhere', () => {
  const outside = temporaryFolder()
  const file: TinyInode = {
    name: 'file',
    fields: { size: 5, layout: LAYOUT.FLAT_INLINE },
    body: encodeUtf8('evil\n'),
  }
  const link: TinyInode = {
    name: 'link',
    fileType: FILE_TYPE.SYMLINK,
    fields: { mode: S_IFLNK | 0o777, size: outside.length, layout: LAYOUT.FLAT_INLINE },
    body: encodeUtf8(outside),
  }

  const names = [
    ['a slash', 'a/b'],
    ['a path upwards', '../escaped'],
    ['an absolute path', '/escaped'],
    ['a NUL', 'name\0more'],
    ['two dots again', '..'],
    ['a dot again', '.'],
  ] as const

  test.each(names)('is refused for a name with %s', async (_, name) => {
    const place = workplace()
    const { bytes, nids } = tinyImage([file], {
      // A second name, as the last one ends with its first NUL.
      names: [name, 'zz'].map((text) => {
        return { name: encodeUtf8(text), nid: 64, fileType: FILE_TYPE.REG_FILE }
      }),
    })
    expect(nids).toEqual([64])
    await expect(unpack(place, bytes)).rejects.toMatchObject({ name: 'FormatError' })
    expect(readdirSync(place)).toEqual(['image'])
  })

  test('is refused for a symlink and a file of the same name', async () => {
    const place = workplace()
    const same = encodeUtf8('same')
    const { bytes, nids } = tinyImage([link, file], {
      names: [
        { name: same, nid: 64, fileType: FILE_TYPE.SYMLINK },
        { name: same, nid: 96, fileType: FILE_TYPE.REG_FILE },
      ],
    })
    expect(nids).toEqual([64, 96])
    await expect(unpack(place, bytes)).rejects.toThrow('its name "same" is out of order')
    expect(readdirSync(place)).toEqual(['image'])
  })

  test('is refused for a symlink that another name takes for a folder', async () => {
    const place = workplace()
    const { bytes } = tinyImage([link], {
      names: [{ name: encodeUtf8('folder'), nid: 64, fileType: FILE_TYPE.DIR }],
    })
    await expect(unpack(place, bytes)).rejects.toThrow('is a symlink, its name "folder" has type 2')
  })

  test('is refused for a folder inside itself', async () => {
    const place = workplace()
    const { bytes } = tinyImage([file], {
      names: [{ name: encodeUtf8('loop'), nid: 32, fileType: FILE_TYPE.DIR }],
    })
    await expect(unpack(place, bytes)).rejects.toThrow('is a directory with two names')
  })

  test('is refused for a folder that is not where it says', async () => {
    const place = workplace()
    const folderInode: TinyInode = {
      name: 'folder',
      fileType: FILE_TYPE.DIR,
      fields: { mode: S_IFDIR | 0o755, nlink: 2, size: 0 },
    }
    const { bytes } = tinyImage([folderInode])
    await expect(unpack(place, bytes)).rejects.toThrow('its entry "." leads to nothing')
  })

  test('is unpacked when the symlink is all there is', async () => {
    const place = workplace()
    await unpack(place, tinyImage([link]).bytes)
    expect(readlinkSync(join(place, 'out/link'))).toBe(outside)
    expect(readdirSync(outside)).toEqual([])
  })
})
