import { describe, expect, test } from 'vitest'
import { toHex } from '../../../src/bytes/hex.ts'
import { policyDigest } from '../../../src/formats/tpm2/policy.ts'
import { parsePolicyKey } from '../../../src/formats/tpm2/policy-key.ts'
import { policyKeyPem } from './vectors.ts'

const filled = (byte: number, size = 32) => new Uint8Array(size).fill(byte)
const authorize = { publicKeyPem: policyKeyPem() }

test.each([
  ['nothing', {}, '0000000000000000000000000000000000000000000000000000000000000000'],
  [
    'two literal PCRs, whatever their order',
    {
      literal: {
        bank: 'sha256',
        values: new Map([
          [11, filled(0x22)],
          [7, filled(0x11)],
        ]),
      },
    },
    '8f811cfa40cbc2cae93bb41d35a0bdca4b2a3c00efd726215c1c992d74696cfe',
  ],
  [
    'a PIN alone',
    { pin: true },
    '8fcd2169ab92694e0c633f1ab772842b8241bbc20288981fc7ac1eddc1fddb0e',
  ],
  [
    'a signed policy',
    { authorize },
    '80d2bb6f3df737e522831d7262e79f9bfe2214d1ff3cbf8087a0f32da4c618c2',
  ],
  [
    'a signed policy and a literal PCR',
    { authorize, literal: { bank: 'sha256', values: new Map([[7, filled(0)]]) } },
    '97d918d7f2e5de3d8b6a5bf84b924e9a069be71f9fea6b4a220745043c47aa9b',
  ],
  [
    'a signed policy and no PCR at all',
    { authorize, literal: { bank: 'sha256', values: new Map() } },
    '80d2bb6f3df737e522831d7262e79f9bfe2214d1ff3cbf8087a0f32da4c618c2',
  ],
  // PCR 11 of a worked example of systemd-measure, before any boot phase.
  [
    'PCR 11 in the SHA-1 bank',
    {
      literal: {
        bank: 'sha1',
        values: new Map([[11, pcr('5177e4ad69db92192c10e5f80402bf81bfec8a81')]]),
      },
    },
    '9f061c527c017c524b0dbb10ffc15382d862c6d1b9468d715e97ae7ad3df1aff',
  ],
  [
    'PCR 11 in the SHA-256 bank',
    {
      literal: {
        bank: 'sha256',
        values: new Map([
          [11, pcr('37b48bd0b222394dbe3cceff2fca4660c4b0a90ae9369ec90b42f14489989c13')],
        ]),
      },
    },
    'c22af341d2137e3ddccea7b685d3fd1e0742b09cbd0524c544d50b95af928082',
  ],
  [
    'PCR 11 in the SHA-384 bank',
    {
      literal: {
        bank: 'sha384',
        values: new Map([
          [
            11,
            pcr(
              '5573f9b2caf55b1d0a6a701f890662d682af961899f0419cf1e2d5ea4a6a68c1f25bd4f5b8a0865eeee82af90f5cb087',
            ),
          ],
        ]),
      },
    },
    'ba30fc5510aa23dde815545a51c862b85cb5dee198aa36c2fc749c6e40ece232',
  ],
] as const)('the digest of %s', (_, parts, expected) => {
  expect(toHex(policyDigest(parts))).toBe(expected)
})

test('a policy key has its TPM name and its fingerprint', () => {
  const key = parsePolicyKey(policyKeyPem())
  expect(toHex(key.name)).toBe(
    '000bdf31d0c306ba5de027b8e3657050d7b8cf3084b96ac5d45082b36fd40c6ce6bb',
  )
  expect(toHex(key.fingerprint)).toBe(
    '71e953f3293586f615e64c7a84b8ef3158e792b7d9525c7284535cb4b20a88e4',
  )
  expect(parsePolicyKey(policyKeyPem(), { zeroExponent: true }).area.exponent).toBe(0)
})

describe('refuses', () => {
  test.each([
    ['PCR 24', 'sha256', 24, 32, 'PCR 24'],
    ['PCR -1', 'sha256', -1, 32, 'PCR -1'],
    ['half a PCR', 'sha256', 0.5, 32, 'PCR 0.5'],
    ['a SHA-1 value in the SHA-256 bank', 'sha256', 7, 20, 'PCR 7 has 20 bytes, sha256 has 32'],
    ['a SHA-256 value in the SHA-512 bank', 'sha512', 7, 32, 'PCR 7 has 32 bytes, sha512 has 64'],
  ] as const)('%s', (_, bank, pcr, size, message) => {
    const literal = { bank, values: new Map([[pcr, filled(1, size)]]) }
    expect(() => policyDigest({ literal })).toThrow(new RangeError(message))
  })
})

function pcr(hex: string): Uint8Array {
  return Buffer.from(hex, 'hex')
}
