import { expect, test } from 'vitest'
import { DigestTable } from '../../src/cli/credential/digest-table.ts'
import { Recent } from '../../src/cli/credential/recent.ts'

test('keeps a number for each of many texts', () => {
  const table = new DigestTable()
  const add = (text: string) => table.update(text, (count) => count + 1)
  for (let index = 0; index < 20_000; index++) expect(add(`text ${index}`)).toBe(0)
  for (let index = 0; index < 20_000; index += 3) expect(add(`text ${index}`)).toBe(1)
  for (let index = 0; index < 20_000; index++) {
    expect(add(`text ${index}`)).toBe(index % 3 === 0 ? 2 : 1)
  }
  expect(add('another')).toBe(0)
})

test('of many only the last are kept, and the others are let go', () => {
  const dropped: string[] = []
  const recent = new Recent<string>((value) => dropped.push(value))
  for (let index = 0; index < 1000; index++) recent.set(`${index}`, `v${index}`)
  expect(recent.get('0')).toBe('v0')
  recent.set('1000', 'v1000')
  expect(dropped).toEqual(['v1'])
  expect([recent.get('0'), recent.get('1'), recent.get('1000')]).toEqual(['v0', undefined, 'v1000'])
  expect(recent.clear()).toHaveLength(1000)
  expect(recent.get('0')).toBeUndefined()
})
