import { describe, expect, test } from 'vitest'
import { compileExcludes } from '../../src/tree/exclude.ts'

const FILE = false
const DIRECTORY = true

const CASES = [
  ['*.pyc', 'usr/lib/python3/a.pyc', FILE, true],
  ['*.pyc', 'usr/lib/python3/a.py', FILE, false],
  ['*', 'usr/.hidden', FILE, true],
  ['.git', '.git', DIRECTORY, true],
  ['.git', 'usr/share/.git', DIRECTORY, true],
  ['/.git', 'usr/share/.git', DIRECTORY, false],
  ['./usr/share', 'usr/share', DIRECTORY, true],
  ['doc/', 'usr/share/doc', DIRECTORY, true],
  ['doc/', 'usr/share/doc', FILE, false],
  ['usr/share/doc', 'usr/share/doc', DIRECTORY, true],
  ['usr/share/doc', 'opt/usr/share/doc', DIRECTORY, false],
  ['usr/share/*', 'usr/share/doc', DIRECTORY, true],
  ['usr/share/*', 'usr/share/doc/a', FILE, false],
  ['usr/**/*.a', 'usr/lib/x/libz.a', FILE, true],
  ['usr/**/*.a', 'usr/libz.a', FILE, true],
  ['usr/share/**', 'usr/share', DIRECTORY, false],
  ['usr/share/**', 'usr/share/a', FILE, true],
  ['{man,info}', 'usr/share/man', DIRECTORY, true],
  ['lib[ab]', 'usr/liba', FILE, true],
  ['[!]x', 'usr/!x', FILE, true],
  ['[!]x', 'usr/ax', FILE, false],
  ['a?c', 'usr/abc', FILE, true],
  ['a?c', 'a/c', FILE, false],
  ['back\\\\slash', 'usr/back\\slash', FILE, true],
] as const

describe('exclude patterns', () => {
  test.each(CASES)('%s and %s', (pattern, path, isDirectory, expected) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    expect(compileExcludes([pattern]).matches(path, name, isDirectory)).toBe(expected)
  })

  test('that match nothing are told', () => {
    const excludes = compileExcludes(['*.o', '*.pyo'])
    excludes.matches('usr/a.o', 'a.o', FILE)
    expect(excludes.unused()).toEqual(['*.pyo'])
  })

  test.each(['!usr', '', '/', '.', './', '../x', 'usr/../etc'])('refuses "%s"', (pattern) => {
    expect(() => compileExcludes([pattern])).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    )
  })
})
