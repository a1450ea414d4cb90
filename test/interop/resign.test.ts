/** Images of both builders change hands, and everybody takes them afterwards. */

import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  dissect,
  dissectWithSystemd,
  fingerprintOf,
  verifyHashTree,
  verifyPartitionTable,
  verifySignature,
} from '../support/examiners.ts'
import { extsign, runExtsign } from '../support/extsign.ts'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { outputInTree } from '../support/reference-trees.ts'
import { makeWithRepart } from '../support/repart.ts'
import { writeTreeOfSize } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const SEED = '00112233-4455-6677-8899-aabbccddeeff'
const MIB = 1 << 20
const TREES = ['trixie', 'sid'] as const

const needs = ['root', 'tree:trixie', 'tree:sid', 'openssl', 'veritysetup', 'sfdisk'] as const
describe.runIf(available(...needs))('resign', () => {
  const folder = temporaryFolder()
  const small = join(folder, 'small')
  const large = join(folder, 'large')
  const keys: Record<string, KeyFiles> = {}
  let number = 0

  beforeAll(() => {
    writeTreeOfSize(small, 'sample', 0)
    writeTreeOfSize(large, 'sample', 6 * MIB)
    for (const kind of ['rsa2048', 'rsa4096', 'p256', 'p384'] as const) {
      keys[kind] = makeKey(folder, kind)
    }
  })

  function newImage(): string {
    const work = join(folder, `image ${number++}`)
    mkdirSync(work)
    return join(work, 'sample.sysext.raw')
  }

  const resign = (image: string, to: string, ...more: string[]) =>
    extsign(['resign', image, ...signing(to), ...more])
  const signing = (key: string) => [
    ...['--private-key', keys[key]!.privateKey],
    ...['--certificate', keys[key]!.certificate],
  ]

  /** Everybody accepts the image under this certificate, and extsign under no other. */
  function expectAccepted(image: string, key: string, sectorSize: 512 | 4096): void {
    const { certificate } = keys[key]!
    const parts = dissect(image, `${image}.${number++}`, sectorSize)
    const { signature } = parts
    for (const place of ['host', ...TREES] as const) {
      verifySignature(place, folder, signature!, certificate)
      verifyHashTree(place, folder, parts, signature!.rootHash)
    }
    expect(signature!.fingerprint).toBe(fingerprintOf(certificate))
    for (const tree of TREES) {
      const { mounts } = dissectWithSystemd(tree, folder, image)
      expect(mounts.map(({ verity }) => verity)).toContain('signed')
      outputInTree(tree, folder, 'systemd-dissect', ['--validate', image])
    }
    expect(verifyPartitionTable(image, sectorSize)).toContain('No errors detected')
    extsign(['verify', '--quiet', image, '--certificate', certificate])
    const other = Object.keys(keys).find((name) => name !== key)!
    expect(runExtsign(['verify', image, '--certificate', keys[other]!.certificate]).status).toBe(3)
  }

  describe.each(TREES)('of an image of systemd-repart on %s', (tree) => {
    const make = (source: string, key: string, sectorSize?: 4096, deferred?: true) => {
      const image = newImage()
      const options = { ...(sectorSize && { sectorSize }), ...(deferred && { deferred }) }
      const common = { tree, folder, kind: 'sysext', seed: SEED, key: keys[key]! } as const
      makeWithRepart({ ...common, source, output: image, ...options })
      return image
    }

    test.each([
      ['small', 'rsa2048', 'p256', undefined],
      ['large', 'rsa4096', 'p384', undefined],
      ['large', 'p256', 'rsa4096', 4096],
    ] as const)('%s, from %s to %s and back', (size, from, to, sectorSize) => {
      const image = make(size === 'small' ? small : large, from, sectorSize)
      const before = readFileSync(image)
      resign(image, to, '--old-certificate', keys[from]!.certificate)
      expectAccepted(image, to, sectorSize ?? 512)
      resign(image, from, '--omit-certificate')
      expectAccepted(image, from, sectorSize ?? 512)
      resign(image, from)
      if (from !== 'p256') expect(readFileSync(image).equals(before)).toBe(true)
    })

    test.each([undefined, 4096] as const)('that was deferred, %s', (sectorSize) => {
      const image = make(large, 'rsa2048', sectorSize, true)
      resign(image, 'rsa2048', '--seed', SEED)
      expectAccepted(image, 'rsa2048', sectorSize ?? 512)
      // What repart would have made at once, but for the bit that only newer ones set.
      if (tree === 'sid') {
        expect(readFileSync(image).equals(readFileSync(make(large, 'rsa2048', sectorSize)))).toBe(
          true,
        )
      }
    })

    test.each(['small', 'large'] as const)('%s, without room', (size) => {
      const image = newImage()
      outputInTree(tree, folder, 'systemd-repart', [
        ...['--make-ddi=sysext', `--copy-source=${size === 'small' ? small : large}`],
        ...[`--seed=${SEED}`, '--exclude-partitions=root-verity-sig'],
        ...['--offline=yes', '--architecture=x86-64', image],
      ])
      expect(resign(image, 'rsa4096')).toContain('signature added')
      expectAccepted(image, 'rsa4096', 512)
    })
  })

  test.each([512, 4096] as const)('of an image of ours, sectors of %d', (sectorSize) => {
    const image = newImage()
    const size = ['--sector-size', `${sectorSize}`, '--id', '_any', '--name', 'sample']
    extsign(['sysext', large, '--output', image, '--defer-signature', ...size])
    resign(image, 'rsa4096')
    expectAccepted(image, 'rsa4096', sectorSize)
    const atOnce = newImage()
    extsign(['sysext', large, '--output', atOnce, ...signing('rsa4096'), ...size])
    expect(readFileSync(image).equals(readFileSync(atOnce))).toBe(true)
    resign(image, 'p256')
    expectAccepted(image, 'p256', sectorSize)
  })
})
