import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  encodeSignatureLists,
  makeSignatureLists,
} from '../../src/formats/efi-signature-list/index.ts'
import { variablePayload } from '../../src/formats/efi-variable/index.ts'
import { findPayloadProblem, isPurpose, PURPOSES, type Purpose } from '../../src/keys/purpose.ts'

const text = (value: string) => new TextEncoder().encode(value)
const ROOT_HASH = text('0123456789abcdef'.repeat(4))
const attributes = Uint8Array.of(0x31, 0x66, ...new Uint8Array(102))
const variable = variablePayload({
  variable: 'db',
  data: encodeSignatureLists(makeSignatureLists({ certificates: [Uint8Array.of(0x30, 0)] })),
  time: new Date(0),
})
const accepts = (purpose: Purpose, payload: Uint8Array, digest: 'sha256' | 'sha512' = 'sha256') =>
  findPayloadProblem(purpose, { payload, digest }) === undefined

describe('what is signed for a purpose', () => {
  test.each([
    ['verity-root-hash', ROOT_HASH],
    ['pcr-policy', new Uint8Array(32).fill(7)],
    ['pcr-policy', new Uint8Array(64).fill(7)],
    ['authenticode', attributes],
    ['uefi-variable', variable],
  ] as const)('%s is signed', (purpose, payload) => {
    expect(accepts(purpose, payload)).toBe(true)
  })

  test.each([
    ['verity-root-hash', text('0123456789ABCDEF'.repeat(4))],
    ['verity-root-hash', text(`${'0123456789abcdef'.repeat(4)}\n`)],
    ['verity-root-hash', new Uint8Array(32)],
    ['verity-root-hash', new Uint8Array()],
    ['pcr-policy', ROOT_HASH],
    ['pcr-policy', new Uint8Array(33)],
    ['authenticode', ROOT_HASH],
    ['authenticode', text(`1${'a'.repeat(63)}`)],
    ['uefi-variable', ROOT_HASH],
    ['uefi-variable', text('d\0b\0 and so on')],
    ['uefi-variable', variable.subarray(0, -1)],
    ['uefi-variable', Uint8Array.of(0x30, ...variable)],
    ['uefi-variable', new Uint8Array(32)],
    ['uefi-variable', attributes],
  ] as const)('%s is not signed', (purpose, payload) => {
    expect(accepts(purpose, payload)).toBe(false)
  })

  test.each(['verity-root-hash', 'pcr-policy'] as const)('%s is hashed with SHA-256', (purpose) => {
    const payload = purpose === 'pcr-policy' ? new Uint8Array(32) : ROOT_HASH
    expect(accepts(purpose, payload, 'sha512')).toBe(false)
  })

  test('is never what another purpose signs', () => {
    const digits = fc.stringMatching(/^[0-9a-f]{64}$/).map(text)
    const bytes = fc.uint8Array({ maxLength: 200 })
    fc.assert(
      fc.property(fc.oneof(digits, bytes), (payload) => {
        expect(PURPOSES.filter((purpose) => accepts(purpose, payload)).length).toBeLessThan(2)
      }),
    )
  })
})

test('purposes have names', () => {
  expect(PURPOSES.every(isPurpose)).toBe(true)
  expect(isPurpose('root-hash')).toBe(false)
})
