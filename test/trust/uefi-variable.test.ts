import { describe, expect, test } from 'vitest'
import { equalBytes } from '../../src/bytes/equal.ts'
import {
  decodeSignatureLists,
  encodeSignatureLists,
  makeSignatureLists,
} from '../../src/formats/efi-signature-list/index.ts'
import { decodeVariableUpdate } from '../../src/formats/efi-variable/index.ts'
import { decodeBareSignedData } from '../../src/formats/pkcs7/decode.ts'
import { findDeviations } from '../../src/formats/pkcs7/deviation.ts'
import type { SigningRequest } from '../../src/keys/signer.ts'
import { verifySignedData } from '../../src/keys/verify-signature.ts'
import { makeEnrollment } from '../../src/trust/enrollment.ts'
import {
  attachVariableSignature,
  requestVariableSignature,
  signVariable,
} from '../../src/trust/uefi-variable.ts'
import { certificateOf, signingWith } from '../images/fixtures.ts'
import { makeTestKey, signRaw } from '../keys/test-keys.ts'

const platform = makeTestKey('rsa2048', { commonName: 'TEST-DO-NOT-USE PK' })
const exchange = makeTestKey('rsa2048', { commonName: 'TEST-DO-NOT-USE KEK' })
const release = makeTestKey('p256', { commonName: 'TEST-DO-NOT-USE release' })
const time = new Date('2026-11-28T10:00:00Z')
const data = encodeSignatureLists(makeSignatureLists({ certificates: [release.certificate] }))
const update = { variable: 'db', data, time } as const

test('the request says what is changed, for what purpose, and when', () => {
  const { purpose, digest, subject } = requestVariableSignature(update)
  expect({ purpose, digest, subject }).toEqual({
    purpose: 'uefi-variable',
    digest: 'sha256',
    subject: 'UEFI variable db: set to 1 entry, as of 2026-11-28T10:00:00.000Z',
  })
  const more = requestVariableSignature({
    ...update,
    variable: 'dbx',
    data: new Uint8Array(0),
    append: true,
  })
  expect(more.subject).toContain('UEFI variable dbx: add 0 entries')
})

test.each([
  ['RSA', exchange],
  ['EC', release],
] as const)('a signed variable verifies with the certificate inside: %s', async (_, key) => {
  const signed = await signVariable(update, signingWith(key))
  const decoded = decodeVariableUpdate(signed)
  expect(decoded.time).toEqual(time)
  expect(equalBytes(decoded.data, data)).toBe(true)
  const message = decodeBareSignedData(decoded.message)
  expect(findDeviations(message)).toEqual([])
  expect(message.certificates).toHaveLength(1)
  const { payload } = requestVariableSignature(update)
  expect(verifySignedData(message, payload, [certificateOf(key)]).kind).toBe('valid')
  for (const other of [{ append: true }, { variable: 'dbx' }, { time: new Date(0) }] as const) {
    const { payload: another } = requestVariableSignature({ ...update, ...other })
    expect(verifySignedData(message, another, [certificateOf(key)]).kind).toBe('bad-signature')
  }
})

test('the same input gives the same bytes', async () => {
  const sign = () => signVariable(update, signingWith(exchange))
  expect(await sign()).toEqual(await sign())
})

describe('refuses', () => {
  const { payload } = requestVariableSignature(update)
  test.each([
    ['of another key', signRaw(platform.key, payload)],
    ['of something else', signRaw(exchange.key, payload.subarray(1))],
    ['that is cut', signRaw(exchange.key, payload).subarray(1)],
    ['that is empty', new Uint8Array(0)],
  ])('a signature %s', async (_, signature) => {
    await expect(attachVariableSignature(update, exchange.certificate, signature)).rejects.toThrow(
      expect.objectContaining({ code: 'BAD_SIGNATURE' }),
    )
  })

  test('what is no signature list', () => {
    expect(() => requestVariableSignature({ ...update, data: data.subarray(1) })).toThrow(
      'signature list',
    )
  })
})

describe('an enrolment', () => {
  const options = { db: [release.certificate], time, platformKey: signingWith(platform) }

  test('is db, KEK and PK, each signed by whoever may', async () => {
    const { variables, warnings } = await makeEnrollment({
      ...options,
      exchangeKey: signingWith(exchange),
    })
    expect(warnings).toEqual([])
    const expected = [
      ['db', release, exchange],
      ['KEK', exchange, platform],
      ['PK', platform, platform],
    ] as const
    for (const [index, [variable, content, signer]] of expected.entries()) {
      const found = variables[index]!
      expect(found.variable).toBe(variable)
      const [list] = decodeSignatureLists(found.list)
      expect(list?.entries[0]?.data).toEqual(content.certificate)
      const { payload } = requestVariableSignature({ variable, data: found.list, time })
      const message = decodeBareSignedData(decodeVariableUpdate(found.signed).message)
      expect(verifySignedData(message, payload, [certificateOf(signer)]).kind).toBe('valid')
    }
  })

  test('with one key for all, and one owner', async () => {
    const owner = '5c8f2fd4-5a9b-4c0e-9d0c-6e6f1f2b7a31'
    const { variables } = await makeEnrollment({ ...options, owner })
    for (const { list } of variables) {
      expect(decodeSignatureLists(list)[0]?.entries[0]?.owner).toBe(owner)
    }
  })

  test('says what not every firmware verifies with', async () => {
    const { warnings } = await makeEnrollment({ ...options, platformKey: signingWith(release) })
    expect(warnings).toEqual([
      'CN=TEST-DO-NOT-USE release: every firmware verifies with RSA 2048, some not with EC P-256',
    ])
  })

  test('is asked once for each variable', async () => {
    const asked: SigningRequest[] = []
    const signing = signingWith(platform)
    const signer = {
      sign: async (request: SigningRequest) => {
        asked.push(request)
        return signing.signer.sign(request)
      },
    }
    await makeEnrollment({ ...options, platformKey: { ...signing, signer } })
    expect(asked.map(({ purpose }) => purpose)).toEqual(new Array(3).fill('uefi-variable'))
  })

  test('without anything in db is a mistake', async () => {
    await expect(makeEnrollment({ ...options, db: [] })).rejects.toThrow(RangeError)
  })
})
