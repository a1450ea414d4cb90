import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../src/bytes/hex.ts'
import { TreeError } from '../../src/errors.ts'
import { parseManifest } from '../../src/tree/manifest.ts'
import type { ManifestFields } from '../../src/tree/manifest-keywords.ts'

function fieldsOf(line: string): ManifestFields | undefined {
  return parseManifest(line, 'manifest').entries[0]?.fields
}

describe('a line of the manifest', () => {
  const CASES: readonly (readonly [string, ManifestFields])[] = [
    ['./usr', {}],
    ['./usr mode=0755 uid=0 gid=12', { mode: 0o755, uid: 0, gid: 12 }],
    ['./usr mode=4711', { mode: 0o4711 }],
    ['./usr uid=4294967294', { uid: 4_294_967_294 }],
    ['./usr time=1700000000', { mtime: { seconds: 1_700_000_000, nanoseconds: 0 } }],
    ['./usr time=-1.000000005', { mtime: { seconds: -1, nanoseconds: 5 } }],
    ['./usr type=dir', { kind: 'directory' }],
    ['./usr type=fifo mode=600', { kind: 'fifo', mode: 0o600 }],
    [
      './n type=char device=linux,1,3',
      { kind: 'character-device', device: { major: 1, minor: 3 } },
    ],
    ['./n device=native,4095,1048575', { device: { major: 4095, minor: 1_048_575 } }],
    ['./l type=link link=a\\040b', { kind: 'symlink', target: Buffer.from('a b') }],
  ]

  test.each(CASES)('%s', (line, expected) => {
    expect(fieldsOf(line)).toEqual(expected)
  })

  const XATTRS = [
    ['xattr.user.a="hi"', 'user.a', '6869'],
    ['xattr.user.a=""', 'user.a', ''],
    ['xattr.user.a="\\040\\042"', 'user.a', '2022'],
    ['xattr.user.a=0x00FF', 'user.a', '00ff'],
    ['xattr.user.a=0sAP8=', 'user.a', '00ff'],
    ['xattr.trusted.two\\040words="1"', 'trusted.two words', '31'],
    ['xattr.system.posix_acl_access=0x02000000', 'system.posix_acl_access', '02000000'],
    [
      'capability=cap_net_raw+ep',
      'security.capability',
      '0100000200200000000000000000000000000000',
    ],
    [
      'capability=cap_chown=p\\scap_kill=p;rootid=9',
      'security.capability',
      '000000032100000000000000000000000000000009000000',
    ],
  ] as const

  test.each(XATTRS)('%s', (word, name, hex) => {
    const value = fieldsOf(`./usr ${word}`)?.xattrs?.get(name)
    expect(value && toHex(value)).toBe(hex)
  })
})

test('comments, defaults, blanks and continued lines are understood', () => {
  const text = [
    '#mtree',
    '# a comment',
    '',
    '/set type=file uid=0 gid=0 mode=644',
    './usr/bin \\',
    '    type=dir mode=755',
    '\t./usr/bin/a\\040b   mode=4755  ',
    '/unset mode',
    'usr/x',
    '/unset all',
    '. mode=0711',
  ].join('\r\n')
  const { name, entries } = parseManifest(text, 'tree.mtree')
  expect(name).toBe('tree.mtree')
  const common = { uid: 0, gid: 0 }
  expect(entries.map(({ line, path, fields }) => [line, path, fields])).toEqual([
    [5, 'usr/bin', { ...common, kind: 'directory', mode: 0o755 }],
    [7, 'usr/bin/a b', { ...common, kind: 'file', mode: 0o4755 }],
    [9, 'usr/x', { ...common, kind: 'file' }],
    [11, '.', { mode: 0o711 }],
  ])
})

