import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { assertOutside } from '../../src/files/outside.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const tree = join(folder, 'tree')
mkdirSync(join(tree, 'usr/share'), { recursive: true })
mkdirSync(join(folder, 'tree-out'))
symlinkSync(tree, join(folder, 'link'))
symlinkSync('../tree-out', join(tree, 'way out'))

test.each(['tree/x.raw', 'tree/usr/share/x.raw', 'link/usr/x.raw', 'tree-out/../tree/x.raw'])(
  'refuses %s',
  async (output) => {
    for (const top of [tree, join(folder, 'link'), `${tree}/usr/..`]) {
      await expect(assertOutside(top, join(folder, output))).rejects.toMatchObject({
        code: 'INSIDE_TREE',
      })
    }
  },
)

test.each(['x.raw', 'tree-out/x.raw', 'tree/way out/x.raw', 'nowhere/x.raw'])(
  'accepts %s',
  async (output) => {
    await expect(assertOutside(tree, join(folder, output))).resolves.toBeUndefined()
  },
)

test('leaves a missing tree to whoever reads it', async () => {
  const missing = assertOutside(join(folder, 'missing'), join(folder, 'x.raw'))
  await expect(missing).resolves.toBeUndefined()
})
