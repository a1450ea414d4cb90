import { expect, test } from 'vitest'
import {
  canonicalArchitecture,
  describePartitionType,
  findPartitionType,
  parsePartitionTypeName,
  partitionArchitectures,
  partitionTypeGuid,
  partitionTypeName,
} from '../../src/formats/gpt/index.ts'

const ALL = (['root', 'usr'] as const).flatMap((designator) =>
  (['data', 'hash', 'signature'] as const).flatMap((role) =>
    partitionArchitectures.map((architecture) => ({ designator, role, architecture })),
  ),
)

test('there are 126 types, each with its own GUID and name', () => {
  expect(partitionArchitectures).toHaveLength(21)
  expect(new Set(ALL.map(partitionTypeGuid)).size).toBe(126)
  expect(new Set(ALL.map(partitionTypeName)).size).toBe(126)
})

test('looking up inverts naming, by GUID and by name', () => {
  for (const type of ALL) {
    expect(findPartitionType(partitionTypeGuid(type)!)).toEqual(type)
    expect(findPartitionType(partitionTypeGuid(type)!.toUpperCase())).toEqual(type)
    expect(parsePartitionTypeName(partitionTypeName(type))).toEqual(type)
  }
})

test.each([
  ['root-x86-64', '4f68bce3-e8cd-4db1-96e7-fbcaf984b709'],
  ['root-x86-64-verity', '2c7357ed-ebd2-46d9-aec1-23d437ec2bf5'],
  ['root-x86-64-verity-sig', '41092b05-9fc8-4523-994f-2def0408b176'],
  ['root-arm64', 'b921b045-1df0-41c3-af44-4c6f280d3fae'],
  ['root-mips-le-verity', 'd7d150d2-2a04-4a33-8f12-16651205ff7b'],
  ['usr-x86-64', '8484680c-9521-48c6-9c11-b0720656f69e'],
  ['usr-tilegx-verity-sig', '4ede75e2-6ccc-4cc8-b9c7-70334b087510'],
  ['esp', 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b'],
  ['linux-generic', '0fc63daf-8483-4772-8e79-3d69d8477de4'],
])('%s is %s', (name, guid) => {
  expect(describePartitionType(guid)).toBe(name)
})

test.each([
  ['aarch64', 'arm64'],
  ['amd64', 'x86-64'],
  ['x86_64', 'x86-64'],
  ['armv7l', 'arm'],
  ['i386', 'x86'],
  ['i686', 'x86'],
  ['ppc64le', 'ppc64-le'],
  ['ppc64el', 'ppc64-le'],
  ['loong64', 'loongarch64'],
  ['mipsel', 'mips-le'],
  ['mips64el', 'mips64-le'],
  ['hppa', 'parisc'],
])('%s is read as %s', (alias, architecture) => {
  expect(canonicalArchitecture(alias)).toBe(architecture)
  expect(parsePartitionTypeName(`root-${alias}-verity`)).toEqual({
    designator: 'root',
    role: 'hash',
    architecture,
  })
})

test.each([
  'root',
  'root-',
  'root-vax',
  'home',
  'srv-x86-64',
  'root-x86-64-sig',
  'root-toString',
  'usr-__proto__',
])('%s is no root or usr partition', (name) => {
  expect(parsePartitionTypeName(name)).toBeUndefined()
})

test('a foreign GUID stays a GUID', () => {
  expect(findPartitionType('00000000-0000-0000-0000-000000000001')).toBeUndefined()
  expect(describePartitionType('00000000-0000-0000-0000-000000000001')).toMatch(/^0+-/)
})

test('an architecture without partition types has no GUID', () => {
  const type = { designator: 'root', role: 'data', architecture: 'sparc64' } as const
  expect(partitionTypeGuid(type)).toBeUndefined()
})
