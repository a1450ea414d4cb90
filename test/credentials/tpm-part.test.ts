import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { inspectCredential } from '../../src/credentials/inspect.ts'
import { parsePcrSelection } from '../../src/credentials/pcr-selection.ts'
import { sealCredential } from '../../src/credentials/seal.ts'
import { makeTpmPart, unsealTpmPart } from '../../src/credentials/tpm-part.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { decodeCredential } from '../../src/formats/credential/decode.ts'
import { policyDigest } from '../../src/formats/tpm2/policy.ts'
import { parseStorageKey } from '../../src/formats/tpm2/storage-key.ts'
import type { Tpm } from '../../src/keys/tpm/index.ts'
import { CONTENT, readVector } from '../formats/credential/vectors.ts'

const PARENT =
  '005a0023000b00030440000000060080004300100003001000200339004d3ef5280296300107c97ad69ca1e09efc6c5549ec6cbdcbbfa3e735d1002037a1293f598c93996d832d871affb01dd600c118670d260a6c666772aaf80223'
/** The same point with the attributes of the older primary key. */
const LEGACY = PARENT.replace('00030440', '00030072')
const parent = (hex: string) => parseStorageKey(fromHex(hex)!)
const none = { bank: 'sha256', literal: new Map(), publicKey: undefined } as const
const offline = (hex: string) => ({ kind: 'offline', parent: parent(hex) }) as const

test('the worked example is sealed with the randomness it was sealed with', async () => {
  const vector = readVector('tpm2-pinned')
  const secret = vector.bytes('tpm-secret')
  const ephemeral = fromHex('fe940a8b356dc5d2039d6abe6bc15cbac6ecf5b464dd7880f7f9ec4fc1b85296')!
  const answers = [secret.slice(), ephemeral]
  const tpm = await makeTpmPart({
    sealer: offline(PARENT),
    policy: none,
    random: () => answers.shift()!,
  })
  const { credential } = sealCredential({
    ...CONTENT.metadata,
    secret: CONTENT.secret,
    tpm,
    random: () => CONTENT.iv,
  })
  expect(credential).toEqual(vector.credential)
})

test.each([
  [PARENT, 'tpm2, pinned'],
  [LEGACY, 'tpm2'],
])('the key decides which type it is', async (hex, type) => {
  const tpm = await makeTpmPart({ sealer: offline(hex), policy: none, random: randomBytes })
  const sealed = sealCredential({
    ...CONTENT.metadata,
    secret: CONTENT.secret,
    tpm,
    random: randomBytes,
  })
  expect(sealed.type.name).toBe(type)
  expect(tpm.storageKey.name).toEqual(parent(hex).name)
})

test('PCRs and public key make the policy that is stored', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = new TextEncoder().encode(`${publicKey.export({ type: 'spki', format: 'pem' })}`)
  const literal = new Map([[7, new Uint8Array(48).fill(1)]])
  const policy = { bank: 'sha384', literal, publicKey: { pcrMask: 0x800, pem } } as const
  const part = await makeTpmPart({ sealer: offline(LEGACY), policy, random: randomBytes })
  const digest = policyDigest({
    literal: { bank: 'sha384', values: literal },
    authorize: { publicKeyPem: pem },
  })
  expect(part.seal).toMatchObject({ pcrMask: 0x80, bank: 12, parentType: 35, policyHash: digest })
  const { credential } = sealCredential({
    ...CONTENT.metadata,
    secret: CONTENT.secret,
    tpm: part,
    random: randomBytes,
  })
  expect(inspectCredential(credential).tpm2?.policy).toBe(toHex(digest))
})

describe('unsealing', () => {
  /** A TPM that notes what it is asked for. */
  function fakeTpm(): { readonly tpm: Tpm; readonly asked: Parameters<Tpm['unseal']>[0][] } {
    const asked: Parameters<Tpm['unseal']>[0][] = []
    const unused = () => Promise.reject(new Error('not asked'))
    const unseal: Tpm['unseal'] = async (input) => {
      asked.push(input)
      return new Uint8Array(32)
    }
    const tpm = { readPcrs: unused, storageKey: unused, seal: unused, unseal, close: unused }
    return { tpm, asked }
  }

  test('hands the TPM what the headers say, and reads no signatures in vain', async () => {
    const { headers } = decodeCredential(readVector('tpm2-pinned').credential)
    const { tpm, asked } = fakeTpm()
    await unsealTpmPart(headers, tpm, () => Promise.reject(new Error('no signature')))
    expect(asked[0]).toMatchObject({
      parent: { kind: 'pinned' },
      pcrMask: 0,
      bank: 'sha256',
      authorize: undefined,
    })
  })

  test('reads the bank of systemd 252 that is none as SHA-256', async () => {
    const { headers } = decodeCredential(readVector('tpm2-pinned').credential)
    const { tpm, asked } = fakeTpm()
    const tpm2 = { ...headers.tpm2!, bank: 0xffff }
    const legacy = { ...headers, tpm2, parent: undefined }
    await unsealTpmPart(legacy, tpm, async () => new Map())
    expect(asked[0]).toMatchObject({ bank: 'sha256', parent: { kind: 'legacy', algorithm: 'ecc' } })
  })
})

describe('PCRs', () => {
  const value = 'ab'.repeat(32)
  test.each<[string, string | undefined, (readonly [number, boolean])[]]>([
    ['7', undefined, [[7, false]]],
    [
      '7+11,12',
      undefined,
      [
        [7, false],
        [11, false],
        [12, false],
      ],
    ],
    [
      'secure-boot-policy+kernel-boot',
      undefined,
      [
        [7, false],
        [11, false],
      ],
    ],
    [
      `7:sha256=${value}+11=${value}`,
      'sha256',
      [
        [7, true],
        [11, true],
      ],
    ],
    [
      `11=${value}+7`,
      undefined,
      [
        [11, true],
        [7, false],
      ],
    ],
    ['7:sha1', 'sha1', [[7, false]]],
    [`7:sha1=${'00'.repeat(20)}`, 'sha1', [[7, true]]],
    ['', undefined, []],
  ])('%j are read', (text, bank, expected) => {
    const { bank: found, pcrs } = parsePcrSelection(text)
    expect(found).toBe(bank)
    expect([...pcrs].map(([pcr, each]) => [pcr, each !== undefined])).toEqual(expected)
  })

  test.each([
    ['24', "'24' is no PCR"],
    ['-1', "'-1' is no PCR"],
    ['7+', "'' is no PCR"],
    ['7+7', 'PCR 7 is there twice'],
    ['boot', "'boot' is no PCR"],
    ['7:sha3', "'sha3' is no PCR bank"],
    ['7:sha1+11:sha256', 'all PCRs have to be of one bank'],
    ['7=', 'the value of PCR 7 is not hexadecimal'],
    ['7=xyz', 'the value of PCR 7 is not hexadecimal'],
    [`7:sha512=${value}`, 'the value of PCR 7 has 32 bytes, those of sha512 have 64'],
    [`7=${value}+11:sha1`, 'the value of PCR 7 has 32 bytes, those of sha1 have 20'],
  ])('%j are refused', (text, message) => {
    expect(() => parsePcrSelection(text)).toThrow(message)
  })
})
