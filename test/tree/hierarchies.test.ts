import { describe, expect, test } from 'vitest'
import { assertHierarchies } from '../../src/tree/hierarchies.ts'
import type { TreeNode } from '../../src/tree/model.ts'
import { directory, file, makeTree, symlink } from './make-tree.ts'

type Nodes = Readonly<Record<string, TreeNode>>

const ACCEPTED: readonly (readonly ['sysext' | 'confext', Nodes])[] = [
  ['sysext', { 'usr/bin/hello': file() }],
  ['sysext', { 'opt/tool/run': file() }],
  ['sysext', { usr: directory(), opt: directory() }],
  ['sysext', { 'usr/etc/os-release': file() }],
  ['confext', { 'etc/site.conf': file() }],
]

const REFUSED: readonly (readonly ['sysext' | 'confext', Nodes, string, string, string])[] = [
  ['sysext', { 'usr/a': file(), 'etc/b': file() }, 'WRONG_HIERARCHY', 'etc', 'confext of its own'],
  ['confext', { 'etc/a': file(), 'usr/b': file() }, 'WRONG_HIERARCHY', 'usr', 'sysext of its own'],
  ['sysext', { 'usr/a': file(), 'var/b': file() }, 'WRONG_HIERARCHY', 'var', 'tmpfiles.d'],
  ['sysext', { 'usr/a': file(), bin: symlink('usr/bin') }, 'WRONG_HIERARCHY', 'bin', 'below usr/'],
  [
    'sysext',
    { 'usr/a': file(), '.git/config': file(), 'READ ME': file() },
    'WRONG_HIERARCHY',
    '.git, READ ME',
    "--exclude /.git --exclude '/READ ME'",
  ],
  ['sysext', { usr: symlink('elsewhere') }, 'WRONG_HIERARCHY', 'usr is a symlink', ''],
  ['confext', { etc: file() }, 'WRONG_HIERARCHY', 'etc is a file', ''],
  ['sysext', {}, 'EMPTY', 'usr/ or opt/', ''],
  ['confext', {}, 'EMPTY', 'no etc/', ''],
  ['sysext', { 'usr/lib/os-release': file() }, 'FORBIDDEN', 'usr/lib/os-release', '--exclude'],
  ['sysext', { 'usr/lib/os-release': symlink('gone') }, 'FORBIDDEN', 'usr/lib/os-release', ''],
  [
    'sysext',
    { 'usr/lib64/os-release': file(), 'usr/lib': symlink('lib64') },
    'FORBIDDEN',
    'usr/lib/os-release (usr/lib64/os-release)',
    '--exclude /usr/lib64/os-release',
  ],
]

describe('hierarchies', () => {
  test.each(ACCEPTED)('a %s may hold %j', (kind, nodes) => {
    expect(assertHierarchies(makeTree(nodes), kind)).toBeUndefined()
  })

  test.each(REFUSED)('a %s must not hold %o', (kind, nodes, code, fact, hint) => {
    const expected = { code, message: expect.stringContaining(fact) }
    const advice = hint ? { hint: expect.stringContaining(hint) } : {}
    expect(() => assertHierarchies(makeTree(nodes), kind)).toThrow(
      expect.objectContaining({ ...expected, ...advice }),
    )
  })
})
