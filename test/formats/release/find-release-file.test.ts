import { describe, expect, test } from 'vitest'
import { findReleaseFile } from '../../../src/formats/release/find-release-file.ts'
import {
  FOUND_CASES,
  releaseFile as file,
  MISSING_CASES,
} from '../../support/release-file-cases.ts'

describe('the file that is read', () => {
  test.each(FOUND_CASES)('%s', (_, image, entries, found, rule) => {
    expect(findReleaseFile(image, entries)).toEqual({ file: `extension-release.${found}`, rule })
  })

  test('is any where the check is relaxed', () => {
    const found = findReleaseFile('foo', [file('bar')], { relaxed: true })
    expect(found).toEqual({ file: 'extension-release.bar', rule: 'relaxed' })
  })
})

describe('no file is read', () => {
  test.each(MISSING_CASES)('%s', (_, image, entries, problem, explanation) => {
    expect(findReleaseFile(image, entries)).toMatchObject({
      problem,
      explanation: expect.stringContaining(explanation),
    })
  })

  test('under the base name before systemd 256', () => {
    expect(findReleaseFile('foo_1', [file('foo')], { baseName: false })).toMatchObject({
      problem: 'missing',
      explanation:
        'the image carries extension-release.foo; systemd looks for extension-release.foo_1',
    })
  })

  test('where the check is relaxed and two are there', () => {
    const found = findReleaseFile('foo', [file('a'), file('b')], { relaxed: true })
    expect(found).toMatchObject({ problem: 'ambiguous' })
  })
})
