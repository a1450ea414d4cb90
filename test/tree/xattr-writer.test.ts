import { closeSync, openSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openXattrWriter } from '../../src/tree/xattr-writer.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

test.runIf(process.platform === 'linux')('sets attributes of the open file', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, '')
  const calls: [target: string, name: string, value: string][] = []
  const setAttributeSync = (target: string, name: string, value: Uint8Array) => {
    calls.push([readlinkSync(target), name, Buffer.from(value).toString()])
  }
  const writer = await openXattrWriter(async () => ({ setAttributeSync }))
  if (!writer.available) throw new Error(writer.reason)
  const descriptor = openSync(path, 'r')
  writer.write(descriptor, 'user.note', new TextEncoder().encode('hello'))
  closeSync(descriptor)
  expect(calls).toEqual([[path, 'user.note', 'hello']])
})

const cases = [
  ['it is not installed', () => Promise.reject(new Error('no')), 'is not installed'],
  ['it is not known', async () => ({ setAttribute: () => undefined }), 'is not known'],
] as const

test.each(cases)('says that %s', async (_, load, reason) => {
  expect(await openXattrWriter(load)).toEqual({
    available: false,
    reason: expect.stringContaining(reason),
  })
})
