import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { HashTreeBuilder } from '../../src/formats/verity/hash-tree.ts'
import { decodeVeritySuperblock } from '../../src/formats/verity/superblock.ts'
import { treeGeometry } from '../../src/formats/verity/tree-geometry.ts'
import { buildExtension } from '../../src/images/build.ts'
import type { BuildOptions } from '../../src/images/options.ts'
import { wrapFilesystem } from '../../src/images/wrap.ts'
import { noise, prose, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
let count = 0

/** A sysext tree with these files below usr/. */
function treeOf(files: Record<string, Uint8Array | string>): string {
  const tree = join(folder, `tree-${count++}`)
  for (const [path, content] of Object.entries(files)) writeFile(join(tree, 'usr', path), content)
  mkdirSync(join(tree, 'usr'), { recursive: true })
  return tree
}

function build(tree: string, options: Partial<BuildOptions> = {}) {
  const output = join(folder, `image-${count++}.raw`)
  return buildExtension({
    kind: 'sysext',
    tree,
    output,
    name: `image-${count - 1}`,
    release: { id: '_any' },
    seed: '00112233-4455-6677-8899-aabbccddeeff',
    threads: 0,
    ...options,
  })
}

/** The root hash, computed from nothing but the bytes in the image. */
function rootHashOf({ output, partitions }: Awaited<ReturnType<typeof build>>): string {
  const image = readFileSync(output)
  const [data, hash] = partitions
  const superblock = decodeVeritySuperblock(image.subarray(hash!.offset, hash!.offset + 4096))
  const block = (index: number) =>
    image.subarray(data!.offset + index * 4096, data!.offset + (index + 1) * 4096)
  const levels: Uint8Array[] = []
  const tree = new HashTreeBuilder(superblock.salt, (bytes) => levels.push(bytes))
  for (let index = 1; index < superblock.dataBlocks; index++) {
    tree.append(sha256(superblock.salt, block(index)))
  }
  return toHex(tree.finish(sha256(superblock.salt, block(0))).rootHash)
}

describe('buildExtension', () => {
  test('makes the smallest image of a single data block', async () => {
    const image = await build(treeOf({}))
    expect(image.filesystemSize).toBe(4096)
    expect(image.size).toBe(1090048)
    expect(rootHashOf(image)).toBe(image.rootHash)
  })

  test.each([
    ['none', 3_000_000],
    ['none', 12_000_000],
    ['lz4', 3_000_000],
    ['lz4', 12_000_000],
    ['zstd', 3_000_000],
    ['zstd', 12_000_000],
  ] as const)('hashes what it wrote: %s, %i bytes', async (algorithm, size) => {
    const tree = treeOf({ 'lib/noise': noise(size / 2), 'lib/prose': prose(size / 2), small: 'x' })
    const image = await build(tree, { compression: { algorithm } })
    expect(rootHashOf(image)).toBe(image.rootHash)
    if (algorithm !== 'none') expect(image.filesystemSize).toBeLessThan(size)
  })

  test('moves a file system down that was expected to be larger', async () => {
    const tree = treeOf({ 'lib/zeros': new Uint8Array(30_000_000) })
    const image = await build(tree, { compression: { algorithm: 'zstd' } })
    expect(image.size).toBeLessThan(4 * 1024 * 1024)
    expect(image.partitions[0]?.offset).toBe(20480)
    expect(rootHashOf(image)).toBe(image.rootHash)
  })

  test('leaves nothing but zeros between the parts of a small image', async () => {
    const image = await build(treeOf({ 'lib/zeros': new Uint8Array(30_000_000) }), {
      compression: { algorithm: 'zstd' },
    })
    const bytes = readFileSync(image.output)
    const [data, hash] = image.partitions
    const hashEnd =
      hash!.offset +
      treeGeometry({ hashBlockSize: 4096, dataBlocks: image.filesystemSize / 4096 }).size
    const gaps = [
      bytes.subarray(33 * 512 + 512, data!.offset),
      bytes.subarray(data!.offset + image.filesystemSize, hash!.offset),
      bytes.subarray(hashEnd, hash!.offset + hash!.size),
    ]
    expect(gaps.reduce((sum, gap) => sum + gap.length, 0)).toBeGreaterThan(500_000)
    for (const gap of gaps) expect(gap.every((byte) => byte === 0)).toBe(true)
  })

  test('stores equal files once', async () => {
    const content = noise(2_000_000)
    const one = await build(treeOf({ a: content }))
    const two = await build(treeOf({ a: content, b: content, c: content }))
    expect(two.filesystemSize - one.filesystemSize).toBeLessThan(8192)
  })

  test('says which fields the release file has and where each came from', async () => {
    const image = await build(treeOf({ x: 'x' }), {
      release: {
        osRelease: 'ID=debian\nVERSION_ID=13\n',
        environmentLevel: { value: '2', source: '$L' },
      },
    })
    expect(image.release).toContainEqual({ key: 'ID', value: 'debian', source: 'os-release' })
    expect(image.release).toContainEqual({ key: 'SYSEXT_LEVEL', value: '2', source: '$L' })
  })

  test('refuses a release file of another name', async () => {
    const tree = treeOf({ 'lib/extension-release.d/extension-release.other': 'ID=_any\n' })
    await expect(build(tree)).rejects.toMatchObject({ code: 'BAD_RELEASE' })
  })

  test('refuses a file name under which the image would not load', async () => {
    const output = join(folder, 'hello-1.0.raw')
    await expect(build(treeOf({ x: 'x' }), { name: 'hello', output })).rejects.toMatchObject({
      code: 'BAD_NAME',
    })
  })

  test('refuses a name that is none before it looks at the file name', async () => {
    await expect(build(treeOf({ x: 'x' }), { name: 'a/b' })).rejects.toMatchObject({
      code: 'BAD_NAME',
      message: 'image name "a/b" has a slash',
    })
  })

  test('refuses an output inside the tree', async () => {
    const tree = treeOf({ x: 'x' })
    const output = join(tree, 'usr', 'inside.raw')
    await expect(build(tree, { name: 'inside', output })).rejects.toMatchObject({
      code: 'INSIDE_TREE',
    })
  })

  test('leaves nothing behind when a file changes while it is read', async () => {
    const place = join(folder, `place-${count++}`)
    mkdirSync(place)
    const tree = treeOf({ 'lib/a': noise(9_000_000), 'lib/b': noise(9_000_000, 2) })
    const building = build(tree, {
      name: 'changing',
      output: join(place, 'changing.raw'),
      onProgress: ({ step, done }) => {
        if (step === 'read' && done > 0) writeFileSync(join(tree, 'usr/lib/b'), 'shorter')
      },
    })
    await expect(building).rejects.toMatchObject({ code: 'CHANGED' })
    expect(readdirSync(place)).toEqual([])
  })

  test('does not follow a link that took the place of a file', async () => {
    const tree = treeOf({ 'lib/a': noise(9_000_000), 'lib/b': noise(9_000_000, 2) })
    const file = join(tree, 'usr/lib/b')
    const building = build(tree, {
      onProgress: ({ step, done }) => {
        if (step !== 'read' || done === 0 || lstatSync(file).isSymbolicLink()) return
        unlinkSync(file)
        symlinkSync('/etc/passwd', file)
      },
    })
    await expect(building).rejects.toMatchObject({ code: 'CHANGED' })
  })
})

describe('wrapFilesystem', () => {
  test('keeps the file system byte for byte', async () => {
    const built = await build(treeOf({ 'lib/noise': noise(6_000_000) }))
    const filesystem = join(folder, 'fs.erofs')
    const { offset } = built.partitions[0]!
    const bytes = readFileSync(built.output).subarray(offset, offset + built.filesystemSize)
    writeFileSync(filesystem, bytes)
    const wrapped = await wrapFilesystem({
      filesystem,
      output: join(folder, 'wrapped.raw'),
      seed: built.seed,
      threads: 0,
    })
    expect(wrapped.rootHash).toBe(built.rootHash)
    expect(readFileSync(wrapped.output).equals(readFileSync(built.output))).toBe(true)
  })

  test('refuses what is cut off', async () => {
    const built = await build(treeOf({ 'lib/noise': noise(60_000) }))
    const { offset } = built.partitions[0]!
    const erofs = readFileSync(built.output).subarray(offset, offset + built.filesystemSize)
    const squashfs = Buffer.alloc(8192)
    squashfs.write('hsqs')
    squashfs.writeUInt16LE(4, 28)
    squashfs.writeBigUInt64LE(8193n, 40)
    for (const [name, bytes] of [
      ['erofs', erofs.subarray(0, 16384)],
      ['erofs-byte', erofs.subarray(0, -1)],
      ['squashfs', squashfs],
    ] as const) {
      const filesystem = join(folder, `cut.${name}`)
      writeFileSync(filesystem, bytes)
      const output = join(folder, `cut-${name}.raw`)
      const wrapping = wrapFilesystem({ filesystem, output, threads: 0 })
      await expect(wrapping).rejects.toThrow(`cut off: it has ${bytes.length} bytes`)
      expect(existsSync(output)).toBe(false)
    }
  })

  test.each([
    ['text', 'hello', 'neither EROFS nor squashfs'],
    ['nothing', '', 'is empty'],
  ])('refuses %s', async (name, content, message) => {
    const filesystem = join(folder, `${name}.erofs`)
    writeFileSync(filesystem, content)
    await expect(
      wrapFilesystem({ filesystem, output: join(folder, `${name}.raw`), threads: 0 }),
    ).rejects.toThrow(message)
  })
})
