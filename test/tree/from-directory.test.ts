import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compareBytes } from '../../src/bytes/equal.ts'
import { scanDirectory } from '../../src/tree/from-directory.ts'
import { describePath } from '../../src/tree/host-path.ts'
import { toTime } from '../../src/tree/host-stat.ts'
import { findEntry, lookup } from '../../src/tree/lookup.ts'
import type { DirectoryNode, TreeNode } from '../../src/tree/model.ts'
import { walkTree } from '../../src/tree/walk.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

function newTree(name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  return path
}

function find(tree: DirectoryNode, path: string): TreeNode | undefined {
  return lookup(tree, path, { follow: 'none' })?.node
}

function pathsOf(tree: DirectoryNode): string[] {
  return [...walkTree(tree)].map(({ path }) => path)
}

describe('a scan', () => {
  const root = newTree('kinds')
  writeFile(join(root, 'usr/bin/tool'), 'content', 0o4751)
  linkSync(join(root, 'usr/bin/tool'), join(root, 'usr/bin/again'))
  symlinkSync('../bin/tool', join(root, 'usr/link'))
  symlinkSync('.', join(root, 'usr/loop'))
  mkdirSync(join(root, 'usr/empty'))
  chmodSync(join(root, 'usr/empty'), 0o1777)
  utimesSync(join(root, 'usr/empty'), 10.5, 10.5)
  const tree = scanDirectory(root)

  test('finds every kind of node, never through a link', () => {
    const kinds = [...walkTree(tree)].map(({ path, node }) => `${path} ${node.kind}`)
    expect(kinds).toEqual([
      'usr directory',
      'usr/bin directory',
      'usr/bin/again file',
      'usr/bin/tool file',
      'usr/empty directory',
      'usr/link symlink',
      'usr/loop symlink',
    ])
  })

  test('keeps modes, owners and times as they are', () => {
    const { uid, gid } = statSync(root)
    expect(find(tree, 'usr/bin/tool')?.metadata).toMatchObject({ mode: 0o4751, uid, gid })
    const mtime = { seconds: 10, nanoseconds: 500_000_000 }
    expect(find(tree, 'usr/empty')?.metadata).toMatchObject({ mode: 0o1777, mtime })
  })

  test('knows where a content is, and which file it was', () => {
    const path = join(root, 'usr/bin/tool')
    const { dev, ino, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    const node = find(tree, 'usr/bin/tool')
    const content = node?.kind === 'file' && node.content.kind === 'file' ? node.content : undefined
    expect(content?.size).toBe(7)
    expect(content?.identity).toEqual({ device: dev, inode: ino, mtimeNs, ctimeNs })
    expect(readFileSync(describePath(content?.path ?? ''), 'utf8')).toBe('content')
  })

  test('makes one node of the names of one inode', () => {
    expect(find(tree, 'usr/bin/tool')).toBe(find(tree, 'usr/bin/again'))
  })

  test('keeps the target of a link as it is', () => {
    expect(find(tree, 'usr/link')).toMatchObject({
      target: Uint8Array.from(Buffer.from('../bin/tool')),
    })
  })

  test('may start at a link', () => {
    symlinkSync(root, join(folder, 'link to kinds'))
    expect(pathsOf(scanDirectory(join(folder, 'link to kinds')))).toEqual(pathsOf(tree))
  })
})

test('names are sorted by bytes, not as text', () => {
  const root = newTree('names')
  const names = ['a', 'a-', 'aa', 'B', '-x', ' ', '\ufffd', 'ä', '\uffee', '😀', 'e\u0301', 'é']
  for (const name of names) writeFileSync(join(root, name), '')
  const found = scanDirectory(root).entries.map(({ name }) => name)
  expect(found).toEqual([...found].sort(compareBytes))
  expect(new Set(found.map(describePath))).toEqual(new Set(names))
})

test.runIf(process.platform === 'linux')('names need not be UTF-8', () => {
  const root = newTree('raw names')
  const raw = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x61, 0xff])])
  mkdirSync(raw)
  writeFileSync(Buffer.concat([raw, Buffer.from('/file')]), 'inside')
  const tree = scanDirectory(root)
  const inner = findEntry(tree, Uint8Array.of(0x61, 0xff))
  const file = inner?.kind === 'directory' ? inner.entries[0]?.node : undefined
  const content = file?.kind === 'file' && file.content.kind === 'file' ? file.content : undefined
  expect(readFileSync(Buffer.from(content?.path ?? ''), 'utf8')).toBe('inside')
  expect(pathsOf(scanDirectory(root, { exclude: ['*/file'] }))).toEqual(['a\ufffd'])
})

