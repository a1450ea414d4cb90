/** An image wrapped by us is, byte for byte, the one systemd-repart 262 makes of the same file system. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { extsign } from '../support/extsign.ts'
import { makeKey } from '../support/keys.ts'
import { readRange } from '../support/partitions.ts'
import { locateFilesystem, makeWithRepart, type RepartOptions } from '../support/repart.ts'
import { writeRelease, writeTinyTree, writeTreeOfSize } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const SEED = '00112233-4455-6677-8899-aabbccddeeff'
const MIB = 1 << 20

const SIZES = [
  ['of a few blocks', (tree: string) => writeTinyTree(tree, 'sysext', 'sample')],
  ['below 4 MiB', (tree: string) => writeTreeOfSize(tree, 'sample', 2 * MIB)],
  ['just below 4 MiB', (tree: string) => writeTreeOfSize(tree, 'sample', 2.9 * MIB)],
  ['just above 4 MiB', (tree: string) => writeTreeOfSize(tree, 'sample', 3 * MIB)],
  ['far above 4 MiB', (tree: string) => writeTreeOfSize(tree, 'sample', 40 * MIB)],
] as const

describe.runIf(available('root', 'tree:sid', 'openssl', 'sfdisk'))('wrap', () => {
  const folder = temporaryFolder()
  const key = makeKey(folder, 'rsa4096')

  describe.each(SIZES)('of a file system %s', (size, writeTree) => {
    const source = join(folder, size)
    writeTree(source)

    test.each([
      ['512-byte sectors, signed', { key }],
      ['4096-byte sectors, signed', { key, sectorSize: 4096 }],
      ['512-byte sectors, to be signed later', {}],
      ['4096-byte sectors, to be signed later', { sectorSize: 4096 }],
    ] as const)('gives the same image: %s', (variant, options) => {
      expectSameImage(`${size}, ${variant}`, { source, kind: 'sysext', ...options })
    })
  })

  test('of one block gives the same image', () => {
    const source = join(folder, 'one-block')
    writeRelease(source, 'confext', 'sample')
    const { size } = expectSameImage('one-block', { source, kind: 'confext', key })
    expect(size).toBe(4096)
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
  ): { size: number } {
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
    expect(Buffer.compare(readFileSync(ours), readFileSync(theirs))).toBe(0)
    return { size }
  }
})
