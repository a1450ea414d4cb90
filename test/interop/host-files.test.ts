/** Trees and sources made of what only root can make: devices, labels, capabilities. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { openFileSource } from '../../src/files/file-source.ts'
import { scanDirectory } from '../../src/tree/from-directory.ts'
import { lookup } from '../../src/tree/lookup.ts'
import { parseManifest } from '../../src/tree/manifest.ts'
import { applyManifest } from '../../src/tree/manifest-apply.ts'
import type { DirectoryNode } from '../../src/tree/model.ts'
import { walkTree } from '../../src/tree/walk.ts'
import { openXattrReader, type XattrModule } from '../../src/tree/xattrs.ts'
import { describeTree } from '../support/describe-tree.ts'
import { xattrManifest } from '../support/manifest.ts'
import { output } from '../support/run.ts'
import { noise, writeFullTree } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

const TIME = { seconds: 0, nanoseconds: 0 }

/** getfattr in the place of fs-xattr: it asks the kernel about the very path it is handed. */
const GETFATTR: XattrModule = {
  listAttributesSync: (path) => [...readXattrs(path).keys()],
  getAttributeSync: (path, name) => readXattrs(path).get(name) ?? new Uint8Array(),
}

function readXattrs(path: string): Map<string, Uint8Array> {
  const own = path.replace('/proc/self/', `/proc/${process.pid}/`)
  const dump = output(tool('getfattr'), ['--absolute-names', '-d', '-m', '-', '-e', 'hex', own])
  const lines = dump.matchAll(/^([^#=\n]+)=0x([0-9a-f]*)$/gm)
  return new Map([...lines].map(([, name, hex]) => [name!, Buffer.from(hex!, 'hex')]))
}

function xattrsOf(tree: DirectoryNode): string[] {
  return [...walkTree(tree)].flatMap(({ path, node }) =>
    [...node.metadata.xattrs].map(([name, value]) => `${path} ${name} ${toHex(value)}`),
  )
}

describe.runIf(available('root', 'setcap', 'setfattr', 'getfattr', 'setfacl'))(
  'a full tree',
  () => {
    const root = join(temporaryFolder(), 'tree')

    beforeAll(() => writeFullTree(root, 'sample'))

    test('keeps its special files', () => {
      const tree = scanDirectory(root)
      const find = (name: string) => lookup(tree, `opt/specials/${name}`)?.node
      expect(find('char')).toMatchObject({ kind: 'character-device', major: 5, minor: 1 })
      expect(find('block')).toMatchObject({ kind: 'block-device', major: 259, minor: 1_048_575 })
      expect(find('big')).toMatchObject({ kind: 'character-device', major: 4095, minor: 300 })
      expect(find('fifo')?.kind).toBe('fifo')
      expect(find('socket')?.kind).toBe('socket')
    })

    test('has the same attributes by descriptor and by a manifest', async () => {
      const folder = join(root, 'usr/lib/xattrs')
      const access = await openXattrReader(async () => GETFATTR)
      if (!access.available) throw new Error(access.reason)
      const read = xattrsOf(scanDirectory(folder, { readXattrs: access.read }))
      const manifest = parseManifest(xattrManifest(describeTree(folder)), 'getfattr')
      const declared = xattrsOf(applyManifest(scanDirectory(folder), manifest, TIME))
      expect(read).toEqual(declared)
      const label = toHex(Buffer.from('system_u:object_r:bin_t:s0'))
      expect(read).toContain(`labelled-link security.selinux ${label}`)
      const capability = '0100000200300000000000000000000000000000'
      expect(read).toContain(`capable security.capability ${capability}`)
      expect(read.filter((line) => line.includes(' system.posix_acl_'))).toHaveLength(3)
    })
  },
)

describe.runIf(available('root', 'losetup'))('a block device', () => {
  const folder = temporaryFolder()

  test.each([512, 4096, 1_049_088, 5_000_192])('of %i bytes is a source', async (size) => {
    const path = join(folder, `${size}`)
    const bytes = noise(size, size)
    writeFileSync(path, bytes)
    const device = output(tool('losetup'), ['--find', '--show', '--read-only', path]).trim()
    try {
      const source = await openFileSource(device)
      expect(source.size).toBe(size)
      expect(await source.read(size - 500, 500)).toEqual(bytes.subarray(size - 500))
      await source.close()
    } finally {
      output(tool('losetup'), ['--detach', device])
    }
  })
})