test('the example of the documentation is one', () => {
  const page = join(import.meta.dirname, '../../docs/formats/manifest.md')
  const [, example = ''] = /^```\n([\s\S]*?)^```$/m.exec(readFileSync(page, 'utf8')) ?? []
  expect(parseManifest(example, 'example').entries.map(({ path }) => path)).toEqual([
    'usr/bin/ping',
    'usr/bin/su',
    'usr/share/hello',
    'usr/lib/hello so',
    'usr/lib/null',
  ])
})

describe('refused', () => {
  const LINES = [
    ['./a mode=0999', 'mode 0999 is not an octal number'],
    ['./a mode=17777', 'mode 17777'],
    ['./a mode=u+x', 'mode u+x'],
    ['./a mode', 'mode needs a value'],
    ['./a mode=1 mode=2', 'mode is given twice'],
    ['./a uid=-1', 'uid -1'],
    ['./a gid=4294967295', 'gid 4294967295'],
    ['./a time=1.5', 'nine decimals'],
    ['./a time=now', 'time now'],
    ['./a type=door', 'type door is not one of file, dir'],
    ['./a device=1,3', 'linux,MAJOR,MINOR'],
    ['./a device=linux,4096,0', 'linux,MAJOR,MINOR'],
    ['./a link=', 'target of 1 to 4095 bytes'],
    [`./a link=${'x'.repeat(4096)}`, 'target of 1 to 4095 bytes'],
    ['./a link=a\\000', 'target of 1 to 4095 bytes'],
    ['./a uname=root', 'names differ between systems, give uid'],
    ['./a gname=root', 'give gid'],
    ['./a sha256digest=00', 'unknown keyword sha256digest'],
    ['./a size=12', 'unknown keyword size'],
    ['./a =x', 'unknown keyword'],
    ['./a xattr.user.a=hi', '0sBASE64, 0xHEX or "text"'],
    ['./a xattr.user.a=0x0', '0sBASE64, 0xHEX or "text"'],
    ['./a xattr.user.a=0sAB=', '0sBASE64, 0xHEX or "text"'],
    ['./a xattr.user.=""', 'cannot hold the attribute user.'],
    [`./a xattr.user.${'n'.repeat(256)}=""`, 'cannot hold the attribute'],
    ['./a xattr.system.nfs4_acl=""', 'cannot hold the attribute system.nfs4_acl'],
    ['./a xattr.com.apple.x=""', 'cannot hold the attribute com.apple.x'],
    [`./a xattr.user.a=0x${'00'.repeat(65_536)}`, 'longer than 65535 bytes'],
    ['./a capability=cap_fly=ep', 'there is no capability "cap_fly"'],
    ['./a capability=cap_kill=p;rootid=x', 'not of the form'],
    ['./a capability=cap_kill=p xattr.security.capability=0x00', 'given twice'],
    ['./a\\09', 'is not an escape'],
    ['./a/../b', 'is not a path in the tree'],
    ['./a\\000', 'is not a path in the tree'],
    ['..', 'relative entries are not supported'],
    ['/set capability=cap_kill=p', '/set knows type, mode'],
    ['/unset capability', '/unset does not know capability'],
  ] as const

  test.each(LINES)('%s', (line, reason) => {
    const parse = () => parseManifest(`#mtree\n${line}\n`, 'my.mtree')
    expect(parse).toThrow(TreeError)
    expect(parse).toThrow(expect.objectContaining({ code: 'BAD_MANIFEST' }))
    expect(parse).toThrow('my.mtree line 2: ')
    expect(parse).toThrow(reason)
  })

  test('a path that was described before, however it is written', () => {
    const parse = () => parseManifest('./usr/a mode=1\n\nusr//\\141 mode=2', 'm')
    expect(parse).toThrow('m line 3: usr/a has been described in line 1')
  })

  test('anything else: every text is a manifest or a TreeError', () => {
    const word = fc.constantFrom('./a', '/set', '/unset', 'mode=', '755', '\\', '=', ' ', '\n', '"')
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 12 }), (words) => {
        try {
          expect(parseManifest(words.join(''), 'm').name).toBe('m')
        } catch (error) {
          expect(error).toBeInstanceOf(TreeError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
