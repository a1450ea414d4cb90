import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat } from '../../../src/bytes/concat.ts'
import { fromHex } from '../../../src/bytes/hex.ts'
import { encryptGcm } from '../../../src/crypto/aes-gcm.ts'
import { FormatError } from '../../../src/errors.ts'
import { decodeCredential, decryptCredential } from '../../../src/formats/credential/decode.ts'
import { encodeCredential } from '../../../src/formats/credential/encode.ts'
import type { CredentialHeaders } from '../../../src/formats/credential/headers.ts'
import { CREDENTIAL_TYPES, MODE_IDS } from '../../../src/formats/credential/types.ts'
import { CONTENT, readVector, VECTOR_NAMES } from './vectors.ts'

const KEY = readVector('null').key
const TPM = readVector('tpm2-pinned').credential

/** `bytes` with some of them replaced. */
function patch(bytes: Uint8Array, offset: number, hex: string): Uint8Array {
  const patched = bytes.slice()
  patched.set(fromHex(hex)!, offset)
  return patched
}

/** Headers of any type, with something in every field that the type has. */
function headersOf(type: CredentialHeaders['type']): CredentialHeaders {
  return {
    type,
    iv: CONTENT.iv,
    tpm2: type.tpm2
      ? {
          pcrMask: 0x880,
          bank: 11,
          parentType: 35,
          blob: new Uint8Array(241).fill(7),
          policyHash: new Uint8Array(32).fill(9),
        }
      : undefined,
    publicKey: type.publicKey ? { pcrMask: 0x800, pem: new Uint8Array(451).fill(0x41) } : undefined,
    parent: type.pinned ? new Uint8Array(137).fill(3) : undefined,
  }
}

const all = CREDENTIAL_TYPES.map((type) => [type.name, type] as const)

describe.each(all)('%s', (_, type) => {
  const headers = headersOf(type)
  const bytes = encodeCredential({ ...CONTENT, headers }, KEY)

  test('is decoded as it was encoded', () => {
    const sealed = decodeCredential(bytes)
    expect(sealed.headers).toEqual(headers)
    expect(sealed.additional.length % 8).toBe(0)
    expect(decryptCredential(sealed, KEY)?.metadata).toEqual(CONTENT.metadata)
  })

  test('is not opened when cut off anywhere', () => {
    for (let size = 0; size < bytes.length; size++) expectRefusal(bytes.subarray(0, size))
  })

  test('is not opened when one bit is another', () => {
    for (let offset = 0; offset < bytes.length; offset++) {
      const flipped = bytes.slice()
      flipped[offset]! ^= 1 << (offset % 8)
      expectRefusal(flipped)
    }
  })

  test('is not opened with a byte more', () => {
    expectRefusal(concat(bytes, new Uint8Array(1)))
  })
})

function expectRefusal(bytes: Uint8Array): void {
  expect(open(bytes)).toBeUndefined()
}

