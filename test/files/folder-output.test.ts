import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createFolder } from '../../src/files/folder-output.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'
import { makeFolderOfNobody, NOBODY } from '../support/unprivileged.ts'
import { bundle } from './bundle.ts'

const parent = temporaryFolder()
const newPath = () => join(mkdtempSync(join(parent, 'case-')), 'made')

describe('a folder', () => {
  test('appears when it is committed, not before, and nothing else is left', async () => {
    const path = newPath()
    const folder = await createFolder(path)
    writeFileSync(join(folder.contentPath, 'file'), 'text')
    expect(existsSync(path)).toBe(false)
    await folder.commit()
    await folder.abort()
    expect(readdirSync(join(path, '..'), { recursive: true }).sort()).toEqual(['made', 'made/file'])
  })

  test('leaves nothing when it is aborted, however often', async () => {
    const path = newPath()
    const folder = await createFolder(path)
    writeFileSync(join(folder.contentPath, 'file'), 'text')
    await folder.abort()
    await folder.abort()
    await folder.commit()
    expect(readdirSync(join(path, '..'))).toEqual([])
  })

  test('takes the place of an empty one, and of nothing else', async () => {
    const path = newPath()
    mkdirSync(path)
    await (await createFolder(path)).commit()
    writeFileSync(join(path, 'mine'), '')
    const second = await createFolder(path)
    await expect(second.commit()).rejects.toMatchObject({ code: 'EXISTS' })
    await second.abort()
    expect(readdirSync(join(path, '..'), { recursive: true }).sort()).toEqual(['made', 'made/mine'])
  })

  test('is not made where there is none around it', async () => {
    await expect(createFolder(join(newPath(), 'deep'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test.runIf(process.platform === 'linux')(
    'is made in the folder that was there, whatever gets its name meanwhile',
    async () => {
      const path = newPath()
      const around = join(path, '..')
      const folder = await createFolder(path)
      renameSync(around, `${around}-moved`)
      mkdirSync(around)
      await folder.commit()
      expect(readdirSync(around)).toEqual([])
      expect(readdirSync(`${around}-moved`)).toEqual(['made'])
    },
  )
})

test.runIf(available('root'))('its owner need not be able to write to it', () => {
  const script = bundle(
    parent,
    'unwritable',
    `import { chmodSync } from 'node:fs'
     import { createFolder } from './src/files/folder-output.ts'
     const folder = await createFolder(process.argv[2])
     chmodSync(folder.contentPath, 0o555)
     await folder.commit()`,
  )
  const work = makeFolderOfNobody(join(parent, 'work'))
  const args = [script, join(work, 'made')]
  const { status, stderr } = spawnSync(process.execPath, args, { ...NOBODY, encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
  expect(readdirSync(work)).toEqual(['made'])
  expect(statSync(join(work, 'made')).mode & 0o777).toBe(0o555)
})
