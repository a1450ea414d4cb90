/** An image wrapped by us is, byte for byte, the one systemd-repart 262 makes of the same file system. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { extsign } from '../support/extsign.ts'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { readRange } from '../support/partitions.ts'
import { locateFilesystem, makeWithRepart, type RepartOptions } from '../support/repart.ts'
import { writeRelease, writeTreeOfSize } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const SEED = '00112233-4455-6677-8899-aabbccddeeff'
const MIB = 1 << 20

// Content, and whether the image is larger than 4 MiB, from where on partitions start at 1 MiB.
const SIZES = [
  ['of a few blocks', 0, false],
  ['below 4 MiB', 2 * MIB, false],
  ['just below 4 MiB', 2.92 * MIB, false],
  ['just above 4 MiB', 2.94 * MIB, true],
  ['far above 4 MiB', 40 * MIB, true],
] as const

describe.runIf(available('root', 'tree:sid', 'openssl', 'sfdisk'))('wrap', () => {
  const folder = temporaryFolder()
  let key: KeyFiles

  beforeAll(() => {
    key = makeKey(folder, 'rsa4096')
  })

  describe.each(SIZES)('of a file system %s', (size, content, isLarge) => {
    const source = join(folder, size)
    beforeAll(() => writeTreeOfSize(source, 'sample', content))

    test.each([
      ['512-byte sectors, signed', true, {}],
      ['4096-byte sectors, signed', true, { sectorSize: 4096 }],
      ['512-byte sectors, to be signed later', false, {}],
      ['4096-byte sectors, to be signed later', false, { sectorSize: 4096 }],
    ] as const)('gives the same image: %s', (variant, isSigned, options) => {
      const signing = isSigned ? { key } : {}
      const common = { source, kind: 'sysext', ...signing } as const
      const image = expectSameImage(`${size}, ${variant}`, { ...common, ...options })
      expect(image.size > 4 * MIB).toBe(isLarge)
    })
  })

  test('of one block gives the same image', () => {
    const source = join(folder, 'one-block')
    writeRelease(source, 'confext', 'sample')
    const { filesystemSize } = expectSameImage('one-block', { source, kind: 'confext', key })
    expect(filesystemSize).toBe(4096)
  })

  test('gives the same image for another seed and a smaller key', () => {
    const source = join(folder, 'of a few blocks')
    const other = makeKey(folder, 'rsa2048')
    const seed = 'ffeeddcc-bbaa-4998-8776-655443322110'
    expectSameImage('other seed', { source, kind: 'sysext', key: other, seed })
  })

  function expectSameImage(
    name: string,
    options: Pick<RepartOptions, 'source' | 'kind'> & Partial<RepartOptions>,
  ): { size: number; filesystemSize: number } {
    const theirs = join(folder, `${name}.theirs.raw`)
    const ours = join(folder, `${name}.ours.raw`)
    const filesystem = join(folder, `${name}.erofs`)
    const { key, sectorSize, seed = SEED } = options
    makeWithRepart({ tree: 'sid', folder, output: theirs, seed, ...options })
    const { offset, size } = locateFilesystem(theirs, sectorSize)
    writeFileSync(filesystem, readRange(theirs, offset, size))
    extsign([
      ...['wrap', filesystem, '--output', ours, '--seed', seed, '--architecture', 'x86-64'],
      ...(sectorSize ? ['--sector-size', `${sectorSize}`] : []),
      ...(key
        ? ['--private-key', key.privateKey, '--certificate', key.certificate]
        : ['--unsigned']),
    ])
    const image = readFileSync(ours)
    expect(Buffer.compare(image, readFileSync(theirs))).toBe(0)
    return { size: image.length, filesystemSize: size }
  }
})
