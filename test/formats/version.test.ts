import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareVersions, isVersion } from '../../src/formats/version.ts'

/** Each row ascends, and was found to by `systemd-analyze compare-versions` of 257 and 262. */
const ascending = [
  ['122.1', '123~rc1-1', '123', '123-a', '123-1', '123^post1', '123.1-1', '123a-1', '124-1'],
  ['1.3.3', '1_2_3'],
  ['~', '', '-', '^', '.'],
  ['1~', '1', '1-', '1^', '1.', '1a', '11'],
  ['~', '~~', '~a'],
  ['9', '10', '99', '100', '99999999999999999999', '100000000000000000000'],
  ['a', 'aa', 'ab', 'b'],
  ['A', 'B', 'Z', 'a'],
  ['a', '0', '1'],
  ['a0', 'ab'],
  ['1.a', '1.0'],
  ['1-_2', '1-2'],
] as const

const equal = [
  ['1_', '1'],
  ['', '_'],
  ['_1', '1'],
  ['1_2', '1+2'],
  ['01', '1'],
  ['0', '000'],
  ['1.00', '1.0'],
  ['1é', '1'],
  ['é', ''],
  ['a:b', 'a b'],
  ['1\0', '1'],
] as const

describe('comparing', () => {
  test.each(ascending.map((row) => [row.map((item) => JSON.stringify(item)).join(' < '), row]))(
    '%s',
    (_, row) => {
      for (const [index, older] of row.entries()) {
        for (const newer of row.slice(index + 1)) {
          expect([older, newer, compareVersions(older, newer)]).toEqual([older, newer, -1])
          expect([newer, older, compareVersions(newer, older)]).toEqual([newer, older, 1])
        }
      }
    },
  )

  test.each(equal)('%j = %j', (a, b) => {
    expect(compareVersions(a, b)).toBe(0)
    expect(compareVersions(b, a)).toBe(0)
  })

  const anyVersion = fc
    .array(fc.constantFrom('0', '1', '10', 'a', 'B', '~', '^', '.', '-'), { maxLength: 6 })
    .map((parts) => parts.join(''))

  test('a version ranks the same as itself', () => {
    fc.assert(
      fc.property(fc.oneof(anyVersion, fc.string()), (version) => {
        expect(compareVersions(version, version)).toBe(0)
      }),
    )
  })

  test('the order of two does not depend on which comes first', () => {
    const either = fc.oneof(anyVersion, fc.string())
    fc.assert(
      fc.property(either, either, (a, b) => {
        expect(compareVersions(a, b) + compareVersions(b, a)).toBe(0)
      }),
      { numRuns: 3000 },
    )
  })

  test('of three, the first is not newer than the last', () => {
    fc.assert(
      fc.property(anyVersion, anyVersion, anyVersion, (...three) => {
        const [a, b, c] = three.sort(compareVersions) as [string, string, string]
        expect(compareVersions(a, b)).toBeLessThanOrEqual(0)
        expect(compareVersions(b, c)).toBeLessThanOrEqual(0)
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0)
      }),
      { numRuns: 10_000 },
    )
  })

  test('takes time in proportion to the length', () => {
    for (const unit of ['1.', 'a1', '~', '_', '-_', '0']) {
      const long = unit.repeat(50_000)
      expect(compareVersions(long, `${long}1`)).toBe(-1)
    }
  })
})

test.each(['1', '1.2-3~rc1^post', 'A', '.'])('%j is a version', (version) => {
  expect(isVersion(version)).toBe(true)
})

test.each(['', '1_2', '1+2', '1 2', '1:2', 'é', '1\n'])('%j is not a version', (version) => {
  expect(isVersion(version)).toBe(false)
})
