import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkFileName, loadsAs } from '../../../src/formats/release/file-names.ts'

describe('a file name', () => {
  test.each([
    ['sysext', 'foo.raw', 'foo', 248],
    ['confext', 'foo.raw', 'foo', 254],
    ['sysext', 'foo.sysext.raw', 'foo', 255],
    ['confext', 'foo.confext.raw', 'foo', 255],
    ['sysext', 'foo_1.2.raw', 'foo', 256],
    ['sysext', 'foo_1.2_x86-64.sysext.raw', 'foo', 256],
    ['sysext', 'foo_1.2+3-0.raw', 'foo', 256],
    ['sysext', 'foo+3.raw', 'foo', 256],
    ['sysext', 'foo_1.2.raw', 'foo_1.2', 248],
    ['sysext', 'foo-1.2.raw', 'foo-1.2', 248],
    ['sysext', 'foo-1.2_3.raw', 'foo-1.2', 256],
    ['sysext', 'foo.confext.raw', 'foo.confext', 248],
    ['sysext', 'foo.sysext.sysext.raw', 'foo.sysext', 255],
  ] as const)('loads a %s from %s with extension-release.%s', (kind, file, name, since) => {
    expect(checkFileName(kind, file, name)).toMatchObject({ loads: true, since })
  })

  test.each([
    [
      'sysext',
      'hello.raw',
      'hallo',
      'hello.raw carries extension-release.hallo; systemd looks for extension-release.hello',
    ],
    [
      'sysext',
      'foo-1.2.raw',
      'foo',
      'foo-1.2.raw carries extension-release.foo; systemd looks for extension-release.foo-1.2 ' +
        '(a dash does not separate a version from a name, an underscore does)',
    ],
    [
      'sysext',
      'foo-1.2_3.raw',
      'foo',
      'foo-1.2_3.raw carries extension-release.foo; systemd looks for ' +
        'extension-release.foo-1.2_3 or foo-1.2 ' +
        '(a dash does not separate a version from a name, an underscore does)',
    ],
    [
      'sysext',
      'foo_1.3.raw',
      'foo_1.2',
      'foo_1.3.raw carries extension-release.foo_1.2; ' +
        'systemd looks for extension-release.foo_1.3 or foo',
    ],
    [
      'sysext',
      '_foo.raw',
      'foo',
      '_foo.raw carries extension-release.foo; systemd looks for extension-release._foo',
    ],
    [
      'sysext',
      'foo.confext.raw',
      'foo',
      'foo.confext.raw is the file name of a confext, the image is a sysext',
    ],
    [
      'confext',
      'foo.sysext.raw',
      'foo',
      'foo.sysext.raw is the file name of a sysext, the image is a confext',
    ],
    ['sysext', 'foo', 'foo', 'foo does not end in .raw'],
    ['sysext', 'foo.img', 'foo', 'foo.img does not end in .raw'],
    ['sysext', 'foo.RAW', 'foo', 'foo.RAW does not end in .raw'],
    ['sysext', 'foo.raw.v', 'foo', 'foo.raw.v does not end in .raw'],
    ['sysext', '.raw', 'foo', '.raw leaves no valid image name'],
    ['sysext', '.sysext.raw', 'foo', '.sysext.raw leaves no valid image name'],
    ['sysext', '.#foo.raw', '.#foo', '.#foo.raw leaves no valid image name'],
    [
      'sysext',
      'foo.sysext.raw',
      'foo.sysext',
      'foo.sysext.raw carries extension-release.foo.sysext; systemd looks for extension-release.foo',
    ],
  ] as const)(
    'does not load a %s from %s with extension-release.%s',
    (kind, file, name, reason) => {
      expect(checkFileName(kind, file, name)).toEqual({
        loads: false,
        reason,
        hint: `name it ${name}.raw, or ${name}_VERSION.raw with a version`,
      })
    },
  )
})

describe('the names an image loads under', () => {
  test('start with the one every systemd knows', () => {
    expect(loadsAs('sysext', 'foo').map(({ file, since }) => [file, since])).toEqual([
      ['foo.raw', 248],
      ['foo.sysext.raw', 255],
      ['foo_1.2.raw', 256],
      ['foo_1.2_x86-64.raw', 256],
      ['foo_1.2_x86-64.sysext.raw', 256],
      ['foo.raw.v/foo_1.2_x86-64.raw', 256],
      ['foo.sysext.raw.v/foo_1.2_x86-64.sysext.raw', 256],
    ])
  })

  test('speak of the version and architecture at hand', () => {
    const files = loadsAs('confext', 'site', { version: '7', architecture: 'arm64' })
    expect(files.map(({ file }) => file)).toContain('site_7_arm64.confext.raw')
    expect(files[0]).toMatchObject({ file: 'site.raw', since: 254 })
  })

  test('are few where the release file itself has a version in its name', () => {
    expect(loadsAs('sysext', 'foo_1.2').map(({ file }) => file)).toEqual([
      'foo_1.2.raw',
      'foo_1.2.sysext.raw',
    ])
  })

  test('do not include one whose suffix would be taken for the class', () => {
    expect(loadsAs('sysext', 'foo.sysext').map(({ file }) => file)).not.toContain('foo.sysext.raw')
  })

  test('are names the check accepts', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('sysext', 'confext'),
        fc.stringMatching(/^[a-z_+.-]{1,6}$/),
        (kind, name) => {
          for (const { file, since } of loadsAs(kind, name)) {
            const verdict = checkFileName(kind, file.replace(/.*\//, ''), name)
            expect(verdict.loads && verdict.since <= since).toBe(true)
          }
        },
      ),
    )
  })
})
