import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FormatError } from '../../../src/errors.ts'
import { formatPem, parsePem } from '../../../src/formats/x509/pem.ts'

test('parsing inverts formatting', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (der) => {
      expect(parsePem(formatPem('CERTIFICATE', der))).toEqual([
        { label: 'CERTIFICATE', der, hasHeaders: false },
      ])
    }),
  )
})

test('lines are 64 characters long and the last one ends with a newline', () => {
  const text = formatPem('CERTIFICATE', new Uint8Array(100))
  expect(text.split('\n').map((line) => line.length)).toEqual([27, 64, 64, 8, 25, 0])
})

test('blocks come in order, with text around them and CRLF at the ends of lines', () => {
  const text = `a comment\n${formatPem('A', Uint8Array.of(1))}another\n${formatPem('B', Uint8Array.of(2))}`
  const blocks = parsePem(text.replaceAll('\n', '\r\n'))
  expect(blocks.map(({ label, der }) => [label, ...der])).toEqual([
    ['A', 1],
    ['B', 2],
  ])
})

test('headers of an old encrypted key are recognised, its content is not', () => {
  const text =
    '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n'
  expect(parsePem(text)).toEqual([
    { label: 'RSA PRIVATE KEY', der: new Uint8Array(), hasHeaders: true },
  ])
})

const malformed = [
  ['no end', '-----BEGIN A-----\nAAAA\n', 'block A has no end'],
  ['the end of another', '-----BEGIN A-----\nAAAA\n-----END B-----\n', 'block A has no end'],
  ['characters that are not base64', '-----BEGIN A-----\nA*AA\n-----END A-----\n', 'not base64'],
  ['base64 without padding', '-----BEGIN A-----\nAAA\n-----END A-----\n', 'not base64'],
  ['bits beyond the last byte', '-----BEGIN A-----\nAB==\n-----END A-----\n', 'not base64'],
] as const
test.each(malformed)('refuses a block with %s', (_, text, message) => {
  expect(() => parsePem(text)).toThrow(FormatError)
  expect(() => parsePem(text)).toThrow(message)
})

test('text without a block gives nothing', () => {
  expect(parsePem('')).toEqual([])
  expect(parsePem('x-----BEGIN A-----\n-----BEGIN a-----\n-----END a-----\n')).toEqual([])
})
