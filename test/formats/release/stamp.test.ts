import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../../src/bytes/utf8.ts'
import { ExtsignError, FormatError, ImageError } from '../../../src/errors.ts'
import type { StampInput } from '../../../src/formats/release/collect-fields.ts'
import { parseEnvFile } from '../../../src/formats/release/env-file.ts'
import { findMismatch } from '../../../src/formats/release/match.ts'
import { stampRelease } from '../../../src/formats/release/stamp.ts'

interface Request extends Partial<Omit<StampInput, 'existing'>> {
  /** Text of the tree's file. */
  readonly tree?: string
}

const stamp = ({ tree, ...request }: Request) =>
  stampRelease({
    kind: 'sysext',
    name: 'foo',
    existing: tree === undefined ? undefined : encodeUtf8(tree),
    ...request,
  })
const textOf = (request: Request) => new TextDecoder().decode(stamp(request).bytes)
const sourcesOf = (request: Request) =>
  Object.fromEntries(stamp(request).fields.map(({ key, source }) => [key, source]))

const FEDORA = 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=43\n'
const LEVELLED = 'ID=fedora\nVERSION_ID=43\nSYSEXT_LEVEL=1.0\nCONFEXT_LEVEL=7\n'
const ROLLING = 'ID=arch\nBUILD_ID=rolling\n'
const variable = (value: string) => ({ value, source: '$SYSEXT_LEVEL' })

describe('without a file in the tree', () => {
  test.each<[string, Request, string]>([
    ['an ID', { id: 'fedora' }, 'ID=fedora\n'],
    ['any ID', { id: '_any' }, 'ID=_any\n'],
    ['an ID in capitals, which some systems have', { id: 'openEuler' }, 'ID=openEuler\n'],
    ['an ID and a version', { id: 'fedora', versionId: '43' }, 'ID=fedora\nVERSION_ID=43\n'],
    ['an ID and a level', { id: 'fedora', level: '1.0' }, 'ID=fedora\nSYSEXT_LEVEL=1.0\n'],
    [
      'the level of a confext',
      { kind: 'confext', id: 'fedora', level: '7' },
      'ID=fedora\nCONFEXT_LEVEL=7\n',
    ],
    ['the version of an os-release', { osRelease: FEDORA }, 'ID=fedora\nVERSION_ID=43\n'],
    ['the level of an os-release', { osRelease: LEVELLED }, 'ID=fedora\nSYSEXT_LEVEL=1.0\n'],
    [
      'the level of an os-release for a confext',
      { kind: 'confext', osRelease: LEVELLED },
      'ID=fedora\nCONFEXT_LEVEL=7\n',
    ],
    ['only the ID of a rolling os-release', { osRelease: ROLLING }, 'ID=arch\n'],
    [
      'the level of the environment, and the version for a host without level',
      { osRelease: FEDORA, environmentLevel: variable('2') },
      'ID=fedora\nVERSION_ID=43\nSYSEXT_LEVEL=2\n',
    ],
    ['no empty level of the environment', { id: 'a', environmentLevel: variable('') }, 'ID=a\n'],
    [
      'the level of the environment beside any ID',
      { id: '_any', environmentLevel: variable('2') },
      'ID=_any\nSYSEXT_LEVEL=2\n',
    ],
    ['no version of an os-release beside any ID', { id: '_any', osRelease: FEDORA }, 'ID=_any\n'],
    [
      'another version than the os-release has',
      { osRelease: FEDORA, versionId: '44' },
      'ID=fedora\nVERSION_ID=44\n',
    ],
    [
      'everything that can be asked for',
      {
        id: 'fedora',
        versionId: '43',
        level: '1',
        scope: ['initrd', 'system'],
        architecture: 'arm64',
        reloadManager: true,
        version: '1.2',
        properties: [
          ['SYSEXT_PRETTY_NAME', 'The "Foo"'],
          ['X', ''],
        ],
      },
      'ID=fedora\nVERSION_ID=43\nSYSEXT_LEVEL=1\nSYSEXT_SCOPE="initrd system"\nARCHITECTURE=arm64\n' +
        'EXTENSION_RELOAD_MANAGER=1\nSYSEXT_ID=foo\nSYSEXT_VERSION_ID=1.2\n' +
        'SYSEXT_PRETTY_NAME="The \\"Foo\\""\nX=""\n',
    ],
    [
      'that the manager is not reloaded',
      { id: '_any', reloadManager: false },
      'ID=_any\nEXTENSION_RELOAD_MANAGER=0\n',
    ],
    [
      'no ID of its own for a name that is none',
      { name: 'Foo Bar', id: '_any', version: '1' },
      'ID=_any\nSYSEXT_VERSION_ID=1\n',
    ],
    [
      'the ID of its own that is asked for',
      { id: '_any', version: '1', properties: [['SYSEXT_ID', 'bar']] },
      'ID=_any\nSYSEXT_VERSION_ID=1\nSYSEXT_ID=bar\n',
    ],
    [
      'a field that is asked for twice in the same words',
      { id: 'fedora', properties: [['ID', 'fedora']] },
      'ID=fedora\n',
    ],
    ['an ID given as a property', { properties: [['ID', 'fedora']] }, 'ID=fedora\n'],
  ])('writes %s', (_, request, text) => {
    expect(textOf(request)).toBe(text)
    expect(stamp(request).unchanged).toBe(false)
  })

  test('says where each field comes from', () => {
    const request = { osRelease: FEDORA, environmentLevel: variable('2'), architecture: 'x86-64' }
    expect(sourcesOf(request)).toEqual({
      ID: 'os-release',
      VERSION_ID: 'os-release',
      SYSEXT_LEVEL: '$SYSEXT_LEVEL',
      ARCHITECTURE: 'option',
    })
  })
})

