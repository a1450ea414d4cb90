/** Release directories, and which of their files systemd reads for an image. */

import type { ReleaseDirectoryEntry } from '../../src/formats/release/find-release-file.ts'

export type ReleaseFileCase = readonly [
  name: string,
  image: string,
  entries: ReleaseDirectoryEntry[],
  outcome: string,
  detail: string,
]

export const releaseFile = (image: string, strict?: string): ReleaseDirectoryEntry => ({
  name: `extension-release.${image}`,
  kind: 'file',
  strict,
})
const link = (image: string, target: 'file' | 'missing' | 'other'): ReleaseDirectoryEntry => ({
  name: `extension-release.${image}`,
  kind: 'symlink',
  target,
})
const folder = (image: string): ReleaseDirectoryEntry => ({
  name: `extension-release.${image}`,
  kind: 'other',
})

const file = releaseFile

/** `outcome` is the image name of the file that is read, `detail` the rule. */
export const FOUND_CASES: readonly ReleaseFileCase[] = [
  ['has the exact name', 'foo', [file('bar'), file('foo')], 'foo', 'exact-name'],
  ['may have a version in its exact name', 'foo_1', [file('foo_1')], 'foo_1', 'exact-name'],
  [
    'is the exact one before the base name',
    'foo_1',
    [file('foo'), file('foo_1')],
    'foo_1',
    'exact-name',
  ],
  ['may be a symlink to a file', 'foo', [link('foo', 'file')], 'foo', 'exact-name'],
  [
    'is the exact one, though another is not strict',
    'foo',
    [file('foo'), file('bar', '0')],
    'foo',
    'exact-name',
  ],
  ['has the name in front of an underscore', 'foo_1.2_arm64', [file('foo')], 'foo', 'base-name'],
  [
    'has the name in front of a plus sign',
    'foo+3-0',
    [file('foo'), file('bar')],
    'foo',
    'base-name',
  ],
  [
    'is another where the exact one is a dangling symlink',
    'foo_1',
    [link('foo_1', 'missing'), file('foo')],
    'foo',
    'base-name',
  ],
  ['is any that is not strict', 'foo', [file('bar', '0')], 'bar', 'not-strict'],
  ['is not strict in any spelling of false', 'foo', [file('bar', 'No')], 'bar', 'not-strict'],
  [
    'is the base name, though others are strict',
    'foo_1',
    [file('foo', '1'), file('bar', '1')],
    'foo',
    'base-name',
  ],
]

/** `outcome` is the problem, `detail` a part of its explanation. */
export const MISSING_CASES: readonly ReleaseFileCase[] = [
  ['from an empty directory', 'foo', [], 'missing', 'systemd looks for extension-release.foo'],
  [
    'under another name',
    'hello',
    [file('hallo')],
    'missing',
    'the image carries extension-release.hallo; systemd looks for extension-release.hello',
  ],
  [
    'under another version',
    'foo_1.3',
    [file('foo_1.2')],
    'missing',
    'the image carries extension-release.foo_1.2; systemd looks for extension-release.foo_1.3 or extension-release.foo',
  ],
  [
    'for a name with a dash',
    'foo-1.2',
    [file('foo')],
    'missing',
    'the image carries extension-release.foo; systemd looks for extension-release.foo-1.2',
  ],
  [
    'that is strict',
    'foo',
    [file('bar', '1')],
    'missing',
    'systemd looks for extension-release.foo',
  ],
  ['that says nothing of strictness', 'foo', [file('bar', '')], 'missing', 'systemd looks for'],
  [
    'that is strict in words of its own',
    'foo',
    [file('bar', 'nope')],
    'missing',
    'systemd looks for',
  ],
  [
    'that is a symlink under the base name',
    'foo_1',
    [link('foo', 'file')],
    'missing',
    'systemd looks for',
  ],
  [
    'that is a directory under the base name',
    'foo_1',
    [folder('foo')],
    'missing',
    'systemd looks for',
  ],
  [
    'without a name behind the dot',
    '_x',
    [file('')],
    'missing',
    'systemd looks for extension-release._x',
  ],
  ['with a temporary name', 'foo', [file('.#foo', '0')], 'missing', 'systemd looks for'],
  [
    'that is called something else',
    'foo',
    [{ name: 'release.foo', kind: 'file' }],
    'missing',
    'systemd looks for',
  ],
  [
    'that is a directory',
    'foo',
    [folder('foo'), file('bar', '0')],
    'not-a-file',
    'extension-release.foo is not a regular file',
  ],
  [
    'that leads to a directory',
    'foo',
    [link('foo', 'other')],
    'not-a-file',
    'is not a regular file',
  ],
  [
    'where two are not strict',
    'foo',
    [file('b', 'no'), file('a', 'off')],
    'ambiguous',
    'extension-release.a and extension-release.b both fit the image name foo',
  ],
  [
    'where the base name and another fit',
    'foo_1',
    [file('foo'), file('bar', '0')],
    'ambiguous',
    'both fit',
  ],
]
