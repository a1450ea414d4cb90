/** Trees made up for the tests: the same bytes, names, times and owners on every machine. */

import { createCipheriv } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { output, run } from './run.ts'
import { tool } from './tools.ts'

/** Bytes nobody can compress, the same ones for the same seed. */
export function noise(size: number, seed = 1): Uint8Array {
  const counter = new Uint8Array(16)
  new DataView(counter.buffer).setUint32(0, seed)
  const cipher = createCipheriv('aes-128-ctr', new Uint8Array(16), counter)
  return new Uint8Array(cipher.update(new Uint8Array(size)))
}

/** The least that libblkid takes for squashfs: its magic and version, and a size of no bytes. */
export function squashfsSuperblock(): Uint8Array {
  const superblock = new Uint8Array(96)
  superblock.set(new TextEncoder().encode('hsqs'))
  new DataView(superblock.buffer).setUint16(28, 4, true)
  return superblock
}

/** Text that compresses about as well as source code does. */
export function prose(size: number, seed = 1): Uint8Array {
  const words = noise(size, seed)
  const line = (index: number) =>
    `${index} ${(words[index % size]! % 64).toString(36)} the quick fox ${words[(index * 7) % size]}\n`
  let text = ''
  for (let index = 0; text.length < size; index += 1) text += line(index)
  return new TextEncoder().encode(text.slice(0, size))
}

/** Writes a file and the folders it lies in. */
export function writeFile(path: string, content: Uint8Array | string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  chmodSync(path, mode)
}

/** Writes the release file that lets an extension be merged anywhere. */
export function writeRelease(tree: string, kind: 'sysext' | 'confext', name: string): void {
  const folder = kind === 'sysext' ? 'usr/lib/extension-release.d' : 'etc/extension-release.d'
  writeFile(join(tree, folder, `extension-release.${name}`), 'ID=_any\n')
}

/** The least an image can hold: its release file. */
export function writeTinyTree(tree: string, kind: 'sysext' | 'confext', name: string): void {
  writeRelease(tree, kind, name)
}

/** A release file and `size` bytes, half of them compressible, in files of all sizes. */
export function writeTreeOfSize(tree: string, name: string, size: number): void {
  writeRelease(tree, 'sysext', name)
  let left = size
  for (let index = 0; left > 0; index += 1) {
    const part = Math.min(left, 1 + ((index * 77_777) % 700_000))
    const content = index % 2 === 0 ? noise(part, index) : prose(part, index)
    writeFile(join(tree, 'usr/share', name, `${index}`), content)
    left -= part
  }
}

/**
 * Everything a file system can hold, in a system extension. Needs root, setcap, setfattr, setfacl.
 */
export function writeFullTree(tree: string, name: string): void {
  writeRelease(tree, 'sysext', name)
  writeSizes(join(tree, 'usr/share/sizes'))
  writeNames(join(tree, 'usr/share/names'))
  writeLinks(join(tree, 'usr/lib/links'))
  writeModesAndOwners(join(tree, 'usr/bin'))
  writeSpecials(join(tree, 'opt/specials'))
  writeXattrs(join(tree, 'usr/lib/xattrs'))
  writeDeep(join(tree, 'opt/deep'))
  writeMany(join(tree, 'usr/share/many'))
  writeTimes(join(tree, 'usr/share/times'))
}

function writeSizes(folder: string): void {
  const edges = [4096, 8192, 65_536, 131_072, 262_144].flatMap((edge) => [edge - 1, edge, edge + 1])
  for (const size of [0, 1, 100, 2000, 4000, ...edges, 1_500_000]) {
    writeFile(join(folder, `noise-${size}`), noise(size, size))
    writeFile(join(folder, `prose-${size}`), prose(size, size))
  }
  writeFile(join(folder, 'same-a'), noise(300_000, 7))
  writeFile(join(folder, 'same-b'), noise(300_000, 7))
  writeFile(join(folder, 'zeros'), new Uint8Array(3_000_000))
  const sparse = join(folder, 'sparse')
  writeFile(sparse, prose(70_000))
  truncateSync(sparse, 40_000_000)
  const halves = new Uint8Array(400_000)
  halves.set(noise(200_000, 3))
  writeFile(join(folder, 'half-noise'), halves)
}

function writeNames(folder: string): void {
  const names = [
    'a',
    'a-',
    'a.',
    'aa',
    'A',
    '-rf',
    ' ',
    'two\nlines',
    'tab\t',
    'grüße',
    '日本語',
    '😀',
  ]
  for (const name of [...names, '...', 'back\\slash', 'x'.repeat(255), 'é'.repeat(127)]) {
    writeFile(join(folder, name), name)
  }
  // Not UTF-8, which a file name need not be.
  writeFileSync(
    Buffer.concat([Buffer.from(`${folder}/raw-`), Buffer.from([0xff, 0xfe, 0x80])]),
    'raw',
  )
  mkdirSync(join(folder, 'empty folder'))
}

