/** Labels decide which partitions systemd uses; libblkid hands them on without the blanks at their end. */

import { describe, expect, test } from 'vitest'
import { type GptPartition, partitionTypeGuid } from '../../src/formats/gpt/index.ts'
import { selectPartitions } from '../../src/images/read/select-partitions.ts'

const ROOT = partitionTypeGuid({ designator: 'root', role: 'data', architecture: 'x86-64' })!
const USR = partitionTypeGuid({ designator: 'usr', role: 'data', architecture: 'x86-64' })!

function select(...labels: readonly [typeGuid: string, name: string][]) {
  const partitions = labels.map(([typeGuid, name], index): GptPartition => {
    const firstLba = 40 + 8 * index
    const place = { firstLba, lastLba: firstLba + 7, offset: firstLba * 512, size: 4096 }
    return { index, typeGuid, partitionGuid: `${index}`, attributes: 0n, name, ...place }
  })
  return selectPartitions({ partitions, firstUsableLba: 34n, lastUsableLba: 1000n })
}

describe('a label', () => {
  test.each(['_empty', '_empty ', '_empty \t\n\v\f\r'])('%j is that of an empty one', (name) => {
    expect(select([ROOT, name]).selected).toBeUndefined()
  })

  test.each(['_empty\u2003', '_empty\u00a0', ' _empty', '_Empty', '_emptyX'])(
    '%j is not',
    (name) => {
      expect(select([ROOT, name]).selected?.data.name).toBe(name)
    },
  )

  test('is not newer for a blank', () => {
    expect(select([ROOT, 'c_1'], [ROOT, 'c_1 ']).selected?.data.index).toBe(0)
    expect(select([ROOT, 'c_1 '], [ROOT, 'c_2']).selected?.data.index).toBe(1)
  })
})

const doubt = { certain: false, reason: expect.stringContaining('label _empty') }

test('systemd 257 uses an empty usr partition beside root as well', () => {
  const { selected, objections } = select([ROOT, ''], [USR, '_empty'])
  expect(selected?.designator).toBe('root')
  expect(objections).toEqual({ 'systemd 257': doubt, 'systemd 262': undefined })
})

test('systemd 257 uses an empty root partition, and 262 has none', () => {
  expect(select([ROOT, '_empty']).objections).toEqual({
    'systemd 257': doubt,
    'systemd 262': { certain: true, reason: expect.stringContaining('ENXIO') },
  })
})
