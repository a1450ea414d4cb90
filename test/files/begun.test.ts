/** What is said of a change that the disk refuses in the middle, and of a lock that it does not give back. */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
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

/** Two patches and a larger size, so that there is a journal. */
async function change(path: string): Promise<number> {
  return withLock(path, async (file) => {
    const examined = await openFileSource(path)
    const patches = [0, 10_000, 25_000].map((offset) => ({
      offset,
      bytes: new Uint8Array(9).fill(1),
    }))
    const replacing = replaceBytes(file, examined, { patches, size: 30_000 })
    return replacing.finally(() => examined.close())
  })
}

test.each(['once', 'for good'] as const)(
  'what fails %s behind the journal is taken back, or the error names the journal',
  async (fault) => {
    disk.current.arm()
    const outcomes = { 'as it was': 0, begun: 0, done: 0 }
    for (let when = 0; when < 100; when++) {
      const path = join(folder, `${fault}-${when}`)
      const journal = join(folder, `.${fault}-${when}.change`)
      const old = new Uint8Array(20_000)
      writeFileSync(path, old)
      disk.current.arm(fault, when)
      const error = await change(path).then(
        () => '',
        (thrown: unknown) => String(thrown),
      )
      const { hasFailed } = disk.current
      disk.current.arm()
      if (!hasFailed) break
      const isBegun = error.includes(`its change is begun, and ${journal} has all of it`)
      // The journal itself may be what cannot be finished.
      const isNamed = isBegun || error.includes(`left all the same: ${journal}`)
      expect([when, isNamed]).toEqual([when, existsSync(journal)])
      const isAsItWas = readFileSync(path).equals(old)
      if (isBegun) outcomes.begun++
      else if (error === '') outcomes.done++
      else {
        expect([when, isAsItWas]).toEqual([when, true])
        outcomes['as it was']++
      }
    }
    expect(outcomes['as it was']).toBeGreaterThan(5)
    expect(outcomes.begun > 0).toBe(fault === 'for good')
  },
)

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