test.runIf(process.platform === 'linux')('devices keep their numbers', () => {
  const tree = scanDirectory('/dev', { exclude: ['/!(null|zero)'] })
  expect(find(tree, 'null')).toMatchObject({ kind: 'character-device', major: 1, minor: 3 })
  expect(find(tree, 'zero')).toMatchObject({ kind: 'character-device', major: 1, minor: 5 })
})

test.runIf(process.platform !== 'win32')('sockets are kept', async () => {
  const root = newTree('sockets')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(root, 's'), resolve))
  const tree = scanDirectory(root)
  await new Promise((resolve) => server.close(resolve))
  expect(find(tree, 's')?.kind).toBe('socket')
})

describe('exclusions', () => {
  const root = newTree('exclusions')
  for (const path of ['usr/a.o', 'usr/a.c', 'usr/doc/x', 'usr/doc/y.o', 'doc']) {
    writeFile(join(root, path), '')
  }

  test('leave out files, and directories with all that is in them', () => {
    const warnings: string[] = []
    const onWarning = (message: string) => warnings.push(message)
    const tree = scanDirectory(root, { exclude: ['*.o', 'doc/', '*.pyc'], onWarning })
    expect(pathsOf(tree)).toEqual(['doc', 'usr', 'usr/a.c'])
    expect(warnings).toEqual([`exclude pattern *.pyc matches nothing in ${root}`])
  })

  test('of everything are an error', () => {
    expect(() => scanDirectory(root, { exclude: ['*'] })).toThrow(
      expect.objectContaining({ code: 'EMPTY', message: expect.stringContaining('excluded') }),
    )
  })
})

describe('refused', () => {
  writeFileSync(join(folder, 'a file'), '')
  const CASES = [
    ['missing', 'NOT_FOUND', 'does not exist'],
    ['a file', 'NOT_FOUND', 'is not a directory'],
    ['a file/below', 'NOT_FOUND', 'does not exist'],
  ] as const

  test.each(CASES)('%s', (name, code, fact) => {
    const root = join(folder, name)
    expect(() => scanDirectory(root)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(fact) }),
    )
    expect(() => scanDirectory(root)).toThrow(root)
  })

  test('an empty folder', () => {
    expect(() => scanDirectory(newTree('empty'))).toThrow(
      expect.objectContaining({ code: 'EMPTY' }),
    )
  })

  test('a tree that changes while it is read', () => {
    const root = newTree('changing')
    for (const name of ['a', 'b']) writeFileSync(join(root, name), '')
    const readXattrs = () => {
      rmSync(join(root, 'b'), { force: true })
      return new Map()
    }
    expect(() => scanDirectory(root, { readXattrs })).toThrow(
      expect.objectContaining({
        code: 'CHANGED',
        message: `b in ${root} changed while the tree was read`,
      }),
    )
  })
})

test.each([
  [0n, 0, 0],
  [1_500_000_000n, 1, 500_000_000],
  [-1n, -1, 999_999_999],
  [-1_000_000_000n, -1, 0],
  [17_179_869_184_000_000_001n, 17_179_869_184, 1],
])('%s nanoseconds', (nanoseconds, seconds, rest) => {
  expect(toTime(nanoseconds)).toEqual({ seconds, nanoseconds: rest })
})

test.runIf(process.platform === 'linux')('warns of files that are empty by their size only', () => {
  const warnings: string[] = []
  scanDirectory('/proc/sys/kernel/random', { onWarning: (message) => warnings.push(message) })
  expect(warnings).toEqual([
    expect.stringMatching(/^boot_id has the size 0 and yet content.*\(and \d+ more\)$/),
  ])
  const root = newTree('empty-files')
  writeFile(join(root, 'empty'), '')
  scanDirectory(root, { onWarning: (message) => warnings.push(message) })
  expect(warnings).toHaveLength(1)
})
