/** Trees whose `/opt` is this and that, and what systemd-sysext does with them. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { writeFile, writeRelease } from './sample-trees.ts'

export interface HierarchyCase {
  readonly name: string
  /** Changes a tree that has a `usr` with a release file and `usr/file`. */
  readonly make: (tree: string) => void
  /** `refused`: no extension is merged at all, whichever others there are. */
  readonly outcome: 'merged' | 'refused'
  /** What `verify` must find. */
  readonly found?: string
}

/** A symbolic link over `links - 1` others to a directory. */
function chain(tree: string, links: number): void {
  mkdirSync(join(tree, 'usr/chain/end'), { recursive: true })
  let target = 'usr/chain/end'
  for (let index = 1; index < links; index++) {
    symlinkSync(`/${target}`, join(tree, `usr/chain/${index}`))
    target = `usr/chain/${index}`
  }
  symlinkSync(target, join(tree, 'opt'))
}

const link = (target: string) => (tree: string) => symlinkSync(target, join(tree, 'opt'))

export const HIERARCHY_CASES: readonly HierarchyCase[] = [
  { name: 'nothing', make: () => undefined, outcome: 'merged' },
  {
    name: 'a directory',
    make: (tree) => writeFile(join(tree, 'opt/file'), 'x'),
    outcome: 'merged',
  },
  { name: 'an empty directory', make: (tree) => mkdirSync(join(tree, 'opt')), outcome: 'merged' },
  {
    name: 'a file',
    make: (tree) => writeFile(join(tree, 'opt'), 'x'),
    outcome: 'refused',
    found: 'opt: a file',
  },
  {
    name: 'a fifo',
    make: (tree) => execFileSync('mkfifo', [join(tree, 'opt')]),
    outcome: 'refused',
    found: 'opt: a fifo',
  },
  { name: 'a link to usr', make: link('usr'), outcome: 'merged' },
  { name: 'a link to usr from the top', make: link('/usr'), outcome: 'merged' },
  { name: 'a link to nothing', make: link('nothing'), outcome: 'merged' },
  {
    name: 'a link to a file',
    make: link('usr/file'),
    outcome: 'refused',
    found: 'opt: a symbolic link to a file',
  },
  {
    name: 'a link through a file',
    make: link('usr/file/x'),
    outcome: 'refused',
    found: 'opt: a symbolic link that leads through what is no directory',
  },
  {
    name: 'a link up through a file',
    make: link('usr/file/..'),
    outcome: 'refused',
    found: 'opt: a symbolic link that leads through what is no directory',
  },
  {
    name: 'a link to itself',
    make: link('opt'),
    outcome: 'refused',
    found: 'opt: a symbolic link that leads through too many others',
  },
  {
    name: 'a link out of the image',
    make: link('../../../opt'),
    outcome: 'refused',
    found: 'opt: a symbolic link that leads through too many others',
  },
  { name: 'a chain of 31 links', make: (tree) => chain(tree, 31), outcome: 'merged' },
  {
    name: 'a usr that is a link',
    make: (tree) => {
      renameSync(join(tree, 'usr'), join(tree, 'data'))
      symlinkSync('data', join(tree, 'usr'))
    },
    outcome: 'merged',
  },
  {
    name: 'a usr that is a link to itself',
    make: (tree) => {
      rmSync(join(tree, 'usr'), { recursive: true })
      symlinkSync('usr', join(tree, 'usr'))
    },
    outcome: 'refused',
    found: 'usr: a symbolic link that leads through too many others',
  },
  {
    name: 'a usr that is a file',
    make: (tree) => {
      rmSync(join(tree, 'usr'), { recursive: true })
      writeFile(join(tree, 'usr'), 'x')
    },
    outcome: 'refused',
    found: 'usr: a file',
  },
]

/** Writes the tree of a case. */
export function writeHierarchyCase(tree: string, name: string, { make }: HierarchyCase): void {
  writeRelease(tree, 'sysext', name)
  writeFile(join(tree, 'usr/file'), 'x')
  make(tree)
}
