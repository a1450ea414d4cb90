/** Folders that are made for outputs stay only where something comes to be in them. */

import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { withNewFolders } from '../../src/files/new-folders.ts'
import { writeSmallFile } from '../../src/files/small-output.ts'
import { removeUnfinished } from '../../src/files/unfinished.ts'
import { generateKey } from '../../src/keys/generate.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const at = (...names: string[]) => join(folder, ...names)

test('what has something in it stays, with the mode that was asked for', async () => {
  const before = process.umask(0o277)
  try {
    await withNewFolders(async (folders) => {
      folders.make(at('kept', 'inner'), 0o750)
      writeFileSync(at('kept', 'inner', 'file'), '')
    })
  } finally {
    process.umask(before)
  }
  expect(statSync(at('kept', 'inner')).mode & 0o777).toBe(0o750)
})

test('after a failure only those are removed that were made and are empty', async () => {
  mkdirSync(at('there'))
  const failing = withNewFolders(async (folders) => {
    folders.make(at('there', 'made', 'empty'))
    folders.make(at('there', 'used'))
    writeFileSync(at('there', 'used', 'file'), '')
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect(existsSync(at('there', 'made'))).toBe(false)
  expect(existsSync(at('there', 'used', 'file'))).toBe(true)
})

test('a signal that ends the process removes them', async () => {
  await withNewFolders(async (folders) => {
    folders.make(at('ended', 'inner'))
    expect(removeUnfinished()).toEqual([])
    expect(existsSync(at('ended'))).toBe(false)
  })
})

test('what is no folder is named, and a link to one is one', async () => {
  writeFileSync(at('file'), '')
  mkdirSync(at('target'))
  symlinkSync('target', at('link'))
  await withNewFolders(async (folders) => {
    folders.make(at('link'))
    expect(() => folders.make(at('file'))).toThrow(`${at('file')} is not a directory`)
    expect(() => folders.make(at('file', 'inner'))).toThrow('a part of the path is not a directory')
  })
  expect(existsSync(at('link'))).toBe(true)
  rmSync(at('link'))
})

test('neither a key nor a credential that fails leaves a folder', async () => {
  const options = { algorithm: 'p256', days: 1, now: new Date(), name: 'n' } as const
  // Its folder takes the place that the key would need.
  const failing = generateKey({ ...options, directory: at('keys', 'x'.repeat(256)) })
  await expect(failing).rejects.toThrow('the name is too long')
  expect(existsSync(at('keys'))).toBe(false)
  expect(() => writeSmallFile(at('sealed', 'x'.repeat(256)), 'x', false)).toThrow('too long')
  expect(existsSync(at('sealed'))).toBe(false)
})
