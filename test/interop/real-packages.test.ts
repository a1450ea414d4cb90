/** Extensions made of real Debian packages, not of files made up for a test. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { packageTree } from '../../scripts/provision/packages.mjs'
import { treeFolder } from '../../scripts/provision/trees.mjs'
import { describeTree, type Entry, expectSameTree, inSeconds } from '../support/describe-tree.ts'
import {
  type Dissected,
  dissect,
  dissectWithSystemd,
  extractErofs,
  PLACES,
  verifyHashTree,
  verifySignature,
} from '../support/examiners.ts'
import { extsign, runExtsign } from '../support/extsign.ts'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { whileMounted } from '../support/mount.ts'
import { GENERATIONS } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const SOURCE_DATE_EPOCH = `${2 ** 33}`

describe.runIf(available('root', 'tree:trixie', 'tree:sid'))('an extension made of', () => {
  const folder = temporaryFolder()

  describe.each([
    ['strace', 'none', 'p256'],
    ['nginx', 'lz4', 'rsa2048'],
    ['python3', 'zstd', 'rsa4096'],
    ['kernel-modules', 'none', 'p384'],
    ['kernel-modules', 'zstd:19', 'rsa2048'],
  ] as const)('%s, compression %s, signed with %s', (name, compression, algorithm) => {
    const work = join(folder, `${name}, ${compression}`)
    const image = join(work, `${name}.raw`)
    let source: Record<string, Entry>
    let key: KeyFiles
    let parts: Dissected

    beforeAll(() => {
      mkdirSync(work)
      source = describeTree(packageTree(name))
      key = makeKey(work, algorithm)
      const signing = ['--private-key', key.privateKey, '--certificate', key.certificate]
      const options = ['--compression', compression, '--id', 'debian', '--version-id', '13']
      const args = ['sysext', packageTree(name), '--output', image, '--preserve-owner']
      extsign([...args, ...options, ...signing], { env: { PATH: '', SOURCE_DATE_EPOCH } })
      parts = dissect(image, join(work, 'parts'))
    })

    test('mounts, and holds the files of the package', () => {
      const where = { offset: parts.filesystemOffset, size: parts.filesystemSize }
      const mounted = whileMounted({ path: image, type: 'erofs', ...where }, describeTree)
      expectSameTree(mounted, source)
    })

    test.each(GENERATIONS)('erofs-utils beside %s extract the files', (_, reference) => {
      const extracted = join(work, `extracted by ${reference}`)
      extractErofs(reference, folder, parts.filesystem, extracted)
      expectSameTree(describeTree(extracted), source)
    })

    test.each(PLACES)('veritysetup and openssl accept it (%s)', (place) => {
      verifyHashTree(place, folder, parts, parts.signature!.rootHash)
      verifySignature(place, folder, parts.signature!, key.certificate)
    })

    test.each(GENERATIONS)('%s takes it for a system extension of Debian 13', (_, reference) => {
      expect(dissectWithSystemd(reference, folder, image)).toMatchObject({
        useSystemExtension: true,
        sysextRelease: expect.arrayContaining(['ID=debian', 'VERSION_ID=13']),
      })
    })

    test('verifies for Debian 13, and for nothing else', () => {
      const verify = ['verify', image, '--certificate', key.certificate, '--os-release']
      extsign([...verify, join(treeFolder('trixie'), 'usr/lib/os-release')])
      const other = join(work, 'os-release')
      writeFileSync(other, 'ID=debian\nVERSION_ID=12\n')
      expect(runExtsign([...verify, other])).toMatchObject({
        status: 3,
        stdout: expect.stringMatching(/VERSION_ID.*12.*13/),
      })
    })

    test('unpacks to the same files', () => {
      const unpacked = join(work, 'unpacked')
      extsign(['unpack', image, unpacked, '--certificate', key.certificate])
      expectSameTree(inSeconds(describeTree(unpacked)), inSeconds(source))
    })
  })
})
