import {
  constants,
  createDecipheriv,
  createECDH,
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
} from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { concat } from '../../../src/bytes/concat.ts'
import { fromHex, toHex } from '../../../src/bytes/hex.ts'
import { agreeOnSecret } from '../../../src/crypto/ecdh.ts'
import { Algorithm } from '../../../src/formats/tpm2/constants.ts'
import { deriveKey, deriveSharedKey } from '../../../src/formats/tpm2/key-derivation.ts'
import { objectName, PublicArea } from '../../../src/formats/tpm2/public-area.ts'
import { sealOffline } from '../../../src/formats/tpm2/seal-offline.ts'
import { decodeSealedBlob } from '../../../src/formats/tpm2/sealed-blob.ts'
import { serializeParent } from '../../../src/formats/tpm2/serialized-parent.ts'
import { parseStorageKey, type StoragePublicKey } from '../../../src/formats/tpm2/storage-key.ts'
import { sealedOffline as vector } from './vectors.ts'

const NONE = new Uint8Array()
const counting = (size: number) => Uint8Array.from({ length: size }, (_, index) => index + 1)

describe('the worked example', () => {
  const parent = parseStorageKey(vector('parent'))
  const draws: number[] = []
  const random = (size: number) => {
    draws.push(size)
    return vector('ephemeral-private')
  }
  const sealed = sealOffline({ parent, secret: vector('secret'), policy: undefined, random })
  const blob = decodeSealedBlob(sealed.blob)

  test('the parent has its name, and a template of its own', () => {
    expect(toHex(parent.name)).toBe(toHex(vector('parent-name')))
    expect(parent).toMatchObject({ algorithm: 'ecc', template: 'other' })
    expect(toHex(parent.tpm2bPublic)).toBe(toHex(vector('parent')))
  })

  test('the fresh key and the parent agree on a point', () => {
    const point = { x: vector('parent').slice(26, 58), y: vector('parent').slice(60, 92) }
    const { ephemeral, secret } = agreeOnSecret('p256', point, random)
    expect(toHex(ephemeral.x)).toBe(toHex(vector('ephemeral-x')))
    expect(toHex(ephemeral.y)).toBe(toHex(vector('ephemeral-y')))
    expect(toHex(secret)).toBe(toHex(vector('shared-x')))
    const seed = deriveSharedKey(secret, 'DUPLICATE', ephemeral.x, point.x, 32)
    expect(toHex(seed)).toBe(toHex(vector('seed')))
  })

  test('the keys are derived from seed and name', () => {
    const name = vector('name')
    expect(toHex(deriveKey(vector('seed'), 'STORAGE', name, 16))).toBe(toHex(vector('storage-key')))
    const integrity = deriveKey(vector('seed'), 'INTEGRITY', NONE, 32)
    expect(toHex(integrity)).toBe(toHex(vector('integrity-key')))
  })

  test('the blob is the one that was opened by others', () => {
    const privatePart = ['006c', '0020', toHex(vector('mac')), toHex(vector('encrypted'))]
    const publicPart = ['004e', toHex(vector('public'))]
    const seed = [
      '0044',
      '0020',
      toHex(vector('ephemeral-x')),
      '0020',
      toHex(vector('ephemeral-y')),
    ]
    expect(toHex(sealed.blob)).toBe([...privatePart, ...publicPart, ...seed].join(''))
    expect(sealed.blob).toHaveLength(260)
    expect(toHex(objectName(blob.public))).toBe(toHex(vector('name')))
    expect(toHex(PublicArea.write(blob.public))).toBe(toHex(vector('public')))
  })

  test('one fresh key is drawn, and nothing else', () => {
    expect(draws[0]).toBe(32)
    expect(toHex(sealed.policyHash)).toBe('00'.repeat(32))
  })

  test('the parent is serialised as tpm2-tss does it', () => {
    const expected = ['81000001', '0022', toHex(parent.name), '00000001', toHex(vector('parent'))]
    expect(toHex(serializeParent(parent))).toBe(expected.join(''))
    expect(toHex(serializeParent(parent, 0x81000002)).slice(0, 8)).toBe('81000002')
  })
})

