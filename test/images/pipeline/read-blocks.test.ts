import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readBlocks } from '../../../src/images/pipeline/read-content.ts'
import { noise } from '../../compression/samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'extsign-read-blocks-'))
const data = noise(10_000)
writeFileSync(join(folder, 'data'), data)
const path = join(folder, 'data')
const file = openSync(path, 'r')

afterAll(() => {
  closeSync(file)
  rmSync(folder, { recursive: true })
})

const areas = (count: number) => Array.from({ length: count }, () => new Uint8Array(1000))

test('fills blocks one behind the other', () => {
  const blocks = areas(7)
  readBlocks({ file, path }, 1234, blocks)
  expect(Buffer.concat(blocks).equals(data.subarray(1234, 8234))).toBe(true)
})

test('says where the file ends', () => {
  expect(() => readBlocks({ file, path }, 8500, areas(2))).toThrow(
    expect.objectContaining({
      code: 'IO',
      message: `${path} ended at byte 10000 while it was read`,
    }),
  )
})