function writeLinks(folder: string): void {
  writeFile(join(folder, 'one/file'), prose(10_000, 9))
  mkdirSync(join(folder, 'two'), { recursive: true })
  linkSync(join(folder, 'one/file'), join(folder, 'two/second'))
  linkSync(join(folder, 'one/file'), join(folder, 'one/third'))
  symlinkSync('one/file', join(folder, 'relative'))
  symlinkSync('/etc/passwd', join(folder, 'absolute'))
  symlinkSync('../../../../../../etc', join(folder, 'outside'))
  symlinkSync('nowhere', join(folder, 'dangling'))
  symlinkSync('.', join(folder, 'loop'))
  symlinkSync('t/'.repeat(2000), join(folder, 'long'))
  linkSync(join(folder, 'dangling'), join(folder, 'two/dangling'))
}

function writeModesAndOwners(folder: string): void {
  const modes = [0o755, 0o4755, 0o2755, 0o6711, 0o000, 0o444, 0o1644]
  for (const mode of modes) {
    const path = join(folder, `mode-${mode.toString(8)}`)
    writeFile(path, `${mode}`)
    chmodSync(path, mode)
  }
  mkdirSync(join(folder, 'sticky'))
  chmodSync(join(folder, 'sticky'), 0o1777)
  for (const [uid, gid] of [
    [1000, 100],
    [65_535, 65_535],
    [65_536, 70_000],
    [4_000_000_000, 12],
  ]) {
    const path = join(folder, `owner-${uid}`)
    writeFile(path, `${uid}`, 0o4755)
    output(tool('chown'), [`${uid}:${gid}`, path])
    chmodSync(path, 0o4755)
  }
}

function writeSpecials(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const nodes = [
    ['char', 'c', '5', '1'],
    ['block', 'b', '259', '1048575'],
    ['big', 'c', '4095', '300'],
  ]
  for (const [name, ...device] of nodes) output(tool('mknod'), [join(folder, name!), ...device])
  output(tool('mkfifo'), [join(folder, 'fifo')])
  // A listener that is killed leaves its socket behind.
  const listen =
    'require("net").createServer().listen("socket", () => process.kill(process.pid, "SIGKILL"))'
  run(process.execPath, ['-e', listen], { cwd: folder })
}

function writeXattrs(folder: string): void {
  const set = (path: string, name: string, value: string) =>
    output(tool('setfattr'), ['--no-dereference', '-n', name, '-v', value, path])
  for (let index = 0; index < 40; index += 1) {
    const path = join(folder, `shared-${index}`)
    writeFile(path, `${index}`)
    set(path, 'user.common', 'the same value in all of them, stored once')
    if (index % 3 === 0) set(path, 'user.own', `${index}`)
  }
  const path = join(folder, 'many')
  writeFile(path, prose(9000, 4))
  for (let index = 1; index < 20; index += 1)
    set(path, `user.number-${index}`, 'v'.repeat(index * 3))
  // Alone, because fsck.erofs restores nothing of a file after an attribute without value.
  writeFile(join(folder, 'no-value'), '')
  set(join(folder, 'no-value'), 'user.no-value', '')
  writeFile(join(folder, 'large'), '')
  set(join(folder, 'large'), 'user.large', `0x${'5a'.repeat(3000)}`)
  set(join(folder, 'large'), 'trusted.note', '0x00ff00')
  writeFile(join(folder, 'labelled'), 'label')
  set(join(folder, 'labelled'), 'security.selinux', 'system_u:object_r:bin_t:s0')
  symlinkSync('labelled', join(folder, 'labelled-link'))
  set(join(folder, 'labelled-link'), 'security.selinux', 'system_u:object_r:bin_t:s0')
  writeFile(join(folder, 'capable'), '#!/bin/sh\n', 0o755)
  output(tool('setcap'), ['cap_net_raw,cap_net_admin=ep', join(folder, 'capable')])
  const rules = 'user:1000:rwx,group:5:r-x'
  output(tool('setfacl'), ['-m', rules, join(folder, 'labelled')])
  mkdirSync(join(folder, 'inherits'))
  output(tool('setfacl'), ['-m', `${rules},default:user:1000:rwx`, join(folder, 'inherits')])
}

function writeDeep(folder: string): void {
  writeFile(
    join(folder, ...Array.from({ length: 200 }, (_, depth) => `d${depth}`), 'bottom'),
    'deep',
  )
}

function writeMany(folder: string): void {
  for (let index = 0; index < 3000; index += 1) writeFile(join(folder, `file-${index}`), `${index}`)
}

function writeTimes(folder: string): void {
  for (const seconds of [-86_400.5, 0, 1, 1_234_567_890.123, 2 ** 31 + 0.25, 2 ** 33]) {
    writeFile(join(folder, `${seconds}`), `${seconds}`)
    utimesSync(join(folder, `${seconds}`), seconds, seconds)
  }
}
