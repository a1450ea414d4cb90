import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toBase64 } from '../../../src/bytes/base64.ts'
import {
  type CredentialFile,
  parseCredentialFile,
  replaceCredentials,
} from '../../../src/formats/credential/credential-file.ts'
import { formatCredential, formatUnitSetting } from '../../../src/formats/credential/text.ts'

const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'))
const parse = (text: string) => parseCredentialFile(bytes(text))
const found = (text: string) =>
  parse(text).credentials.map(({ bytes, setting }) => [
    setting?.line,
    setting?.unitName,
    Buffer.from(bytes).toString(),
  ])
/** With every credential replaced. */
const replaceAll = (file: CredentialFile, content: Uint8Array) =>
  Buffer.from(
    replaceCredentials(file, new Map(file.credentials.map((held) => [held, content]))),
  ).toString('latin1')

const A = 'QUFBQUFB' // AAAAAA
const B = 'QkJCQkJC' // BBBBBB

describe('reads', () => {
  test.each([
    ['base64 alone', `${A}\n${B}`, [[undefined, undefined, 'AAAAAABBBBBB']]],
    ['a setting', `SetCredentialEncrypted=a: ${A}`, [[1, 'a', 'AAAAAA']]],
    [
      'all of a drop-in',
      `[Service]\nSetCredentialEncrypted=a:${A}\nX=1\nSetCredentialEncrypted=b:${B}`,
      [
        [2, 'a', 'AAAAAA'],
        [4, 'b', 'BBBBBB'],
      ],
    ],
    [
      'a comment between its lines',
      `[Mount]\nSetCredentialEncrypted=a: \\\n# c\n ${A} \\\n;d\n ${B}\n`,
      [[2, 'a', 'AAAAAABBBBBB']],
    ],
    [
      'one that goes on to the end of the file',
      `[Swap]\nSetCredentialEncrypted=a: \\\n ${A} \\`,
      [[2, 'a', 'AAAAAA']],
    ],
    [
      'blanks around everything',
      `[Socket]\n  SetCredentialEncrypted  =  a :  QUFB ${A} `,
      [[2, 'a ', 'AAAAAAAAA']],
    ],
    [
      'the alphabet of URLs',
      `[Service]\nSetCredentialEncrypted=a:-_-_`,
      [[2, 'a', Buffer.from('+/+/', 'base64').toString()]],
    ],
    [
      'quotes, which are part of the name',
      `[Service]\nSetCredentialEncrypted="a":${A}`,
      [[2, '"a"', 'AAAAAA']],
    ],
    [
      'a backslash, which is not',
      `[Service]\nSetCredentialEncrypted=a\\b:${A}`,
      [[2, 'ab', 'AAAAAA']],
    ],
    [
      'specifiers',
      `[Service]\nSetCredentialEncrypted=a%%b%:${A}\nSetCredentialEncrypted=%i-x:${B}`,
      [
        [2, 'a%b%', 'AAAAAA'],
        [3, undefined, 'BBBBBB'],
      ],
    ],
  ])('%s', (_, text, expected) => {
    expect(found(text)).toEqual(expected)
  })

  test('which of them systemd uses', () => {
    const set = (name: string) => `SetCredentialEncrypted=${name}:${A}\n`
    const text = `[Service]\n${set('a')}${set('b')}${set('a')}${set('c')}SetCredential=c:x\n`
    const lines = (unit: string) =>
      parse(unit).credentials.map(({ setting }) => setting?.replacedIn)
    expect(lines(text)).toEqual([4, undefined, undefined, 6])
    expect(lines(`${text}SetCredential=\n${set('b')}`)).toEqual([4, 7, 7, 6, undefined])
    expect(lines(`${text}SetCredentialEncrypted=\n`)).toEqual([4, 7, 7, 6])
  })

  test.each([
    ['b', false],
    ['b:', false],
    ['b/:x', false],
    ['b:\\q', false],
    ['b:\\400', false],
    ['b:\\x4', false],
    ['b:x', true],
    [`b:${'x'.repeat(1_000_000)}`, true],
    ['b:\\x41\\n\\101\\s\\u00e9\\U0001f600', true],
    ['%i:x', false],
  ])('which SetCredential= takes its place: %#', (value, isTaken) => {
    const text = `[Service]\nSetCredentialEncrypted=b:${A}\nSetCredential=${value}\n`
    const [held] = parse(text).credentials
    expect(held?.setting?.replacedIn).toBe(isTaken ? 3 : undefined)
  })

  test('comments that are no text', () => {
    const text = `[Service]\n#\xe9\nSetCredentialEncrypted=b: \\\n;\xff\n${A}\n`
    expect(found(text)).toEqual([[3, 'b', 'AAAAAA']])
  })

  test('and says what systemd ignores', () => {
    const text = `SetCredentialEncrypted=a:!\n[Unit]\nSetCredentialEncrypted=b:\n[Service]\nSetCredentialEncrypted=c:${A}\n[X-Y]\nSetCredentialEncrypted=d:${A}\n`
    expect(found(text)).toEqual([[5, 'c', 'AAAAAA']])
    expect(parse(text).notes).toEqual([
      expect.stringMatching(/^line 1: systemd ignores .* in front of all sections/),
      expect.stringMatching(/^line 3: systemd ignores .* in \[Unit\]/),
      expect.stringMatching(/^line 7: systemd ignores .* in \[X-Y\]/),
    ])
  })
})

