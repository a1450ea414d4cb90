import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
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