/** What is inside, or undefined where it does not open or is refused as it has to be. */
function open(bytes: Uint8Array): unknown {
  try {
    return decryptCredential(decodeCredential(bytes), KEY)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

test.each([...MODE_IDS])('the mode %s is no type', (id, mode) => {
  const bytes = patch(readVector('null').credential, 0, id)
  const message = `credential: type is ${mode}, which is never stored at byte 0`
  expect(() => decodeCredential(bytes)).toThrow(message)
})

const NULL = readVector('null').credential
const KEYED = encodeCredential(
  { ...CONTENT, headers: headersOf(CREDENTIAL_TYPES.find((each) => each.publicKey)!) },
  KEY,
)
/** 48 + 20 + 241 + 32, rounded up. */
const KEY_HEADER = 344

const refusals: readonly [what: string, bytes: Uint8Array, code: string, message: string][] = [
  ['nothing', new Uint8Array(0), 'TRUNCATED', 'type needs 16 bytes, the input ends at 0 at byte 0'],
  ['zeros', new Uint8Array(200), 'BAD_MAGIC', `type ${'0'.repeat(32)} is unknown at byte 0`],
  ['a key of 16 bytes', patch(NULL, 16, '10'), 'BAD_VALUE', 'key size is 16, not 32 at byte 16'],
  ['blocks of 16 bytes', patch(NULL, 20, '10'), 'BAD_VALUE', 'block size is 16, not 1 at byte 20'],
  ['no IV', patch(NULL, 24, '00'), 'OUT_OF_RANGE', 'IV size is 0, 1 to 128 are allowed at byte 24'],
  ['a huge IV', patch(NULL, 24, 'ffffffff'), 'OUT_OF_RANGE', 'IV size is 4294967295'],
  ['a short tag', patch(NULL, 28, '0c'), 'BAD_VALUE', 'tag size is 12, not 16 at byte 28'],
  [
    'an IV past the end',
    patch(NULL, 24, '40'),
    'TRUNCATED',
    'IV needs 64 bytes, the input ends at',
  ],
  ['stray padding', patch(NULL, 46, '01'), 'BAD_VALUE', 'padding is not zero at byte 46'],
  ['PCR 24', patch(TPM, 51, '01'), 'BAD_VALUE', 'PCR mask is 0x1000000, PCRs end at 23 at byte 48'],
  ['an unknown bank', patch(TPM, 56, '0700'), 'BAD_VALUE', 'PCR bank is 0x0007 at byte 56'],
  ['no bank with PCRs', patch(patch(TPM, 48, '80'), 56, 'ffff'), 'BAD_VALUE', 'bank is 0xffff'],
  ['an unknown parent', patch(TPM, 58, '0800'), 'BAD_VALUE', 'parent key is 0x0008 at byte 58'],
  ['no blob', patch(TPM, 60, '0000'), 'OUT_OF_RANGE', 'TPM blob of 0 bytes, 1 to 16384'],
  ['a huge blob', patch(TPM, 60, '01400000'), 'OUT_OF_RANGE', 'TPM blob of 16385 bytes'],
  ['a short policy', patch(TPM, 64, '10'), 'BAD_VALUE', 'policy hash is 16, not 32 at byte 64'],
  ['a huge parent', patch(TPM, 360, 'ffffffff'), 'OUT_OF_RANGE', 'parent key of 4294967295 bytes'],
  ['a parent past the end', patch(TPM, 360, '00400000'), 'TRUNCATED', 'parent key needs 16384'],
  [
    'no PCRs of a key',
    patch(KEYED, KEY_HEADER, '0000'),
    'BAD_VALUE',
    'public key is 0 at byte 344',
  ],
  [
    'a huge public key',
    patch(KEYED, KEY_HEADER + 8, '01001000'),
    'OUT_OF_RANGE',
    'public key of 1048577 bytes, 1 to 1048576 are allowed at byte 352',
  ],
  [
    'another scope',
    patch(readVector('host-scoped').credential, 48, '03'),
    'UNSUPPORTED',
    'scope flags are 3, not 7 at byte 48',
  ],
  [
    'nothing encrypted',
    NULL.subarray(0, 48 + 39),
    'TRUNCATED',
    '39 bytes after the headers, at least 40 are needed at byte 48',
  ],
  ['too much', new Uint8Array(1_179_649), 'TOO_LARGE', '1179649 bytes, at most 1179648'],
]

test.each(refusals)('refuses %s', (_, bytes, code, message) => {
  const error = { code, format: 'credential', message: expect.stringContaining(message) }
  expect(() => decodeCredential(bytes)).toThrow(expect.objectContaining(error))
})

test('takes what systemd 252 writes for a bank without PCRs', () => {
  expect(decodeCredential(patch(TPM, 56, 'ffff')).headers.tpm2?.bank).toBe(0xffff)
})

test('takes IVs of other sizes', () => {
  const additional = concat(NULL.subarray(0, 24), fromHex('10000000')!, NULL.subarray(28, 32))
  const iv = new Uint8Array(16).fill(5)
  const metadata = fromHex('ff'.repeat(16) + '00'.repeat(8))!
  const headers = concat(additional, iv)
  const { ciphertext, tag } = encryptGcm({ key: KEY, iv, additional: headers }, metadata)
  const opened = decryptCredential(decodeCredential(concat(headers, ciphertext, tag)), KEY)
  expect(opened?.metadata).toEqual({ timestamp: undefined, notAfter: undefined, name: undefined })
})

describe('metadata with the right tag', () => {
  const seal = (metadata: string) => {
    const additional = NULL.subarray(0, 48)
    const iv = CONTENT.iv
    const plaintext = fromHex(metadata.replaceAll(' ', ''))!
    const { ciphertext, tag } = encryptGcm({ key: KEY, iv, additional }, plaintext)
    return decodeCredential(concat(additional, ciphertext, tag))
  }
  const never = 'ff'.repeat(8)
  test.each([
    ['0200000000000000 0100000000000000 00000000 00000000', 'it ends before it begins'],
    ['0200000000000000 0200000000000000 00000000 00000000', 'it ends before it begins'],
    [`${never} ${never} 05000000 666f6f00`, 'name of 5 bytes does not fit'],
    [`${never} ${never} ffffffff 666f6f00`, 'name of 4294967295 bytes does not fit'],
    [`${never} ${never} 03000000 662f6f00`, "embedded name: '/' is not allowed"],
    [`${never} ${never} 03000000 66006f00`, 'only printable ASCII characters are allowed'],
    [`${never} ${never} 03000000 66ff6f00`, 'embedded name: it is not text'],
    [`${never} ${never} 02000000 2e2e0000`, "embedded name: '..' is a folder"],
  ])('%s is refused', (metadata, message) => {
    expect(() => decryptCredential(seal(metadata), KEY)).toThrow(message)
  })
})

test('any bytes give a value or a FormatError', () => {
  const start = fc.constantFrom(...CREDENTIAL_TYPES.map(({ id }) => fromHex(id)!))
  const rest = fc.uint8Array({ maxLength: 400 })
  fc.assert(
    fc.property(start, rest, (id, tail) => void open(concat(id, tail))),
    { numRuns: 500 },
  )
  for (const name of VECTOR_NAMES) {
    const { credential } = readVector(name)
    const edit = fc.tuple(fc.nat(credential.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
        const edited = credential.slice()
        for (const [offset, byte] of edits) edited[offset] = byte
        open(edited)
      }),
      { numRuns: 500 },
    )
  }
})

test('encoding inverts decoding, whatever the content', () => {
  const time = fc.option(fc.bigInt({ min: 0n, max: 2n ** 63n }), { nil: undefined })
  const name = fc.option(fc.stringMatching(/^[A-Za-z0-9_.-]{1,40}[a-z]$/), { nil: undefined })
  const secret = fc.uint8Array({ maxLength: 200 })
  const type = fc.constantFrom(...CREDENTIAL_TYPES)
  fc.assert(
    fc.property(type, time, name, secret, (type, timestamp, name, secret) => {
      const metadata = {
        timestamp,
        notAfter: timestamp === undefined ? undefined : timestamp + 1n,
        name,
      }
      const bytes = encodeCredential({ headers: headersOf(type), metadata, secret }, KEY)
      const opened = decryptCredential(decodeCredential(bytes), KEY)!
      expect(opened.metadata).toEqual(metadata)
      expect(new Uint8Array(opened.secret)).toEqual(secret)
    }),
  )
})
