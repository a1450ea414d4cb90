/** What is said of a change that the disk refuses in the middle, and of a lock that it does not give back. */

import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openFileSource } from '../../src/files/file-source.ts'
import { withLock } from '../../src/files/lock.ts'
import { replaceBytes } from '../../src/files/replace-bytes.ts'
import { removeUnfinished } from '../../src/files/unfinished.ts'
import { temporaryFolder } from '../support/temporary.ts'
import type { FaultyDisk } from './faulty-disk.ts'

const { disk } = vi.hoisted(() => ({ disk: { current: undefined as unknown as FaultyDisk } }))

vi.mock('node:fs/promises', async (importOriginal) => {
  const { FaultyDisk } = await import('./faulty-disk.ts')
  disk.current = new FaultyDisk()
  return disk.current.wrap(await importOriginal<typeof import('node:fs/promises')>())
})

const folder = temporaryFolder()

/** Two patches, so that there is a journal. */
async function change(path: string): Promise<number> {
  return withLock(path, async (file) => {
    const examined = await openFileSource(path)
    const patches = [0, 10_000].map((offset) => ({ offset, bytes: new Uint8Array(9).fill(1) }))
    const replacing = replaceBytes(file, examined, { patches, size: examined.size })
    return replacing.finally(() => examined.close())
  })
}

test('every failure behind the journal names it, and none in front of it', async () => {
  disk.current.arm()
  const named: boolean[] = []
  for (let when = 0; when < 100; when++) {
    const path = join(folder, `file-${when}`)
    const journal = join(folder, `.file-${when}.change`)
    writeFileSync(path, new Uint8Array(20_000))
    disk.current.arm('once', when)
    const error = await change(path).then(
      () => undefined,
      (thrown: unknown) => String(thrown),
    )
    const hasFailed = disk.current.hasFailed
    disk.current.arm()
    if (!hasFailed) break
    const isThere = existsSync(journal)
    const says = error?.includes(`its change is begun, and ${journal} has all of it`) ?? false
    expect([when, says]).toEqual([when, isThere])
    named.push(says)
  }
  expect(named.filter(Boolean).length).toBeGreaterThan(2)
})

test('a lock that cannot be removed is removed at the end of the process', async () => {
  const path = join(folder, 'locked')
  // A link that leads nowhere.
  const isLocked = () => readdirSync(folder).includes('.locked.lock')
  writeFileSync(path, '')
  removeUnfinished()
  disk.current.arm()
  await withLock(path, async () => disk.current.arm('for good', 0))
  expect(disk.current.calls).toEqual(['unlink'])
  expect(isLocked()).toBe(true)
  expect(removeUnfinished()).toEqual([])
  expect(isLocked()).toBe(false)
})
