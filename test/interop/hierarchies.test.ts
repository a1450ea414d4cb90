/** Which hierarchies systemd-sysext merges, and over which it gives up altogether. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HIERARCHY_CASES, writeHierarchyCase } from '../support/hierarchy-cases.ts'
import { GENERATIONS, outputInTree } from '../support/reference-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

/** Merges below a root of its own, because systemd looks for overlays in the mount table. */
const MERGE = `
for root in "$1"/*; do
  mount --bind "$root" "$root"
  systemd-sysext --root="$root" --no-reload merge >/dev/null 2>&1 && echo merged || echo refused
  systemd-sysext --root="$root" --no-reload unmerge >/dev/null 2>&1
  umount "$root"
done
`

describe.runIf(available('root', 'tree:trixie', 'tree:sid'))('systemd-sysext', () => {
  test.each(GENERATIONS)('%s merges as the table says', (_, tree) => {
    const folder = temporaryFolder()
    for (const [index, each] of HIERARCHY_CASES.entries()) {
      const root = join(folder, `${index}`.padStart(2, '0'))
      for (const part of ['usr/lib', 'opt', 'etc', 'var/lib', 'proc', 'sys', 'dev']) {
        mkdirSync(join(root, part), { recursive: true })
      }
      writeFileSync(join(root, 'usr/lib/os-release'), 'ID=debian\nVERSION_ID=13\n')
      const nothing = { name: '', make: () => undefined, outcome: 'merged' } as const
      writeHierarchyCase(join(root, 'run/extensions/other'), 'other', nothing)
      writeHierarchyCase(join(root, 'run/extensions/sample'), 'sample', each)
    }
    const said = outputInTree(tree, folder, 'sh', ['-c', MERGE, 'sh', folder]).trim().split('\n')
    const outcomes = HIERARCHY_CASES.map(({ name }, index) => [name, said[index]])
    expect(outcomes).toEqual(HIERARCHY_CASES.map(({ name, outcome }) => [name, outcome]))
  })
})
