/** Image policies as systemd reads them and decides with them. */

import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  POLICY_DESIGNATORS,
  type PolicyDesignator,
  type PolicyUse,
  parseImagePolicy,
  policyFor,
} from '../../src/formats/image-policy.ts'
import { evaluateImagePolicy } from '../../src/formats/image-policy-decision.ts'
import { foundPartitions } from '../../src/images/read/found-partitions.ts'
import { openImage } from '../../src/images/read/open-image.ts'
import { makeKey } from '../support/keys.ts'
import { outputInTree, runInTree } from '../support/reference-trees.ts'
import { makeWithRepart } from '../support/repart.ts'
import { writeTinyTree } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const SEED = '00112233-4455-6677-8899-aabbccddeeff'
/** Words of the table of `systemd-analyze image-policy` that stand for several. */
const SHORT: Readonly<Record<string, readonly PolicyUse[]>> = {
  open: policyFor(parseImagePolicy('*'), 'root').uses,
  ignore: ['unused', 'absent'],
  '-': [],
}
const READ = [
  ...['-', '', '~', '*', '=absent', '=signed', 'root=-', 'root=verity+signed', 'root=verity'],
  ...['root=unprotected', 'root=signed+absent:usr=verity+unused', 'root=ignore:usr=open'],
  ...['root-verity=encrypted+unprotected:home=verity+unprotected', 'usr=signed:=absent'],
  ...['root=encrypted+signed:root-verity-sig=absent', 'swap=signed+unused:var=encrypted'],
]
const DECIDED = [
  ...['root=verity+signed', 'root=signed', 'root=verity', 'root=signed+absent', '*', '-', '~'],
  ...['root=verity+absent', 'root=verity+signed+absent', 'root=unprotected', 'usr=signed'],
  ...['root=signed:root-verity=absent', 'root=unprotected:root-verity-sig=unprotected'],
  ...['root=signed+read-only-on', 'root=signed+read-only-off', 'root=verity+growfs-on'],
  ...['root=encrypted', 'root=absent', 'root=unused', '=absent', 'root=signed:=absent', '=signed'],
]

describe.runIf(available('root', 'tree:sid'))('systemd 262', () => {
  const folder = temporaryFolder()

  test.each(READ)('reads the policy %j as we do', (text) => {
    const output = outputInTree('sid', folder, 'systemd-analyze', ['image-policy', text])
    const policy = parseImagePolicy(text)
    let compared = 0
    for (const line of output.split('\n')) {
      const [name, mode = ''] = line.split(/\s+/)
      const designator = POLICY_DESIGNATORS.find((known) => known === name)
      if (!designator) continue
      compared += 1
      const uses = SHORT[mode] ?? mode.split('+')
      expect(policyFor(policy, designator as PolicyDesignator).uses, designator).toEqual(uses)
    }
    expect(compared).toBe(POLICY_DESIGNATORS.length)
  })

  test.each(['root', 'root=sined', 'rooot=signed', 'root=signed:root=absent', '=absent:=open'])(
    'refuses the policy %j as we do',
    (text) => {
      const { status } = runInTree('sid', folder, 'systemd-analyze', ['image-policy', text])
      expect(status).not.toBe(0)
      expect(() => parseImagePolicy(text)).toThrow()
    },
  )

  describe.each(['signed', 'unsigned'] as const)('about an image that is %s', (seal) => {
    const image = join(folder, `${seal}.raw`)
    beforeAll(() => {
      const source = join(folder, `${seal}.tree`)
      writeTinyTree(source, 'sysext', seal)
      const key = seal === 'signed' ? { key: makeKey(folder) } : {}
      const common = { tree: 'sid', folder, kind: 'sysext', seed: SEED } as const
      makeWithRepart({ ...common, source, output: image, ...key })
    })

    test.each(DECIDED)('decides by the policy %j as we do', async (text) => {
      const { status } = runInTree('sid', folder, 'systemd-dissect', [
        '--validate',
        `--image-policy=${text}`,
        image,
      ])
      const opened = await openImage(image)
      const { rejections } = evaluateImagePolicy(parseImagePolicy(text), foundPartitions(opened))
      await opened.close()
      expect(rejections.length === 0 ? 0 : 1).toBe(status)
    })
  })
})
