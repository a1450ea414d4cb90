/** The same tree gives the same bytes, whoever builds it, where, when and with which Node. */

import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { NODE_VERSIONS, nodeBinary } from '../../scripts/provision/node-versions.mjs'
import { packageTree } from '../../scripts/provision/packages.mjs'
import { type KeyFiles, makeKey } from '../support/keys.ts'
import { output } from '../support/run.ts'
import { writeTreeOfSize } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'
import { installForEveryone, makeFolderOfNobody, NOBODY } from '../support/unprivileged.ts'

interface Builder {
  readonly node?: string
  /** One of the copies of the tree. */
  readonly tree?: 'first' | 'reversed' | 'in memory' | "nobody's"
  readonly env?: Readonly<Record<string, string>>
  readonly umask?: string
  readonly asNobody?: boolean
  readonly threads?: number
}

const BUILDERS: readonly (readonly [string, Builder])[] = [
  ['again', {}],
  ['from another folder, filled in reverse order', { tree: 'reversed' }],
  ['from a file system that lists in another order', { tree: 'in memory' }],
  ['as another user, who owns the tree', { tree: "nobody's", asNobody: true }],
  ['with another umask', { umask: '077' }],
  ['with another time zone and language', { env: { TZ: 'Asia/Kathmandu', LC_ALL: 'tr_TR.UTF-8' } }],
  ...[0, 1, 2, 3, 7].map((threads) => [`with ${threads} threads`, { threads }] as const),
  ...NODE_VERSIONS.map(
    (version) => [`with Node ${version}`, { node: nodeBinary(version) }] as const,
  ),
]

describe.runIf(available('root', 'tree:trixie'))('the same bytes', () => {
  const folder = temporaryFolder()
  const memory = temporaryFolder('/dev/shm')
  const work = join(folder, 'work')
  let script: string
  let key: KeyFiles
  const trees = {
    first: join(folder, 'first'),
    reversed: join(folder, 'another', 'place'),
    'in memory': join(memory, 'tree'),
    "nobody's": join(folder, 'theirs'),
  }

  beforeAll(() => {
    script = installForEveryone(folder)
    key = makeKey(folder)
    makeFolderOfNobody(work)
    cpSync(packageTree('strace'), trees.first, { recursive: true, verbatimSymlinks: true })
    writeTreeOfSize(trees.first, 'sample', 2_500_000)
    copyReversed(trees.first, trees.reversed)
    copyReversed(trees.first, trees['in memory'])
    copyReversed(trees.first, trees["nobody's"])
    output(tool('chown'), ['-R', `${NOBODY.uid}:${NOBODY.gid}`, trees["nobody's"], key.privateKey])
    // The premise of this test: the copies are listed in different orders.
    const inFolder = 'usr/share/sample'
    expect(listing(trees['in memory'], inFolder)).not.toEqual(listing(trees.first, inFolder))
  })

  describe.each(['none', 'lz4', 'zstd', 'zstd:19'])('compression %s', (compression) => {
    let expected: string

    beforeAll(() => {
      expected = build('the first time', {})
    })

    test.each(BUILDERS)('%s', (name, builder) => {
      expect(build(name, builder)).toBe(expected)
    })

    function build(name: string, builder: Builder): string {
      const place = makeFolderOfNobody(join(work, `${compression}, ${name}`))
      const image = join(place, 'sample.raw')
      const { node = process.execPath, tree = 'first', umask = '022', threads } = builder
      const command = [
        ...[node, script, 'sysext', trees[tree], '--output', image],
        ...['--private-key', key.privateKey, '--certificate', key.certificate],
        ...['--compression', compression],
        ...(threads === undefined ? [] : ['--threads', `${threads}`]),
      ]
      const options = { env: { PATH: '', ...builder.env }, ...(builder.asNobody ? NOBODY : {}) }
      output(tool('sh'), ['-c', `umask ${umask}; exec "$@"`, 'sh', ...command], options)
      return createHash('sha256').update(readFileSync(image)).digest('hex')
    }
  })
})

/** The names in a folder as the file system gives them. */
function listing(tree: string, path: string): string[] {
  return output(tool('find'), [join(tree, path), '-printf', '%f\n'])
    .split('\n')
    .slice(1)
}

/** Copies a tree so that the last name of each folder is made first; times are those of today. */
function copyReversed(from: string, to: string): void {
  if (!statSync(from, { throwIfNoEntry: false })?.isDirectory()) {
    cpSync(from, to, { verbatimSymlinks: true })
    return
  }
  mkdirSync(to, { recursive: true, mode: statSync(from).mode })
  for (const name of readdirSync(from).reverse()) copyReversed(join(from, name), join(to, name))
}