describe('refuses', () => {
  const service = (value: string) => `[Service]\nSetCredentialEncrypted=${value}\n`
  test.each([
    ['what is no text', `[Service]\nX-A=\xe9\n${service(`a:${A}`)}`, 'line 2: it is not UTF-8'],
    ['no character', `${service(`a:${A}`)}X-A=\xef\xbf\xbf\n`, 'line 3: it is not UTF-8'],
    ['a unit without any', '[Service]\nExecStart=x\n', 'it has no SetCredentialEncrypted='],
    [
      'one in the wrong place',
      `[Unit]\nSetCredentialEncrypted=a:${A}\n`,
      'line 2: systemd ignores',
    ],
    ['a setting that only resets', service(''), 'it has no SetCredentialEncrypted='],
    ['no name', service(`:${A}`), "line 2: '' cannot be the name: it is empty"],
    ['no value', service('a:'), 'line 2: SetCredentialEncrypted= has no NAME:BASE64'],
    ['no colon', service('a'), 'line 2: SetCredentialEncrypted= has no NAME:BASE64'],
    ['a value behind an empty line', service(`a: \\\n\n ${A}`), 'has no NAME:BASE64'],
    ['a name that is none', service(`a/b:${A}`), "line 2: 'a/b' cannot be the name"],
    ['a colon in the name', service(`a\\:b:${A}`), "line 2: 'a:b' cannot be the name"],
    ['quotes around the value', service(`a:"${A}"`), 'line 2: the value is not base64 at byte 35'],
    ['escapes in the value', service('a:\\x41'), 'line 2: the value is not base64 at byte 35'],
    ['half of the value', service(`a:${A.slice(1)}`), 'the base64 of the value is incomplete'],
    [
      'something behind the padding',
      service(`a:QQ==${A}`),
      'the base64 of the value is incomplete',
    ],
    ['a long line', service(`a:${'QUFB'.repeat(300_000)}`), 'line 2 has more than 1048576 bytes'],
  ])('%s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message)
  })
})

