/** Images that systemd-repart built, of both generations: we verify, list and unpack them. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { describeTree, expectSameTree, inSeconds } from '../support/describe-tree.ts'
import { extsign, runExtsign } from '../support/extsign.ts'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { outputInTree } from '../support/reference-trees.ts'
import { makeWithRepart } from '../support/repart.ts'
import { writeFile, writeTinyTree, writeTreeOfSize } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const SEED = '00112233-4455-6677-8899-aabbccddeeff'
const MIB = 1 << 20
const COMPRESSIONS = [
  '',
  '-zlz4',
  '-zlz4hc,9 -C65536',
  '-zzstd,3',
  '-zzstd,3 -C65536',
  '-zdeflate,6',
]

describe.runIf(available('root', 'tree:trixie', 'tree:sid'))('what systemd-repart built', () => {
  const folder = temporaryFolder()
  let other: KeyFiles
  const sysext = join(folder, 'sysext')
  const confext = join(folder, 'confext')

  beforeAll(() => {
    other = makeKey(folder, 'rsa2048', 'other')
    writeTreeOfSize(sysext, 'sample', 6 * MIB)
    writeTinyTree(confext, 'confext', 'sample')
    writeFile(join(confext, 'etc/sample.conf'), 'a = b\n')
  })

  describe.each(['trixie', 'sid'] as const)('on %s', (tree) => {
    test.each([
      ['a sysext signed with RSA', 'sysext', 'rsa4096', undefined],
      ['a sysext signed with ECDSA', 'sysext', 'p256', undefined],
      ['a sysext with 4096-byte sectors', 'sysext', 'rsa2048', 4096],
      ['a confext signed with RSA', 'confext', 'rsa2048', undefined],
      ['a confext with 4096-byte sectors', 'confext', 'p384', 4096],
    ] as const)('verifies: %s', (name, kind, algorithm, sectorSize) => {
      const key = makeKey(folder, algorithm)
      const work = join(folder, `${tree}, ${name}`)
      mkdirSync(work)
      const image = join(work, `sample.${kind}.raw`)
      const source = kind === 'sysext' ? sysext : confext
      const size = sectorSize ? { sectorSize } : {}
      makeWithRepart({ tree, folder, kind, source, output: image, seed: SEED, key, ...size })
      expect(runExtsign(['verify', image, '--certificate', key.certificate])).toMatchObject({
        status: 0,
      })
      expect(runExtsign(['verify', image, '--certificate', other.certificate]).status).toBe(3)
    })

    test.each(COMPRESSIONS)('unpacks to the tree it was made of: mkfs.erofs %s', (options) => {
      const work = join(folder, `${tree}, unpack ${options}`)
      mkdirSync(work)
      const image = join(work, 'sample.sysext.raw')
      makeWithRepart({
        ...{ tree, folder, kind: 'sysext', source: sysext, output: image, seed: SEED, key: other },
        sourceDateEpoch: 2 ** 33,
        env: { SYSTEMD_REPART_MKFS_OPTIONS_EROFS: options },
      })
      const unpacked = join(work, 'unpacked')
      extsign(['unpack', image, unpacked, '--certificate', other.certificate])
      expectSameTree(inSeconds(describeTree(unpacked)), inSeconds(describeTree(sysext)))
    })

    test('verifies: a usr partition instead of a root partition', () => {
      const key = makeKey(folder, 'rsa2048')
      const work = join(folder, `${tree}, usr`)
      const image = join(work, 'sample.sysext.raw')
      writeUsrDefinitions(join(work, 'definitions'), join(sysext, 'usr'))
      outputInTree(tree, folder, 'systemd-repart', [
        ...['--offline=yes', '--empty=create', '--size=auto', '--dry-run=no', `--seed=${SEED}`],
        ...[`--definitions=${join(work, 'definitions')}`, '--architecture=x86-64'],
        ...[`--private-key=${key.privateKey}`, `--certificate=${key.certificate}`, image],
      ])
      expect(runExtsign(['verify', image, '--certificate', key.certificate])).toMatchObject({
        status: 0,
      })
    })
  })
})

/** Definitions like those of `--make-ddi=sysext`, for a bare `usr` tree. */
function writeUsrDefinitions(folder: string, usr: string): void {
  mkdirSync(folder, { recursive: true })
  const match = 'VerityMatchKey=usr\n'
  const definitions = [
    `Type=usr\nFormat=erofs\nCopyFiles=${usr}:/\nVerity=data\n${match}Minimize=best\n`,
    `Type=usr-verity\nVerity=hash\n${match}Minimize=best\n`,
    `Type=usr-verity-sig\nVerity=signature\n${match}`,
  ]
  for (const [index, definition] of definitions.entries()) {
    writeFileSync(join(folder, `${index}0-usr.conf`), `[Partition]\n${definition}`)
  }
}
