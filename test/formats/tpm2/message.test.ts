import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../src/bytes/hex.ts'
import { decodeResponse, encodeCommand, responseSize } from '../../../src/formats/tpm2/message.ts'
import { describeResponseCode } from '../../../src/formats/tpm2/response-code.ts'

describe('commands', () => {
  const parameters = Uint8Array.of(0xaa)
  test('without a session', () => {
    const bytes = encodeCommand({ code: 0x144, handles: [], authorizations: [], parameters })
    expect(toHex(bytes)).toBe('8001' + '0000000b' + '00000144' + 'aa')
  })

  test('with a session have its area between handles and parameters', () => {
    const empty = new Uint8Array()
    const password = { session: 0x40000009, nonce: empty, attributes: 1, hmac: empty }
    const authorizations = [password]
    const bytes = encodeCommand({ code: 0x131, handles: [0x40000001], authorizations, parameters })
    const area = '40000009' + '0000' + '01' + '0000'
    expect(toHex(bytes)).toBe(`80020000001c000001314000000100000009${area}aa`)
  })
})

describe('responses', () => {
  const decode = (hex: string, handle = false, sessions = 0) =>
    decodeResponse(fromHex(hex.replaceAll(' ', ''))!, { handle, sessions })
  test('are read as the command promises', () => {
    expect(decode('8001 0000000e 00000000 80000000', true)).toMatchObject({ handle: 0x80000000 })
    expect(decode('8001 0000000a 00000921')).toMatchObject({ code: 0x921 })
    const answer = decode('8002 00000017 00000000 00000002 0001 0001 aa 00 0001 bb', false, 1)
    expect(answer.authorizations).toHaveLength(1)
  })

  test.each([
    ['a size that is not theirs', '8001 0000000b 00000000', 0, 'of 10 bytes says 11'],
    ['no sessions where one was sent', '8001 0000000a 00000000', 1, 'has tag 0x8001'],
    ['sessions where none was sent', '8002 0000000a 00000000', 0, 'has tag 0x8002'],
    ['parameters that are not there', '8002 0000000e 00000000 00000001', 1, 'parameters needs 1'],
    ['a session too few', '8002 0000000e 00000000 00000000', 1, 'size of nonce needs 2'],
  ])('with %s', (_, hex, sessions, message) => {
    expect(() => decode(hex, false, sessions)).toThrow(message)
  })

  test('larger than any TPM gives', () => {
    expect(() => decode('00'.repeat(4097))).toThrow('at most 4096 are read')
    expect(() => responseSize(fromHex('80010000100100000000')!)).toThrow('4097 bytes')
    expect(() => responseSize(fromHex('80010000000900000000')!)).toThrow('9 bytes')
  })
})

test.each([
  [0x1df, 0x09f, 'says that the integrity check failed (parameter 1)'],
  [0x3df, 0x09f, 'says that the integrity check failed (parameter 3)'],
  [0x18b, 0x08b, 'has nothing at this handle (handle 1)'],
  [0x98e, 0x08e, 'did not take the authorization, and counts failures (session 1)'],
  [0x921, 0x921, 'is in dictionary attack lockout'],
  [0x100, 0x100, 'was not started up'],
  [0x2c2, 0x082, 'refuses the attributes (parameter 2)'],
  [0x1bf, 0x0bf, 'answers with code 0x1bf (handle 1)'],
  [0x1ff, 0x0bf, 'answers with code 0x1ff (parameter 1)'],
  [0x07f, 0x07f, 'answers with code 0x07f'],
])('response code %i is of kind %i and %s', (code, kind, sentence) => {
  expect(describeResponseCode(code)).toMatchObject({ code, kind, sentence })
})
