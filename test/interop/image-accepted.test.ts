/** What we build is what the kernel, systemd, openssl, veritysetup and erofs-utils take it for. */

import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Inspection } from '../../src/images/inspection.ts'
import type { ImageResult } from '../../src/images/options.ts'
import { describeTree, type Entry, expectSameTree, inSeconds } from '../support/describe-tree.ts'
import {
  type Dissected,
  dissect,
  dissectWithSystemd,
  extractErofs,
  fingerprintOf,
  PLACES,
  verifyHashTree,
  verifyPartitionTable,
  verifySignature,
} from '../support/examiners.ts'
import { extsign } from '../support/extsign.ts'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { xattrManifest } from '../support/manifest.ts'
import { whileMounted } from '../support/mount.ts'
import { readPartitionTable } from '../support/partitions.ts'
import { GENERATIONS } from '../support/reference-trees.ts'
import { writeFullTree, writeTinyTree, writeTreeOfSize } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const MIB = 1 << 20
// Later than every time in the trees, so that none is clamped.
const SOURCE_DATE_EPOCH = `${2 ** 33}`

const SIZES = [
  ['tiny', writeTinyTree],
  ['below 4 MiB', (tree: string) => writeTreeOfSize(tree, 'sample', 2 * MIB)],
  ['above 4 MiB, with everything a tree can hold', (tree: string) => writeFullTree(tree, 'sample')],
] as const

const VARIANTS = ['none', 'lz4', 'zstd'].flatMap((compression) =>
  ([512, 4096] as const).map((sectorSize) => [compression, sectorSize] as const),
)

describe.runIf(available('root', 'tree:trixie', 'tree:sid'))('an image', () => {
  const folder = temporaryFolder()
  let key: KeyFiles

  beforeAll(() => {
    key = makeKey(folder, 'rsa4096')
  })

  describe.each(SIZES)('of a tree that is %s', (size, writeTree) => {
    const tree = join(folder, size)
    let source: Record<string, Entry>

    beforeAll(() => {
      writeTree(tree, 'sysext', 'sample')
      source = describeTree(tree)
    })

    describe.each(VARIANTS)('compression %s, sectors of %i bytes', (compression, sectorSize) => {
      const work = join(folder, `${size}, ${compression}, ${sectorSize}`)
      const image = join(work, 'sample.sysext.raw')
      let built: ImageResult
      let inspection: Inspection
      let parts: Dissected

      beforeAll(() => {
        mkdirSync(work)
        const signing = ['--private-key', key.privateKey, '--certificate', key.certificate]
        const metadata = join(work, 'metadata')
        writeFileSync(metadata, xattrManifest(source))
        const layout = ['--compression', compression, '--sector-size', `${sectorSize}`]
        const build = ['sysext', tree, '--name', 'sample', '--output', image]
        const content = ['--preserve-owner', '--metadata', metadata]
        const args = [...build, ...content, ...layout, ...signing, '--json']
        built = JSON.parse(extsign(args, { env: { PATH: '', SOURCE_DATE_EPOCH } }))
        inspection = JSON.parse(extsign(['inspect', image, '--json']))
        parts = dissect(image, join(work, 'parts'), sectorSize)
      })

      test('mounts, and holds the tree as it is', () => {
        const where = { offset: parts.filesystemOffset, size: parts.filesystemSize }
        const mounted = whileMounted({ path: image, type: 'erofs', ...where }, describeTree)
        expectSameTree(mounted, source)
      })

      test.each(GENERATIONS)('fsck.erofs beside %s extracts the tree', (_, reference) => {
        const extracted = join(work, `extracted by ${reference}`)
        extractErofs(reference, folder, parts.filesystem, extracted)
        expectSameTree(asExtracted(describeTree(extracted)), asExtracted(source))
      })

      test.each(PLACES)('veritysetup accepts the hash tree (%s)', (place) => {
        verifyHashTree(place, folder, parts, built.rootHash)
      })

      test.each(PLACES)('openssl accepts the signature (%s)', (place) => {
        verifySignature(place, folder, parts.signature!, key.certificate)
      })

      test('the signature partition names the root hash and the certificate', () => {
        expect(parts.signature?.rootHash).toBe(built.rootHash)
        expect(parts.signature?.fingerprint).toBe(fingerprintOf(key.certificate))
      })

      test('sfdisk finds no error, and reads the table we report and inspect', () => {
        expect(verifyPartitionTable(image, sectorSize)).toContain('No errors detected.')
        const { diskUuid, partitions } = readPartitionTable(image, sectorSize)
        expect(partitions).toMatchObject(built.partitions)
        expect(inspection.gpt).toMatchObject({ sectorSize, diskGuid: diskUuid })
        expect(partitions).toMatchObject(
          inspection.partitions.map(({ typeGuid, uuid, label, offset, size }) => {
            return { type: typeGuid, uuid, label, offset, size, attributes: 'GUID:60' }
          }),
        )
      })

      test('verifies, and nothing in it is a problem', () => {
        extsign(['verify', image, '--certificate', key.certificate])
        expect(inspection.problems).toEqual([])
      })

      test('unpacks to what Node can make of the tree', () => {
        const unpacked = join(work, 'unpacked')
        extsign(['unpack', image, unpacked, '--certificate', key.certificate])
        expectSameTree(asUnpacked(describeTree(unpacked)), asUnpacked(source))
      })

      test.each(GENERATIONS)('%s dissects it as we inspect it', (_, reference) => {
        const dissection = dissectWithSystemd(reference, folder, image)
        expect(dissection).toMatchObject({
          sectorSize,
          architecture: inspection.architecture,
          imageUuid: inspection.gpt?.diskGuid,
          useSystemExtension: true,
          sysextRelease: inspection.releases.flatMap(({ fields }) => {
            return Object.entries(fields).map(([key, value]) => `${key}=${value}`)
          }),
        })
        if (reference === 'sid') expect(dissection.size).toBe(statSync(image).size)
        expect(dissection.mounts).toMatchObject([
          { designator: 'root', verity: 'signed', fstype: inspection.filesystem?.type, rw: 'ro' },
          { designator: 'root-verity', verity: null, fstype: 'DM_verity_hash' },
          { designator: 'root-verity-sig', verity: null, fstype: 'verity_hash_signature' },
        ])
        expect(dissection.mounts).toMatchObject(
          inspection.partitions.map(({ uuid, label }) => {
            return { partition_uuid: uuid, partition_label: label, architecture: 'x86-64' }
          }),
        )
      })
    })
  })
})

/** Node makes no devices, fifos and sockets, and writes no extended attributes. */
function asUnpacked(entries: Record<string, Entry>): Record<string, Entry> {
  const made = Object.entries(inSeconds(entries)).filter(([, { kind }]) => {
    return ['file', 'directory', 'symlink'].includes(kind)
  })
  return Object.fromEntries(made.map(([path, { xattrs: _, ...entry }]) => [path, entry]))
}

/** fsck.erofs changes the owner last, which drops capabilities, and skips attributes without value. */
function asExtracted(entries: Record<string, Entry>): Record<string, Entry> {
  return Object.fromEntries(
    Object.entries(entries).map(([path, { xattrs = {}, ...entry }]) => {
      const kept = Object.entries(xattrs).filter(
        ([name, value]) => name !== 'security.capability' && value !== '0x',
      )
      return [path, { ...entry, xattrs: Object.fromEntries(kept) }]
    }),
  )
}
