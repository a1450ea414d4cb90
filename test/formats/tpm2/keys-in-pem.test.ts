import { type ECKeyPairOptions, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { FormatError } from '../../../src/errors.ts'
import { parsePolicyKey } from '../../../src/formats/tpm2/policy-key.ts'
import { parseStorageKey } from '../../../src/formats/tpm2/storage-key.ts'
import { formatPem } from '../../../src/formats/x509/pem.ts'

const rsa = (bits: number, publicExponent = 65537) =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent }).publicKey
const ec = (namedCurve: string, paramEncoding: 'named' | 'explicit' = 'named') =>
  generateKeyPairSync('ec', { namedCurve, paramEncoding } as ECKeyPairOptions<'pem', 'pem'> &
    object).publicKey as unknown as KeyObject
const pem = (key: KeyObject) => Buffer.from(key.export({ type: 'spki', format: 'pem' }))

describe('a storage key in PEM has the template of the storage root key', () => {
  test('P-256', () => {
    const key = ec('P-256')
    const { x, y } = key.export({ format: 'jwk' })
    const point = [x, y].map((value) => `0020${toHex(Buffer.from(value!, 'base64url'))}`).join('')
    const area = `0023000b00030472000000060080004300100003 0010${point}`.replace(' ', '')
    const parsed = parseStorageKey(pem(key))
    expect(toHex(parsed.tpm2bPublic)).toBe(`005a${area}`)
    expect(parsed).toMatchObject({ algorithm: 'ecc', template: 'srk' })
  })

  test('RSA 2048', () => {
    const key = rsa(2048)
    const modulus = toHex(Buffer.from(key.export({ format: 'jwk' }).n!, 'base64url'))
    const head = '0001000b0003047200000006008000430010080000000000'
    const parsed = parseStorageKey(pem(key))
    expect(toHex(parsed.tpm2bPublic)).toBe(`011a${head}0100${modulus}`)
    expect(parsed).toMatchObject({ algorithm: 'rsa', template: 'srk' })
  })

  test('with text around it', () => {
    const text = Buffer.concat([Buffer.from('# storage root key\n'), pem(ec('P-384'))])
    expect(parseStorageKey(text).area).toMatchObject({ curve: 4 })
  })
})

describe('no storage key is', () => {
  test.each([
    ['RSA of 1024 bits', () => pem(rsa(1024)), 'RSA of 1024 bits'],
    ['RSA with the exponent 3', () => pem(rsa(2048, 3)), 'RSA exponent 3'],
    ['a key on another curve', () => pem(ec('secp256k1')), 'curve secp256k1'],
    ['a curve by its parameters', () => pem(ec('P-256', 'explicit')), 'expected tag 0x06'],
    ['Ed25519', () => pem(generateKeyPairSync('ed25519').publicKey), 'key of type 1.3.101.112'],
    ['a certificate', () => block('CERTIFICATE', 1), 'no PUBLIC KEY block, found CERTIFICATE'],
    ['a block of nonsense', () => block('PUBLIC KEY', 7), 'public key: '],
    ['a block that does not end', () => pem(ec('P-256')).subarray(0, 100), 'has no end'],
    ['a compressed point', () => compressed(), 'EC point is not in its uncompressed form'],
  ])('%s', (_, bytes, message) => {
    expect(() => parseStorageKey(bytes())).toThrow(message)
    expect(() => parseStorageKey(bytes())).toThrow(FormatError)
  })
})

describe('a policy key', () => {
  test.each([2048, 3072])('may be RSA of %i bits', (bits) => {
    const { area, name } = parsePolicyKey(pem(rsa(bits)))
    expect(area).toMatchObject({ keyBits: bits, exponent: 65537, attributes: 0x60040 })
    expect(name).toHaveLength(34)
  })

  test.each([
    ['EC', () => pem(ec('P-256')), 'p256 keys never unlock anything'],
    ['RSA of 1024 bits', () => pem(rsa(1024)), 'RSA of 1024 bits, TPMs take 2048, 3072, 4096'],
    ['RSA of 2047 bits', () => pem(rsa(2047)), 'RSA of 2047 bits'],
    ['RSA with the exponent 3', () => pem(rsa(2048, 3)), 'RSA exponent 3, TPMs take 65537'],
    ['nothing', () => Buffer.from(''), 'no PUBLIC KEY block, found no PEM at all'],
  ])('may not be %s', (_, bytes, message) => {
    expect(() => parsePolicyKey(bytes())).toThrow(message)
  })
})

function block(label: string, byte: number): Buffer {
  return Buffer.from(formatPem(label, Uint8Array.of(byte)))
}

/** A P-256 key with its point in compressed form. */
function compressed(): Buffer {
  const der = ec('P-256').export({ type: 'spki', format: 'der' })
  const point = der.subarray(-65)
  const algorithm = der.subarray(2, 23)
  const key = Buffer.concat([Buffer.of(0x03, 34, 0, 2), point.subarray(1, 33)])
  const body = Buffer.concat([algorithm, key])
  return Buffer.from(formatPem('PUBLIC KEY', Buffer.concat([Buffer.of(0x30, body.length), body])))
}
