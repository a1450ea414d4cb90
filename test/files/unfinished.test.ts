import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createOutput } from '../../src/files/output.ts'
import { openPartial } from '../../src/files/partial.ts'
import { beforeFirstUnfinished, removeUnfinished } from '../../src/files/unfinished.ts'
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
