import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FormatError } from '../../src/errors.ts'
import { parsePkcs11Uri } from '../../src/formats/pkcs11-uri.ts'

test('reads what narrows the search, and the way to the token', () => {
  const uri = 'pkcs11:token=My%20token;slot-id=3;object=release;id=%01%ff;type=private'
  expect(parsePkcs11Uri(`${uri}?module-path=/usr/lib/x.so&pin-source=file:/run/pin`)).toEqual({
    token: 'My token',
    slotId: 3,
    object: 'release',
    id: Uint8Array.of(1, 0xff),
    modulePath: '/usr/lib/x.so',
    pinSource: '/run/pin',
    hasPinValue: false,
  })
})

test.each([
  ['pkcs11:', {}],
  ['pkcs11:token=', { token: '' }],
  ['pkcs11:object=%C3%A4', { object: 'ä' }],
  ['pkcs11:id=a%3Bb', { id: new TextEncoder().encode('a;b') }],
  ['pkcs11:?pin-source=file:///run/pin', { pinSource: '/run/pin' }],
  ['pkcs11:?pin-source=/run/pin', { pinSource: '/run/pin' }],
])('reads %s', (uri, expected) => {
  expect(parsePkcs11Uri(uri)).toEqual({ ...expected, hasPinValue: false })
})

test('does not keep a PIN', () => {
  const uri = parsePkcs11Uri('pkcs11:token=a?pin-value=12345678')
  expect(uri.hasPinValue).toBe(true)
  expect(JSON.stringify(uri)).not.toContain('1234')
})

describe('is refused, without the value', () => {
  test.each([
    ['token=secret', /does not begin with pkcs11:/],
    ['PKCS11:token=secret', /does not begin/],
    ['pkcs11:token=secret;token=secret', /token is there twice/],
    ['pkcs11:library-version=secret', /"library-version" is not one of/],
    ['pkcs11:token', /"token" is not one of/],
    ['pkcs11:token=a;;object=secret', /"" is not one of/],
    ['pkcs11:module-path=secret', /"module-path" is not one of token/],
    ['pkcs11:?token=secret', /"token" is not one of module-path/],
    ['pkcs11:?a=secret?b', /two question marks/],
    ['pkcs11:object=secret%', /two digits after it/],
    ['pkcs11:object=secret%2', /two digits after it/],
    ['pkcs11:object=secret%gg', /two digits after it/],
    ['pkcs11:object=%ffsecret', /not UTF-8/],
    ['pkcs11:object=secret%00', /not UTF-8/],
    ['pkcs11:type=public', /type must be private/],
    ['pkcs11:slot-id=0x1', /slot-id is not a number/],
    ['pkcs11:?pin-source=|secret', /pin-source must name a file/],
    ['pkcs11:?pin-source=', /pin-source must name a file/],
    [`pkcs11:object=${'secret'.repeat(1000)}`, /more than 4096/],
  ])('%s', (uri, message) => {
    expect(() => parsePkcs11Uri(uri)).toThrow(
      expect.objectContaining({
        name: 'FormatError',
        message: expect.stringMatching(message),
      }),
    )
    expect(() => parsePkcs11Uri(uri)).not.toThrow(/secret/)
  })
})

test('any text gives a value or a FormatError', () => {
  const text = fc.string({ unit: 'binary' }).map((rest) => `pkcs11:${rest}`)
  fc.assert(
    fc.property(text, (uri) => {
      try {
        parsePkcs11Uri(uri)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    }),
  )
})
