import { pbkdf2 } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFolder } from '../../src/files/folder-output.ts'
import { withLock } from '../../src/files/lock.ts'
import { createOutput } from '../../src/files/output.ts'
import { openPartial } from '../../src/files/partial.ts'
import {
  afterOneGo,
  beforeFirstUnfinished,
  removeUnfinished,
  whatWasWritten,
} from '../../src/files/unfinished.ts'
import { writeWholeFolder } from '../../src/files/whole-folder.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

test('a sudden end is told of before there is something to remove, and removes only that', async () => {
  const seen: string[][] = []
  beforeFirstUnfinished(() => seen.push(readdirSync(folder)))
  const finished = await createOutput(join(folder, 'finished'))
  expect(seen).toEqual([[]])
  await finished.commit()
  const { path, handle } = await openPartial(join(folder, 'half'))
  removeUnfinished()
  await handle.close()
  expect(existsSync(path)).toBe(false)
  expect(readdirSync(folder)).toEqual(['finished'])
  expect(seen).toHaveLength(1)
})

test('a folder that has its name counts as written for a signal that has waited for it', async () => {
  const path = join(folder, 'whole')
  let seen: readonly string[] | undefined
  const look = () => {
    if (!existsSync(path)) return setImmediate(look)
    return afterOneGo(() => {
      seen = whatWasWritten().paths
    })
  }
  setImmediate(look)
  await writeWholeFolder(path, (write) => write('file', 'content'))
  await expect.poll(() => seen).toContain(path)
})

describe('what is being made when the end comes is made, and removed', () => {
  const around = temporaryFolder()
  const see = () => readdirSync(around)
  /** Each with what is there once it is made. */
  const starts: Record<string, () => Promise<readonly string[]>> = {
    'a file': async () => {
      const { handle } = await openPartial(join(around, 'file'))
      await handle.close()
      return see()
    },
    'a folder': async () => {
      const made = await createFolder(join(around, 'folder'))
      const seen = see()
      await made.abort()
      return seen
    },
    'the lock of a folder': () => withLock(around, async () => see()),
  }

  test.each(Object.keys(starts))('%s', async (name) => {
    const begun = new Promise<void>((resolve) => {
      beforeFirstUnfinished(() => {
        keepThreadsBusy()
        resolve()
      })
    })
    const work = starts[name]!()
    await begun
    const left = await new Promise<readonly string[]>((resolve) => {
      afterOneGo(() => resolve(removeUnfinished()))
    })
    expect(left).toEqual([])
    expect(see()).toEqual([])
    expect(await work).toEqual([])
  })
})

/** What is asked of the system from now on waits for a while. */
function keepThreadsBusy(): void {
  for (let job = 0; job < 8; job++) pbkdf2('', '', 20_000, 32, 'sha256', () => undefined)
}