describe('the level', () => {
  const everywhere: Request = {
    level: '1',
    environmentLevel: variable('2'),
    osRelease: 'ID=fedora\nSYSEXT_LEVEL=3\n',
    tree: 'ID=fedora\nSYSEXT_LEVEL=4\n',
  }
  test.each<[string, (keyof Request)[], string]>([
    ['option', [], '1'],
    ['$SYSEXT_LEVEL', ['level'], '2'],
    ['os-release', ['level', 'environmentLevel'], '3'],
    ['tree', ['level', 'environmentLevel', 'osRelease'], '4'],
  ])('comes from the first that has it: %s', (source, without, value) => {
    const request = Object.fromEntries(
      Object.entries(everywhere).filter(([key]) => !without.some((left) => left === key)),
    )
    const level = stamp(request).fields.find(({ key }) => key === 'SYSEXT_LEVEL')
    expect(level).toEqual({ key: 'SYSEXT_LEVEL', value, source })
  })
})

describe('with a file in the tree', () => {
  test.each([
    ['ID=_any', {}],
    ['# ours\r\nID = "_any"\n\n', {}],
    ['ID=fedora\nVERSION_ID=43\n#end', { osRelease: FEDORA }],
    ['ID=fedora\nVERSION_ID=41\nSYSEXT_LEVEL=1.0\n', { osRelease: LEVELLED }],
    ['ID=fedora\nSYSEXT_LEVEL=2\n', { environmentLevel: variable('2') }],
    ['ID=_any\nSYSEXT_SCOPE=" initrd  system "\n', { id: '_any' }],
    ['ID=_any\nOTHER=ä\n=x=1\n', {}],
  ] satisfies [string, Request][])('keeps the bytes of %j', (tree, request) => {
    const result = stamp({ tree, ...request })
    expect(new TextDecoder().decode(result.bytes)).toBe(tree)
    expect(result).toMatchObject({ unchanged: true, warnings: [] })
  })

  test.each<[string, Request, string]>([
    [
      'adds what is missing',
      { tree: '#c\nID=_any', architecture: 'arm64' },
      '#c\nID=_any\nARCHITECTURE=arm64\n',
    ],
    [
      'replaces a line',
      { tree: '#c\nID=fedora # no comment\nVERSION_ID=42\n', osRelease: FEDORA },
      '#c\nID=fedora\nVERSION_ID=43\n',
    ],
    [
      'keeps an ID of its own',
      { tree: 'ID=_any\nSYSEXT_ID=bar\n', version: '1' },
      'ID=_any\nSYSEXT_ID=bar\nSYSEXT_VERSION_ID=1\n',
    ],
  ])('%s', (_, request, text) => {
    expect(textOf(request)).toBe(text)
    expect(stamp(request).unchanged).toBe(false)
  })

  test('says where each field comes from', () => {
    const request = { tree: 'OTHER=1\nID=fedora\nVERSION_ID=42\n', osRelease: FEDORA, level: '1' }
    expect(sourcesOf(request)).toEqual({
      OTHER: 'tree',
      ID: 'os-release',
      VERSION_ID: 'os-release',
      SYSEXT_LEVEL: 'option',
    })
  })
})

