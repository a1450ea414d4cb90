/**
 * Some hundred crafted images: what `verify` says of systemd is what `systemd-dissect` of both
 * generations says, with libblkid and the kernel behind it.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import type { ReaderVerdict } from '../../src/images/checks/reader-verdict.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { certificateOf } from '../images/fixtures.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { type CraftedImage, craftImages, makeCraftedTrees } from '../support/crafted-images.ts'
import { outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

/** A line for each image: the number, how it ended, whether it is an extension, and the error. */
const ASK = `cd "$1"; policy=$2
for folder in */; do
  said=$(timeout 60 systemd-dissect --fsck=no --json=short --image-policy="$policy" "$folder/c.raw" 2>&1)
  status=$?
  case $said in *'"useSystemExtension":true'*) is=extension ;; *) is=none ;; esac
  echo "\${folder%/} $status $is $(echo "$said" | grep -v '^{' | tail -1 | tr '\\n' ' ')"
done`

/** The default of systemd 262 for extensions, without the word that 257 does not know. */
const POLICY = ['root', 'usr']
  .map((name) => `${name}=verity+signed+encrypted+unprotected+absent`)
  .join(':')

interface Answer {
  readonly accepts: boolean
  readonly said: string
}

describe.runIf(available('root', 'tree:trixie', 'tree:sid'))('crafted images', () => {
  const folder = temporaryFolder()
  const work = join(folder, 'images')
  const key = makeTestKey('rsa2048')
  let images: readonly CraftedImage[]
  const predicted: ReaderVerdict[] = []
  const answers: Record<string, readonly Answer[]> = {}

  beforeAll(async () => {
    images = await craftImages(...(await makeCraftedTrees(folder)), key)
    for (const [index, { image, beside = {} }] of images.entries()) {
      const place = join(work, String(index).padStart(3, '0'))
      mkdirSync(place, { recursive: true })
      writeFileSync(join(place, 'c.raw'), image)
      for (const [name, bytes] of Object.entries(beside)) writeFileSync(join(place, name), bytes)
      predicted.push(await predict(join(place, 'c.raw')))
    }
    for (const tree of ['trixie', 'sid'] as const) answers[tree] = ask(tree)
  }, 600_000)

  test('are some hundred', () => expect(images.length).toBeGreaterThan(300))

  test('are what we say of them', () => {
    const wrong = images.flatMap(({ name }, index) => {
      const { verdict, reason } = predicted[index]!
      const said = ['trixie', 'sid'].map((tree) => answers[tree]![index]!)
      const refused = said.filter(({ accepts }) => !accepts)
      const isWrong =
        (verdict === 'accepts' && refused.length > 0) ||
        (verdict === 'refuses' && refused.length === 0 && !isLater(reason))
      const both = said.map(
        ({ accepts, said: text }) => `${accepts ? 'ACCEPTS' : 'REFUSES'} ${text}`,
      )
      return isWrong ? [`${name}: ${verdict}: ${reason} <> ${both.join(' | ')}`] : []
    })
    expect(wrong).toEqual([])
    const unproven = predicted.filter(({ verdict }) => verdict === 'unproven')
    expect(unproven.length).toBeLessThan(images.length / 8)
  })

  async function predict(path: string): Promise<ReaderVerdict> {
    try {
      const { readers } = await verifyImage(path, {
        certificates: [certificateOf(key)],
        threads: 0,
      })
      return readers[2]!
    } catch (error) {
      return { reader: 'systemd', verdict: 'refuses', reason: `not opened: ${error}` }
    }
  }

  function ask(tree: TreeName): Answer[] {
    const args = ['-c', ASK, 'sh', work, POLICY]
    return outputInTree(tree, folder, 'sh', args)
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [, status, is, ...rest] = line.split(' ')
        return { accepts: status === '0' && is === 'extension', said: rest.join(' ') }
      })
  }
})

/**
 * What only shows when the hash tree is used or the signature is checked, which needs the device
 * mapper and older kernels: see the virtual machines. Arrays of firmware are looked for on whole devices, as its are.
 */
function isLater(reason: string): boolean {
  return /^(EDESTADDRREQ|the hash tree|reading |\w+_raid_member and erofs)|the device below|Linux up to/.test(
    reason,
  )
}
