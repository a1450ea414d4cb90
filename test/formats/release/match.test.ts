import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { FormatError } from '../../../src/errors.ts'
import { parseEnvFile } from '../../../src/formats/release/env-file.ts'
import {
  decideMerge,
  findMismatch,
  type MergeTarget,
  type Release,
} from '../../../src/formats/release/match.ts'
import { readMergeCases } from '../../support/merge-decisions.ts'

const cases = readMergeCases()
const fedora = new Map([
  ['ID', 'fedora'],
  ['VERSION_ID', '43'],
])

const verdictOf = (extension: string, host: string, target: MergeTarget) => {
  const decision = decideMerge(
    parseEnvFile(encodeUtf8(extension), 'extension-release'),
    parseEnvFile(encodeUtf8(host), 'os-release'),
    target,
  )
  return decision.merges
    ? { merges: true, rule: decision.match.rule }
    : { merges: false, rule: decision.mismatch.rule }
}

test('the table has no case twice', () => {
  expect(cases.length).toBeGreaterThanOrEqual(40)
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
})

test.each(cases)('$name', ({ kind, scope, host, extension, expect: verdict }) => {
  expect(verdictOf(extension, host, { kind, scope, architecture: 'x86-64' })).toEqual(verdict)
})

test.each(cases)('without ID_LIKE: $name', ({ kind, scope, host, extension, withoutIdLike }) => {
  const target = { kind, scope, architecture: 'x86-64', idLike: false }
  expect(verdictOf(extension, host, target)).toEqual(withoutIdLike)
})

describe('what is not known is not compared', () => {
  test('the scope, as for a unit with ExtensionImages=', () => {
    const extension = new Map([
      ['ID', '_any'],
      ['SYSEXT_SCOPE', ''],
    ])
    expect(findMismatch(extension, fedora, { kind: 'sysext' })).toBeUndefined()
    expect(findMismatch(extension, fedora, { kind: 'sysext', scope: 'system' })?.rule).toBe('scope')
  })

  test('the architecture', () => {
    const extension = new Map([
      ['ID', '_any'],
      ['ARCHITECTURE', 'sparc'],
    ])
    expect(findMismatch(extension, fedora, { kind: 'sysext' })).toBeUndefined()
  })
})

describe('a mismatch names both sides', () => {
  const target = { kind: 'sysext', scope: 'initrd', architecture: 'arm64' } as const
  test.each<[string, Release, Partial<MergeTarget>, object]>([
    [
      'of nothing at all',
      new Map(),
      {},
      { rule: 'empty', expected: 'at least one field', found: 'nothing' },
    ],
    [
      'of a scope that is not given',
      new Map([['ID', '_any']]),
      {},
      {
        field: 'SYSEXT_SCOPE',
        expected: 'initrd',
        found: 'nothing',
        explanation: 'without SYSEXT_SCOPE an extension is for system and portable, not for initrd',
      },
    ],
    [
      'of an empty scope',
      new Map([['SYSEXT_SCOPE', '']]),
      {},
      { found: 'an empty list', explanation: 'SYSEXT_SCOPE does not list initrd' },
    ],
    [
      'of a scope',
      new Map([['SYSEXT_SCOPE', 'system portable']]),
      {},
      { expected: 'initrd', found: 'system portable' },
    ],
    [
      'of an architecture',
      new Map([['ARCHITECTURE', 'x86-64']]),
      { scope: 'system' },
      {
        rule: 'architecture',
        field: 'ARCHITECTURE',
        expected: 'arm64',
        found: 'x86-64',
        explanation: 'the extension is made for x86-64, the machine is arm64',
      },
    ],
    [
      'of an ID that is missing',
      new Map([['VERSION_ID', '43']]),
      { scope: 'system' },
      { rule: 'id-missing', field: 'ID', expected: 'fedora', found: 'nothing' },
    ],
    [
      'of an ID',
      new Map([['ID', 'debian']]),
      { scope: 'system' },
      { rule: 'id', field: 'ID', expected: 'fedora', found: 'debian' },
    ],
    [
      'of a version',
      new Map([
        ['ID', 'fedora'],
        ['VERSION_ID', '42'],
      ]),
      { scope: 'system' },
      { rule: 'version-id', field: 'VERSION_ID', expected: '43', found: '42' },
    ],
    [
      'of a version that is missing beside a level',
      new Map([
        ['ID', 'fedora'],
        ['SYSEXT_LEVEL', '1'],
      ]),
      { scope: 'system' },
      {
        field: 'VERSION_ID',
        found: 'nothing',
        explanation: 'the host has no SYSEXT_LEVEL, so VERSION_ID must be equal',
      },
    ],
  ])('%s', (_, extension, change, expected) => {
    expect(findMismatch(extension, fedora, { ...target, ...change })).toMatchObject(expected)
  })

  test('and the whole family of the host', () => {
    const host = new Map([
      ['ID', 'rocky'],
      ['ID_LIKE', 'rhel fedora'],
    ])
    const extension = new Map([['ID', 'debian']])
    expect(findMismatch(extension, host, { kind: 'sysext' })).toMatchObject({
      expected: 'rocky or rhel or fedora',
      found: 'debian',
      explanation: 'the extension is made for debian, the host is rocky or rhel or fedora',
    })
  })
})

test.each([[new Map()], [new Map([['ID', '']])], [new Map([['NAME', 'x']])]])(
  'nothing can be decided for a host without ID',
  (host) => {
    const decide = () => decideMerge(new Map([['ID', '_any']]), host, { kind: 'sysext' })
    expect(decide).toThrow(FormatError)
    expect(decide).toThrow('os-release: ID is missing')
  },
)

test('an extension made from the host itself always fits', () => {
  const word = fc.stringMatching(/^[a-z0-9.]{1,4}$/)
  const level = fc.option(word, { nil: undefined })
  fc.assert(
    fc.property(word, level, level, (id, versionId, sysextLevel) => {
      const release = new Map([
        ['ID', id],
        ...(versionId === undefined ? [] : [['VERSION_ID', versionId] as const]),
        ...(sysextLevel === undefined ? [] : [['SYSEXT_LEVEL', sysextLevel] as const]),
      ])
      expect(findMismatch(release, release, { kind: 'sysext', scope: 'system' })).toBeUndefined()
    }),
  )
})