describe('puts another credential', () => {
  const content = bytes('x'.repeat(24))
  const base64 = toBase64(content)
  const setting = (lines: string) => `[Service]\nSetCredentialEncrypted=a: \\\n${lines}\nX=1\n`

  test.each([
    ['into one line', setting(`  ${A}`), setting(`  ${base64}`)],
    [
      'into more lines',
      setting(`\t${A} \\\n\t${B}`),
      setting(`\t${base64.match(/.{8}/g)?.join(' \\\n\t')}`),
    ],
    [
      'into fewer lines',
      setting(` ${[A, A, A, A, A, A].join('\\\n ')}`),
      setting(` ${base64.match(/.{8}/g)?.join('\\\n ')}`),
    ],
    [
      'behind a comment',
      setting(`  ${A} \\\n# c\n  ${B}`),
      setting(
        `  ${base64.slice(0, 8)} \\\n# c\n  ${base64.slice(8, 16)} \\\n  ${base64.slice(16, 24)} \\\n  ${base64.slice(24)}`,
      ),
    ],
    [
      'in front of comments that have no lines left',
      setting(` ${A}${A}${A} \\\n ${A} \\\n # c\n ${B} \\\n;d\n${B}`),
      setting(` ${base64.slice(0, 24)} \\\n ${base64.slice(24)} \\\n # c\n  \\\n;d\n`),
    ],
    ['into a file', `${A}\r\n${B}\r\n`, `${base64.match(/.{8}/g)?.join('\r\n')}\r\n`],
    [
      'into one that goes on to the end',
      `[Service]\nSetCredentialEncrypted=a:${A} \\`,
      `[Service]\nSetCredentialEncrypted=a:${base64} \\`,
    ],
  ])('%s', (_, before, after) => {
    expect(replaceAll(parse(before), content)).toBe(after)
  })

  test('in the place of one of several', () => {
    const text = `[Service]\n# \xe9\nSetCredentialEncrypted=a:${A}\r\nSetCredential=x:${A}\nSetCredentialEncrypted=b%%:${B}`
    const file = parse(text)
    const replaced = replaceCredentials(file, new Map([[file.credentials[1]!, content]]))
    expect(Buffer.from(replaced).toString('latin1')).toBe(text.replace(B, base64))
    expect(replaceCredentials(file, new Map())).toEqual(bytes(text))
  })

  test('in whatever layout, with every other byte as it was', () => {
    const end = fc.constantFrom('\n', '\r\n', '\r', '\0')
    const blanks = fc.constantFrom('', ' ', '\t  ')
    const gap = fc
      .tuple(blanks, end, fc.constantFrom('', '# c \\', '  ;d=SetCredentialEncrypted=x:'), blanks)
      .map(
        ([before, end, comment, after]) => `${before}\\${end}${comment}${comment && end}${after}`,
      )
    const content = fc.uint8Array({ minLength: 1, maxLength: 90 })
    const layout = fc.record({ width: fc.integer({ min: 1, max: 60 }), gap, head: gap })
    const written = fc.tuple(content, layout).map(([content, { width, gap, head }]) => {
      const lines = toBase64(content).match(new RegExp(`.{1,${width}}`, 'g')) ?? []
      return { content, head: `SetCredentialEncrypted=a:${head}`, lines, gap }
    })
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 4 }), content, (settings, other) => {
        const around = (index: number) => `\nX${index}=\xc3\xbf\\\n#\xff\n1\n`
        const text = settings
          .map(({ head, lines, gap }, index) => `${around(index)}${head}${lines.join(gap)}`)
          .join('')
        const file = parse(`[Service]${text}`)
        expect(file.credentials.map(({ bytes }) => bytes)).toEqual(
          settings.map(({ content }) => content),
        )
        const replaced = replaceAll(file, other)
        expect(parse(replaced).credentials.map(({ bytes }) => bytes)).toEqual(
          settings.map(() => other),
        )
        let from = 0
        for (const [index, { head }] of settings.entries()) {
          const expected = `${around(index)}${head}`
          from = replaced.indexOf(expected, from)
          expect(from).toBeGreaterThan(0)
        }
        // What goes in and comes out again leaves nothing behind.
        const now = parse(replaced)
        const original = new Map(
          now.credentials.map((held, index) => [held, settings[index]!.content]),
        )
        const back = replaceCredentials(now, original)
        expect(parseCredentialFile(back).credentials.map(({ bytes }) => bytes)).toEqual(
          settings.map(({ content }) => content),
        )
      }),
    )
  })

  test('of the same size in exactly the same lines', () => {
    const [first, second] = [new Uint8Array(300).fill(1), new Uint8Array(300).fill(2)]
    for (const format of [formatCredential, (b: Uint8Array) => formatUnitSetting('a', b)]) {
      const file = parse(format(first))
      expect(replaceAll(file, second)).toBe(format(second))
    }
  })
})
