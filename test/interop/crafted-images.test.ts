/**
 * Some hundred crafted images: what `verify` says of systemd is what `systemd-dissect` of both
 * generations says, with libblkid and the kernel behind it.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import { FormatError } from '../../src/errors.ts'
import { type Verification, verifyImage } from '../../src/images/verify.ts'
import { certificateOf } from '../images/fixtures.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import {
  type CraftedImage,
  craftImages,
  findContradictions,
  isLater,
  makeCraftedTrees,
  systemdOf,
} from '../support/crafted-images.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

/**
 * A line for each image: the number, how it ended, whether it is an extension, and the error. Most of
 * the time is spent waiting, so that several are asked for at a time.
 */
const ASK = `cd "$1"; ls | xargs -P 8 -n 10 sh -c "$3" "$2"`
const ASK_SOME = `
for folder; do
  said=$(timeout 60 systemd-dissect --fsck=no --json=short --image-policy="$0" "$folder/c.raw" 2>&1)
  status=$?
  case $said in *'"useSystemExtension":true'*) is=extension ;; *) is=none ;; esac
  echo "$folder $status $is $(echo "$said" | grep -v '^{' | tail -1 | tr '\\n' ' ')"
done`

/** The default of systemd 262 for extensions, without the word that 257 does not know. */
const POLICY = ['root', 'usr']
  .map((name) => `${name}=verity+signed+encrypted+unprotected+absent`)
  .join(':')

type Predicted = Pick<Verification, 'verdict' | 'readers'>

interface Answer {
  readonly accepts: boolean
  readonly said: string
}

describe.runIf(available('root', 'tree:trixie', 'tree:sid'))('crafted images', () => {
  const folder = temporaryFolder()
  const work = join(folder, 'images')
  const key = makeTestKey('rsa2048')
  let images: readonly CraftedImage[]
  const predicted: Predicted[] = []
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
      const said = GENERATIONS.map(([generation, tree]) => ({
        generation,
        ...answers[tree]![index]!,
      }))
      const shows = (reason: string) => !isLater(reason)
      return findContradictions(predicted[index]!, said, shows).map((text) => `${name}: ${text}`)
    })
    expect(wrong).toEqual([])
    const unproven = predicted.filter((each) => systemdOf(each).verdict === 'unproven')
    expect(unproven.length).toBeLessThan(images.length / 8)
  })

  test('are not ok where a reader refuses them, and wrong where all do', () => {
    const refused = predicted.flatMap(({ verdict, readers }, index) => {
      const isRefused = readers.some(
        (each) => each.reader === 'systemd' && each.verdict === 'refuses',
      )
      return isRefused && verdict !== 'wrong' ? [images[index]!.name] : []
    })
    expect(refused).toEqual([])
  })

  async function predict(path: string): Promise<Predicted> {
    try {
      return await verifyImage(path, { certificates: [certificateOf(key)], threads: 0 })
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      const reason = `not opened: ${error.message}`
      return { verdict: 'wrong', readers: [{ reader: 'systemd', verdict: 'refuses', reason }] }
    }
  }

  function ask(tree: TreeName): Answer[] {
    const args = ['-c', ASK, 'sh', work, POLICY, ASK_SOME]
    return outputInTree(tree, folder, 'sh', args)
      .trimEnd()
      .split('\n')
      .sort()
      .map((line) => {
        const [, status, is, ...rest] = line.split(' ')
        return { accepts: status === '0' && is === 'extension', said: rest.join(' ') }
      })
  }
})
