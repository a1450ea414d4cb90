import type { FileHandle } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { bytesSource } from '../../../src/bytes/source.ts'
import { type Erofs, type Inode, openErofs } from '../../../src/formats/erofs/index.ts'
import { S_IFREG } from '../../../src/formats/erofs/layout.ts'
import { LossList } from '../../../src/images/unpack/losses.ts'
import { restoreMetadata } from '../../../src/images/unpack/restore-metadata.ts'
import type { XattrWriter } from '../../../src/tree/xattr-writer.ts'
import { readVector } from '../../formats/erofs/vectors.ts'

const NO_XATTRS: XattrWriter = { available: false, reason: 'nobody can' }

interface Host {
  readonly owner: readonly [uid: number, gid: number]
  readonly mayChown: boolean
  /** Whether chown changes anything where it may. Default true. */
  readonly takesOwners?: boolean
  readonly keepSetId?: boolean
  readonly xattrs?: XattrWriter
}

/** Restores `inode` on a file that notes what is done to it. */
async function restore(erofs: Erofs, inode: Inode, host: Host) {
  const calls: string[] = []
  const { takesOwners = true } = host
  let [owner, group] = host.owner
  const handle = {
    fd: 7,
    stat: async () => ({ uid: owner, gid: group }),
    chown: async (uid: number, gid: number) => {
      if (!host.mayChown) {
        throw Object.assign(new Error('no'), { code: 'EPERM', syscall: 'fchown' })
      }
      calls.push(`chown ${uid}:${gid}`)
      if (takesOwners) [owner, group] = [uid, gid]
    },
    chmod: async (mode: number) => void calls.push(`chmod ${mode.toString(8)}`),
    utimes: async (_: unknown, mtime: number | Date) => void calls.push(`utimes ${Number(mtime)}`),
  }
  const losses = new LossList()
  const { keepSetId = false, xattrs = NO_XATTRS } = host
  // Only what is used of a file handle is there.
  const file = handle as unknown as FileHandle
  await restoreMetadata(erofs, inode, file, 'path', {
    losses,
    xattrs,
    keepSetId,
    spend: () => undefined,
  })
  return { calls, losses: losses.list() }
}

const erofs = await openErofs(bytesSource(readVector('plain')))

function inode(fields: Partial<Inode>): Inode {
  return { ...erofs.root, kind: 'file', xattrSize: 0, ...fields }
}

const SETUID = inode({ mode: S_IFREG | 0o4755, uid: 0, gid: 0 })
const LOST_OWNER = {
  kind: 'owner',
  reason: 'not permitted (EPERM)',
  entries: 1,
  examples: ['path'],
}

test('sets the owner before the mode, as that takes set-user-ID away', async () => {
  const { calls, losses } = await restore(erofs, SETUID, { owner: [5, 5], mayChown: true })
  expect(calls).toEqual(['chown 0:0', 'chmod 4755', 'utimes 1600000000'])
  expect(losses).toEqual([])
})

test('takes set-user-ID away with the owner', async () => {
  const { calls, losses } = await restore(erofs, SETUID, { owner: [5, 5], mayChown: false })
  expect(calls).toEqual(['chmod 755', 'utimes 1600000000'])
  const lostBits = { ...LOST_OWNER, kind: 'set-id', reason: 'its owner could not be restored' }
  expect(losses).toEqual([LOST_OWNER, lostBits])
})

test('keeps set-user-ID without the owner when told so', async () => {
  const host = { owner: [5, 5], mayChown: false, keepSetId: true } as const
  const { calls, losses } = await restore(erofs, SETUID, host)
  expect(calls).toEqual(['chmod 4755', 'utimes 1600000000'])
  expect(losses).toEqual([LOST_OWNER])
})

test('leaves an owner alone that is right already', async () => {
  const { calls, losses } = await restore(erofs, SETUID, { owner: [0, 0], mayChown: false })
  expect(calls).toEqual(['chmod 4755', 'utimes 1600000000'])
  expect(losses).toEqual([])
})

test.each([
  [0xffff_ffff, 0],
  [0, 0xffff_ffff],
  [0xffff_ffff, 0xffff_ffff],
])('never gives set-user-ID to the owner %i:%i, which is none', async (uid, gid) => {
  const setId = inode({ mode: S_IFREG | 0o6755, uid, gid })
  for (const keepSetId of [false, true]) {
    const { calls, losses } = await restore(erofs, setId, {
      owner: [0, 0],
      mayChown: true,
      keepSetId,
    })
    expect(calls).toEqual(['chmod 755', 'utimes 1600000000'])
    expect(losses.map(({ kind }) => kind)).toEqual(['owner', 'set-id'])
    expect(losses[0]?.reason).toBe('no user or group can have the number 4294967295')
  }
})

test('believes no chown that changes nothing', async () => {
  const host = { owner: [5, 5], mayChown: true, takesOwners: false } as const
  const { calls, losses } = await restore(erofs, SETUID, host)
  expect(calls).toEqual(['chown 0:0', 'chmod 755', 'utimes 1600000000'])
  expect(losses.map(({ kind }) => kind)).toEqual(['owner', 'set-id'])
})

const times = [
  ['whole seconds', { seconds: 1, nanoseconds: 0 }, 1],
  [
    'microseconds, not less',
    { seconds: 1_700_000_000, nanoseconds: 123_456_000 },
    1_700_000_000.123_456,
  ],
  ['times before 1970, with milliseconds', { seconds: -2, nanoseconds: 250_999_999 }, -1750],
] as const

test.each(times)('restores %s', async (_, mtime, expected) => {
  const { calls } = await restore(erofs, inode({ mtime }), { owner: [0, 0], mayChown: false })
  const time = Number(calls.at(-1)?.replace('utimes ', ''))
  expect(time).toBeGreaterThanOrEqual(expected)
  expect(time - expected).toBeLessThan(1e-6)
})

test('sets attributes where it can, and tells which it could not', async () => {
  const text = await erofs.lookup(new TextEncoder().encode('text'))
  const written: string[] = []
  const xattrs: XattrWriter = {
    available: true,
    write: (descriptor, name, value) => {
      if (name === 'user.first') throw Object.assign(new Error('no'), { code: 'ENOTSUP' })
      written.push(`${descriptor} ${name} ${value.length}`)
    },
  }
  const host = { owner: [0, 0], mayChown: true, xattrs } as const
  const { losses } = await restore(erofs, text!, host)
  expect(written).toEqual(['7 user.second.name 200'])
  const reason = 'not permitted (ENOTSUP)'
  expect(losses).toEqual([
    { kind: 'xattr', reason, name: 'user.first', entries: 1, examples: ['path'] },
  ])
})

test('lets an error through that is not about permission', async () => {
  const failing: XattrWriter = {
    available: true,
    write: () => {
      throw Object.assign(new Error('disk'), { code: 'ENOSPC' })
    },
  }
  const text = await erofs.lookup(new TextEncoder().encode('text'))
  const host = { owner: [0, 0], mayChown: true, xattrs: failing } as const
  await expect(restore(erofs, text!, host)).rejects.toThrow('disk')
})
