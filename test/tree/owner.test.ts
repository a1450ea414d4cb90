import { expect, test } from 'vitest'
import type { DirectoryNode } from '../../src/tree/model.ts'
import { assertOwners, isOwner } from '../../src/tree/owner.ts'

test.each([0, 1, 65_534, 65_535, 65_536, 2 ** 31, 4_294_967_294])('%d is an owner', (id) => {
  expect(isOwner(id)).toBe(true)
})

test.each([4_294_967_295, 4_294_967_296, 2 ** 53, -1, 0.5, Number.NaN])('%d is none', (id) => {
  expect(isOwner(id)).toBe(false)
})

test('names the path of an owner that is none', () => {
  const metadata = {
    mode: 0o755,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    xattrs: new Map(),
  }
  const tree = (uid: number, gid: number): DirectoryNode => ({
    kind: 'directory',
    metadata,
    entries: [
      { name: Buffer.from('usr'), node: { kind: 'fifo', metadata: { ...metadata, uid, gid } } },
    ],
  })
  expect(() => assertOwners(tree(4_294_967_294, 7))).not.toThrow()
  expect(() => assertOwners(tree(7, 4_294_967_295))).toThrow(
    expect.objectContaining({
      code: 'UNSUPPORTED',
      message: 'usr belongs to 7:4294967295, and no user or group can have the number 4294967295',
    }),
  )
})