describe('the owner of the parent recovers', () => {
  const policy = counting(32)
  const secret = counting(64)

  test.each(['prime256v1', 'secp384r1', 'secp521r1'] as const)('a secret, on %s', (curve) => {
    const ecdh = createECDH(curve)
    const point = new Uint8Array(ecdh.generateKeys())
    const size = (point.length - 1) / 2
    const code = { prime256v1: '0003', secp384r1: '0004', secp521r1: '0005' }[curve]
    const half = size.toString(16).padStart(4, '0')
    const [x, y] = [toHex(point.slice(1, 1 + size)), toHex(point.slice(1 + size))]
    const area = `0023000b00030472000000060080004300 10${code}0010${half}${x}${half}${y}`
    const parent = storageKey(area)
    const sealed = sealOffline({ parent, secret, policy, random: realRandom })
    const { seed } = decodeSealedBlob(sealed.blob)
    const ephemeral = { x: seed!.slice(2, 2 + size), y: seed!.slice(4 + size) }
    const shared = ecdh.computeSecret(concat(Uint8Array.of(4), ephemeral.x, ephemeral.y))
    const key = deriveSharedKey(shared, 'DUPLICATE', ephemeral.x, fromHex(x)!, 32)
    expect(unwrap(sealed.blob, key, 128)).toEqual({ secret: toHex(secret), seed: toHex(key) })
  })

  test.each([2048, 3072])('a secret, with RSA of %i bits', (bits) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
    const parent = rsaParent(publicKey, bits)
    const sealed = sealOffline({ parent, secret, policy, random: realRandom })
    const { seed } = decodeSealedBlob(sealed.blob)
    expect(seed).toHaveLength(bits / 8)
    const key = privateDecrypt(
      {
        key: privateKey,
        padding: constants.RSA_PKCS1_OAEP_PADDING,
        oaepHash: 'sha256',
        oaepLabel: Buffer.from('DUPLICATE\0'),
      },
      seed!,
    )
    expect(unwrap(sealed.blob, key, 128)).toEqual({ secret: toHex(secret), seed: toHex(key) })
  })

  test('a secret under a parent with AES-256', () => {
    const ecdh = createECDH('prime256v1')
    const point = toHex(new Uint8Array(ecdh.generateKeys()))
    const [x, y] = [point.slice(2, 66), point.slice(66)]
    const parent = storageKey(`0023000b0003047200000006010000430010000300100020${x}0020${y}`)
    const sealed = sealOffline({ parent, secret, policy, random: realRandom })
    const { seed } = decodeSealedBlob(sealed.blob)
    const shared = ecdh.computeSecret(concat(Uint8Array.of(4), seed!.slice(2, 34), seed!.slice(36)))
    const key = deriveSharedKey(shared, 'DUPLICATE', seed!.slice(2, 34), fromHex(x)!, 32)
    expect(unwrap(sealed.blob, key, 256).secret).toBe(toHex(secret))
  })
})

test('two seals of the same secret have nothing in common', () => {
  const parent = parseStorageKey(vector('parent'))
  const input = { parent, secret: vector('secret'), policy: undefined, random: realRandom }
  const [one, other] = [sealOffline(input), sealOffline(input)].map(({ blob }) =>
    decodeSealedBlob(blob),
  )
  expect(toHex(one!.private)).not.toBe(toHex(other!.private))
  expect(toHex(one!.public.unique)).not.toBe(toHex(other!.public.unique))
  expect(toHex(one!.seed!)).not.toBe(toHex(other!.seed!))
})

test('the object says its policy, and is fixed to nothing', () => {
  const parent = parseStorageKey(vector('parent'))
  const policy = counting(32)
  const sealed = sealOffline({ parent, secret: counting(32), policy, random: realRandom })
  expect(sealed.policyHash).toEqual(policy)
  const { attributes, authPolicy } = decodeSealedBlob(sealed.blob).public
  expect([attributes, authPolicy]).toEqual([0x400, policy])
})

describe('refuses', () => {
  const parent = parseStorageKey(vector('parent'))
  test.each([
    ['an empty secret', 0, 32, 'a secret of 0 bytes'],
    ['a secret of 129 bytes', 129, 32, 'a secret of 129 bytes'],
    ['a policy of 31 bytes', 32, 31, 'a policy digest of 31 bytes'],
    ['a policy of SHA-512', 32, 64, 'a policy digest of 64 bytes'],
  ])('%s', (_, secretSize, policySize, message) => {
    const input = { parent, secret: counting(secretSize), policy: counting(policySize) }
    expect(() => sealOffline({ ...input, random: realRandom })).toThrow(message)
  })

  test.each([
    ['only zeros', 0],
    ['only ones', 0xff],
  ])('a random source of %s', (_, byte) => {
    const random = (size: number) => new Uint8Array(size).fill(byte)
    const input = { parent, secret: counting(32), policy: undefined, random }
    expect(() => sealOffline(input)).toThrow('the bytes are not random')
  })
})

function realRandom(size: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(size))
}

function storageKey(area: string): StoragePublicKey {
  const bytes = fromHex(area.replaceAll(' ', ''))!
  return parseStorageKey(concat(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff), bytes))
}

function rsaParent(publicKey: KeyObject, bits: number): StoragePublicKey {
  const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n!, 'base64url')
  const [keyBits, size] = [bits, bits / 8].map((value) => value.toString(16).padStart(4, '0'))
  const area = `0001000b000304720000000600800043 0010${keyBits}00000000${size}${toHex(modulus)}`
  return storageKey(area)
}

/** What a TPM does when it imports, written a second time. */
function unwrap(blob: Uint8Array, seed: Uint8Array, bits: 128 | 256) {
  const sealed = decodeSealedBlob(blob)
  const name = objectName(sealed.public)
  expect(sealed.public.type).toBe(Algorithm.keyedHash)
  const [mac, encrypted] = [sealed.private.slice(2, 34), sealed.private.slice(34)]
  const integrityKey = deriveKey(seed, 'INTEGRITY', NONE, 32)
  const expected = createHmac('sha256', integrityKey).update(encrypted).update(name).digest()
  expect(toHex(mac)).toBe(toHex(expected))
  const key = deriveKey(seed, 'STORAGE', name, bits / 8)
  const decipher = createDecipheriv(`aes-${bits}-cfb`, key, new Uint8Array(16))
  const sensitive = toHex(decipher.update(encrypted))
  expect(sensitive.slice(4, 12)).toBe('00080000')
  return { seed: sensitive.slice(16, 80), secret: sensitive.slice(84) }
}