describe('a warning', () => {
  test.each<[string, Request, string[]]>([
    [
      'tells what an option replaced',
      { tree: 'ID=fedora\n', id: '_any' },
      ['ID=fedora in the tree is replaced by _any (option)'],
    ],
    [
      'tells what an os-release replaced',
      { tree: 'ID=fedora\nVERSION_ID=42\n', osRelease: FEDORA },
      ['VERSION_ID=42 in the tree is replaced by 43 (os-release)'],
    ],
    [
      'tells what the environment replaced',
      { tree: 'ID=_any\nSYSEXT_LEVEL=1\n', environmentLevel: variable('2') },
      ['SYSEXT_LEVEL=1 in the tree is replaced by 2 ($SYSEXT_LEVEL)'],
    ],
    [
      'tells of duplicates',
      { tree: 'ID=fedora\nID=_any\nA=1\nA=1\nA=1\n' },
      [
        'usr/lib/extension-release.d/extension-release.foo sets ID more than once; the last one counts',
        'usr/lib/extension-release.d/extension-release.foo sets A more than once; the last one counts',
      ],
    ],
    [
      'tells of the other kind of level',
      { tree: 'ID=_any\nCONFEXT_LEVEL=1\n' },
      ['CONFEXT_LEVEL means nothing in a sysext; SYSEXT_LEVEL would'],
    ],
    [
      'tells of the other kind of scope',
      { kind: 'confext', id: '_any', properties: [['SYSEXT_SCOPE', 'initrd']] },
      ['SYSEXT_SCOPE means nothing in a confext; CONFEXT_SCOPE would'],
    ],
    [
      'does not mind both kinds of level',
      { id: '_any', level: '1', properties: [['CONFEXT_LEVEL', '1']] },
      [],
    ],
    [
      'tells of another OS than the given one',
      { id: 'debian', osRelease: FEDORA },
      [
        'the given os-release would not merge this image: ID is debian, not fedora ' +
          '(the extension is made for debian, the host is fedora)',
      ],
    ],
    [
      'tells of another level than the given OS has',
      { osRelease: LEVELLED, environmentLevel: variable('2') },
      [
        'the given os-release would not merge this image: SYSEXT_LEVEL is 2, not 1.0 ' +
          '(SYSEXT_LEVEL differs; it replaces VERSION_ID)',
      ],
    ],
    [
      'is not needed for the family of the given OS',
      { id: 'debian', osRelease: 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID=26.04\n' },
      [],
    ],
  ])('%s', (_, request, warnings) => {
    expect(stamp(request).warnings).toEqual(warnings)
  })
})

describe('an error', () => {
  test.each<[string, Request, string, string]>([
    ['no ID anywhere', {}, 'BAD_RELEASE', 'the tree has no extension-release, and no OS'],
    [
      'a level without an ID',
      { environmentLevel: variable('1') },
      'BAD_RELEASE',
      'the tree has no',
    ],
    [
      'no ID in the tree',
      { tree: 'VERSION_ID=1\n' },
      'BAD_RELEASE',
      "the tree's extension-release has no ID",
    ],
    [
      'an empty file in the tree',
      { tree: '' },
      'BAD_RELEASE',
      "the tree's extension-release has no ID",
    ],
    [
      'an empty ID in the tree',
      { tree: 'ID=\n' },
      'BAD_RELEASE',
      'extension-release.foo: ID="" is empty',
    ],
    [
      'an os-release without ID',
      { osRelease: 'NAME=x\n' },
      'BAD_RELEASE',
      'the os-release has no ID',
    ],
    [
      'an os-release without ID beside an ID',
      { osRelease: '', id: 'a' },
      'BAD_RELEASE',
      'the os-release has no ID',
    ],
    ['an empty ID', { id: '' }, 'BAD_OPTION', 'ID="" is empty'],
    [
      'an ID of two words',
      { id: 'fedora linux' },
      'BAD_OPTION',
      'ID="fedora linux" has characters that are not allowed there',
    ],
    ['an ID of another alphabet', { id: 'фedora' }, 'BAD_OPTION', 'has characters'],
    ['an empty VERSION_ID', { id: 'a', versionId: '' }, 'BAD_OPTION', 'VERSION_ID="" is empty'],
    [
      'a VERSION_ID of two lines',
      { id: 'a', versionId: '1\nID=b' },
      'BAD_OPTION',
      'has a control character',
    ],
    ['an empty level', { id: 'a', level: '' }, 'BAD_OPTION', 'SYSEXT_LEVEL="" is empty'],
    [
      'a level in capitals',
      { id: 'a', level: 'A' },
      'BAD_OPTION',
      'SYSEXT_LEVEL="A" has characters',
    ],
    [
      'a level with a blank',
      { id: 'a', environmentLevel: variable('1 ') },
      'BAD_RELEASE',
      '$SYSEXT_LEVEL: SYSEXT_LEVEL="1 " has characters',
    ],
    [
      'a level of an os-release',
      { osRelease: 'ID=a\nSYSEXT_LEVEL=1+2\n' },
      'BAD_RELEASE',
      'os-release: SYSEXT_LEVEL="1+2" has characters',
    ],
    [
      'no scope',
      { id: 'a', scope: [] },
      'BAD_OPTION',
      'SYSEXT_SCOPE="" is empty, so the image is merged nowhere',
    ],
    [
      'an unknown scope',
      { id: 'a', scope: ['system', 'user'] },
      'BAD_OPTION',
      'has the unknown scope user',
    ],
    [
      'a scope with a comma',
      { tree: 'ID=a\nSYSEXT_SCOPE=system,initrd\n' },
      'BAD_RELEASE',
      'has the unknown scope system,initrd',
    ],
    [
      'an empty scope in the tree',
      { tree: 'ID=a\nSYSEXT_SCOPE=\n' },
      'BAD_RELEASE',
      'SYSEXT_SCOPE="" is empty',
    ],
    [
      'an architecture of Debian',
      { id: 'a', architecture: 'amd64' },
      'BAD_OPTION',
      'ARCHITECTURE="amd64" never matches a machine',
    ],
    [
      'an architecture of nobody',
      { id: 'a', architecture: 'z80' },
      'BAD_OPTION',
      'never matches a machine',
    ],
    [
      'an empty architecture',
      { id: 'a', architecture: '' },
      'BAD_OPTION',
      'ARCHITECTURE="" is empty',
    ],
    [
      'an architecture in the tree',
      { tree: 'ID=a\nARCHITECTURE=aarch64\n' },
      'BAD_RELEASE',
      'ARCHITECTURE="aarch64" never matches a machine',
    ],
    [
      'no truth value',
      { tree: 'ID=a\nEXTENSION_RELOAD_MANAGER=maybe\n' },
      'BAD_RELEASE',
      'is no truth value',
    ],
    [
      'an ID given twice',
      { id: 'a', properties: [['ID', 'b']] },
      'BAD_OPTION',
      'ID is given twice: a and b',
    ],
    [
      'a property given twice',
      {
        id: 'a',
        properties: [
          ['X', '1'],
          ['X', '2'],
        ],
      },
      'BAD_OPTION',
      'X is given twice: 1 and 2',
    ],
    [
      'a version given twice',
      { id: 'a', version: '1', properties: [['SYSEXT_VERSION_ID', '2']] },
      'BAD_OPTION',
      'SYSEXT_VERSION_ID is given twice',
    ],
    [
      'a property without a name',
      { id: 'a', properties: [['', '1']] },
      'BAD_OPTION',
      '"" is not the name of a field',
    ],
    [
      'a property with a blank in its name',
      { id: 'a', properties: [['A B', '1']] },
      'BAD_OPTION',
      '"A B" is not the name',
    ],
    [
      'a property of two lines',
      { id: 'a', properties: [['X', '1\n2']] },
      'BAD_OPTION',
      'X="1\\n2" has a control character',
    ],
    [
      'a version with an underscore',
      { id: 'a', version: '1_2' },
      'BAD_OPTION',
      '"1_2" is not a version',
    ],
    ['an empty version', { id: 'a', version: '' }, 'BAD_OPTION', '"" is not a version'],
    [
      'a name with a slash',
      { id: 'a', name: '../foo' },
      'BAD_NAME',
      'image name "../foo" has a slash',
    ],
    ['a name that is too long', { id: 'a', name: 'a'.repeat(240) }, 'BAD_NAME', 'the limit is 255'],
  ])('tells of %s', (_, request, code, message) => {
    expect(() => stamp(request)).toThrow(ImageError)
    expect(() => stamp(request)).toThrow(expect.objectContaining({ code }))
    expect(() => stamp(request)).toThrow(message)
  })

  test.each<[string, Request, string]>([
    ['what to give for a missing ID', {}, '--id _any'],
    [
      "systemd's name of an architecture",
      { id: 'a', architecture: 'x86_64' },
      'systemd calls it x86-64',
    ],
    ['the scopes', { id: 'a', scope: ['user'] }, 'the scopes are system, initrd, portable'],
    ['the letters of a level', { id: 'a', level: 'A' }, 'use lower-case letters, digits, dot'],
  ])('hints at %s', (_, request, hint) => {
    try {
      stamp(request)
      expect.unreachable()
    } catch (error) {
      expect(error instanceof ExtsignError && error.hint).toContain(hint)
    }
  })

  test.each<[string, Request, string]>([
    [
      'a NUL byte in the tree',
      { tree: 'ID=a\0' },
      'usr/lib/extension-release.d/extension-release.foo: NUL byte',
    ],
    ['a NUL byte in an os-release', { osRelease: 'ID=a\0' }, 'os-release: NUL byte'],
    [
      'an open quote in the tree',
      { tree: 'ID=a\nX="', level: '1' },
      'the last line ends in an open quote',
    ],
  ])('tells of %s', (_, request, message) => {
    expect(() => stamp(request)).toThrow(FormatError)
    expect(() => stamp(request)).toThrow(message)
  })
})

test('an image stamped for an OS is merged there', () => {
  const word = fc.stringMatching(/^[a-z0-9._-]{1,4}$/).filter((text) => text !== '_any')
  const maybe = fc.option(word, { nil: '' })
  const kind = fc.constantFrom('sysext', 'confext')
  fc.assert(
    fc.property(kind, word, maybe, maybe, (kind, id, versionId, level) => {
      const field = kind === 'sysext' ? 'SYSEXT_LEVEL' : 'CONFEXT_LEVEL'
      const osRelease = `ID=${id}\nVERSION_ID=${versionId}\n${field}=${level}\n`
      const { bytes, warnings } = stamp({ kind, osRelease, tree: 'ID=other\nVERSION_ID=0\n' })
      const host = parseEnvFile(encodeUtf8(osRelease), 'os-release')
      expect(warnings.filter((warning) => warning.includes('merge'))).toEqual([])
      expect(
        findMismatch(parseEnvFile(bytes, 'x'), host, { kind, scope: 'system' }),
      ).toBeUndefined()
    }),
  )
})
