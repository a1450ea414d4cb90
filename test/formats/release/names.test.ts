import { describe, expect, test } from 'vitest'
import { ImageError } from '../../../src/errors.ts'
import {
  baseNameOf,
  extensionReleasePath,
  findNameProblem,
  imageNameOf,
  isImageName,
} from '../../../src/formats/release/names.ts'

describe('image names', () => {
  test.each([
    'a',
    'foo',
    'foo-1.2',
    'foo_1.2',
    'Foo Bar',
    '.hidden',
    '#',
    '日本',
    '...',
    'a'.repeat(255),
  ])('accepts %j', (name) => {
    expect(findNameProblem(name)).toBeUndefined()
  })

  test.each([
    ['', 'is empty'],
    ['.', 'is a directory reference'],
    ['..', 'is a directory reference'],
    ['a/b', 'has a slash'],
    ['/', 'has a slash'],
    ['a\0', 'has a control character'],
    ['a\nb', 'has a control character'],
    ['a\x1f', 'has a control character'],
    ['a\x7f', 'has a control character'],
    ['\ud800', 'is not valid UTF-8'],
    ['a\uffff', 'is not valid UTF-8'],
    ['.#foo', 'starts with .#, the mark of a temporary file'],
    ['a'.repeat(256), 'is 256 bytes long, the limit is 255'],
    ['ä'.repeat(128), 'is 256 bytes long, the limit is 255'],
  ])('refuses %j', (name, problem) => {
    expect(findNameProblem(name)).toBe(problem)
    expect(isImageName(name)).toBe(false)
  })
})

describe('the name of an image', () => {
  test.each([
    ['sysext', 'foo.raw', 'foo'],
    ['confext', 'foo.raw', 'foo'],
    ['sysext', 'foo.sysext.raw', 'foo'],
    ['confext', 'foo.confext.raw', 'foo'],
    ['sysext', 'foo.confext.raw', 'foo.confext'],
    ['confext', 'foo.sysext.raw', 'foo.sysext'],
    ['sysext', 'foo.sysext.sysext.raw', 'foo.sysext'],
    ['sysext', 'foo.raw.raw', 'foo.raw'],
    ['sysext', 'foo_1.2_x86-64.sysext.raw', 'foo_1.2_x86-64'],
    ['sysext', 'foo-1.2.raw', 'foo-1.2'],
    ['sysext', 'foo', 'foo'],
    ['sysext', 'foo/', 'foo'],
    ['sysext', 'foo.sysext', 'foo.sysext'],
    ['sysext', 'foo.v', 'foo'],
    ['sysext', 'foo.v/', 'foo'],
    ['sysext', 'foo.raw.v/', 'foo'],
    ['sysext', 'foo.sysext.raw.v', 'foo'],
    ['confext', 'foo.confext.raw.v', 'foo'],
    ['sysext', 'foo.confext.raw.v', 'foo.confext'],
    ['sysext', 'foo.RAW', 'foo.RAW'],
    ['sysext', '.raw', undefined],
    ['sysext', '.sysext.raw', undefined],
    ['sysext', '.v', undefined],
    ['sysext', '..raw', undefined],
    ['sysext', '.#foo.raw', undefined],
    ['sysext', 'a/foo.raw', undefined],
    ['sysext', '', undefined],
  ] as const)('of a %s in %j is %j', (kind, component, name) => {
    expect(imageNameOf(kind, component)).toBe(name)
  })

  test.each([
    ['foo', 'foo'],
    ['foo_1.2', 'foo'],
    ['foo_1.2_arm64', 'foo'],
    ['foo+3-0', 'foo'],
    ['foo+3_1', 'foo'],
    ['foo-1.2', 'foo-1.2'],
    ['foo.1', 'foo.1'],
    ['foo~1', 'foo~1'],
    ['_foo', ''],
    ['+', ''],
  ])('%j has the base name %j', (name, base) => {
    expect(baseNameOf(name)).toBe(base)
  })
})

describe('the path of the release file', () => {
  test('depends on the kind', () => {
    expect(extensionReleasePath('sysext', 'foo')).toBe(
      'usr/lib/extension-release.d/extension-release.foo',
    )
    expect(extensionReleasePath('confext', 'foo')).toBe(
      'etc/extension-release.d/extension-release.foo',
    )
  })

  test.each([
    ['../foo', 'image name "../foo" has a slash'],
    ['', 'image name "" is empty'],
    ['a'.repeat(238), 'is 256 bytes long, the limit is 255'],
  ])('refuses %j', (name, message) => {
    expect(() => extensionReleasePath('sysext', name)).toThrow(ImageError)
    expect(() => extensionReleasePath('sysext', name)).toThrow(message)
  })

  test('takes the longest name that leaves room for the prefix', () => {
    expect(extensionReleasePath('sysext', 'a'.repeat(237))).toContain('a'.repeat(237))
  })
})
