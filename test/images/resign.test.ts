import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bytesSource } from '../../src/bytes/source.ts'
import { decodeGpt, editGpt, type Gpt, type GptPartition } from '../../src/formats/gpt/index.ts'
import { decodeSignedData } from '../../src/formats/pkcs7/decode.ts'
import { resultOf } from '../../src/images/read/attempt.ts'
import { openImage } from '../../src/images/read/open-image.ts'
import { collectRootHashes } from '../../src/images/read/root-hash-claims.ts'
import { resignImage } from '../../src/images/resign.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { withGrownCertificate } from '../keys/grow-certificate.ts'
import { makeTestKey, type TestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { buildImage, certificateOf, mutate, signingWith } from './fixtures.ts'

const folder = temporaryFolder()
const serial = (byte: number) => ({ serial: new Uint8Array(16).fill(byte) })
const KEYS = {
  rsa: makeTestKey('rsa2048', serial(1)),
  other: makeTestKey('rsa2048', serial(2)),
  p256: makeTestKey('p256', serial(3)),
  p384: makeTestKey('p384', serial(4)),
  // Its signature takes more than one block of the disk.
  long: withGrownCertificate(makeTestKey('rsa2048', serial(5)), 3000),
}
type KeyName = keyof typeof KEYS

const FILES = { 'usr/bin/hello': 'hello', 'usr/lib/data': new Uint8Array(300_000).fill(7) }
let number = 0

/** A fresh image, in a folder of its own. */
async function build(key: KeyName | undefined, options: object = {}): Promise<string> {
  const parent = join(folder, `${number++}`)
  const signing = key === undefined ? {} : { signing: signingWith(KEYS[key]) }
  await buildImage(parent, 'hello.sysext.raw', FILES, { ...signing, ...options })
  return join(parent, 'hello.sysext.raw')
}

const resign = (image: string, key: KeyName, options: object = {}) =>
  resignImage({ image, signing: signingWith(KEYS[key]), threads: 0, ...options })

async function expectSignedBy(image: string, key: TestKey): Promise<void> {
  const { verdict, findings } = await verifyImage(image, {
    certificates: [certificateOf(key)],
    threads: 0,
  })
  expect(findings.filter(({ ok }) => !ok)).toEqual([])
  expect(verdict).toBe('ok')
}

describe('the signature is replaced', () => {
  const pairs: [KeyName, KeyName][] = [
    ['rsa', 'other'],
    ['rsa', 'p256'],
    ['p256', 'rsa'],
    ['p384', 'p256'],
    ['rsa', 'long'],
    ['long', 'p256'],
    ['long', 'rsa'],
  ]
  test.each(pairs)('of %s by one of %s, and nothing else changes', async (from, to) => {
    const image = await build(from)
    const before = new Uint8Array(readFileSync(image))
    const result = await resign(image, to, { oldCertificates: [certificateOf(KEYS[from])] })
    expect(result).toMatchObject({ action: 'replaced', sidecars: [], warnings: [] })
    expect(result.bytesWritten).toBeLessThan(8192)
    await expectSignedBy(image, KEYS[to])
    const after = new Uint8Array(readFileSync(image))
    const { offset, size } = result.place
    expect(after.length).toBe(before.length)
    after.set(before.subarray(offset, offset + size), offset)
    expect(Buffer.compare(after, before)).toBe(0)
    expect(readdirSync(dirname(image)).filter((name) => name.startsWith('.'))).toEqual([])
  })

  test('and back again, which gives the old bytes', async () => {
    const image = await build('rsa')
    const before = readFileSync(image)
    await resign(image, 'p256')
    await resign(image, 'rsa')
    expect(readFileSync(image).equals(before)).toBe(true)
  })

  test.each([true, false])('with the certificate in it: %j', async (embedCertificate) => {
    const image = await build('rsa')
    const signing = signingWith(KEYS.other, embedCertificate)
    await resignImage({ image, signing, threads: 0 })
    await expectSignedBy(image, KEYS.other)
    const opened = await openImage(image)
    const [signature] = (await collectRootHashes(opened)).signatures
    await opened.close()
    expect(resultOf(signature?.message)?.certificates.length).toBe(embedCertificate ? 1 : 0)
  })

  test('beside the image too', async () => {
    const image = await build('rsa', { sidecars: true })
    const sidecar = join(dirname(image), 'hello.sysext.roothash.p7s')
    const { sidecars } = await resign(image, 'p256')
    expect(sidecars).toEqual([sidecar])
    expect(decodeSignedData(new Uint8Array(readFileSync(sidecar))).signers).toHaveLength(1)
    await expectSignedBy(image, KEYS.p256)
    expect(await resign(image, 'p256')).toMatchObject({ action: 'unchanged' })
  })

  test('also of an image of 4096-byte sectors', async () => {
    const image = await build('rsa', { sectorSize: 4096 })
    await resign(image, 'p256')
    await expectSignedBy(image, KEYS.p256)
  })
})

describe('the signature is added where there is none', () => {
  test.each([
    ['with sectors of 512 bytes', {}],
    ['with sectors of 4096 bytes', { sectorSize: 4096 }],
    ['that has a version', { version: '1.2' }],
  ])('to an image %s, which is then the one that is signed at once', async (_, options) => {
    const seed = { seed: undefined }
    const later = await build(undefined, { ...options, ...seed })
    const atOnce = await build('rsa', { ...options, ...seed })
    const versioned = 'version' in options ? join(dirname(later), 'hello_1.2.sysext.raw') : later
    copyFileSync(later, versioned)
    expect(await resign(versioned, 'rsa')).toMatchObject({ action: 'added' })
    expect(readFileSync(versioned).equals(readFileSync(atOnce))).toBe(true)
  })

  test('to an image with a seed of its own, where that is known', async () => {
    const seed = 'ffeeddcc-bbaa-4998-8776-655443322110'
    const later = await build(undefined, { seed })
    const guessed = join(dirname(later), 'guessed.sysext.raw')
    copyFileSync(later, guessed)
    const atOnce = await build('rsa', { seed })
    await resign(later, 'rsa', { seed })
    expect(readFileSync(later).equals(readFileSync(atOnce))).toBe(true)
    await expect(
      resign(guessed, 'rsa', { seed: '00000000-0000-4000-8000-000000000000' }),
    ).rejects.toThrow(/another seed/)
    await resign(guessed, 'rsa')
    const table = await decodeGpt(bytesSource(new Uint8Array(readFileSync(guessed))))
    expect(table.problems).toEqual([])
  })

  test.each([512, 4096] as const)('at the end, where there is no room: %d', async (sectorSize) => {
    const image = await build(undefined, { sectorSize })
    const full = await fillRoom(image, sectorSize)
    const before = new Uint8Array(readFileSync(full))
    const result = await resign(full, 'rsa')
    expect(result).toMatchObject({ action: 'added', place: { kind: 'growth' } })
    expect(statSync(full).size).toBe(result.place.imageSize)
    const after = new Uint8Array(readFileSync(full))
    const table = await decodeGpt(bytesSource(after))
    expect(table.problems).toEqual([])
    const [data, hash, signature] = table.partitions
    expect(data).toBeDefined()
    expect(signature?.offset).toBe(result.place.offset)
    const end = hash!.offset + hash!.size
    expect(Buffer.compare(after.subarray(8 * 4096, end), before.subarray(8 * 4096, end))).toBe(0)
  })
})

test('a partition that is too small is left for one that is not', async () => {
  const image = await build('rsa')
  await retable(image, 2, ({ firstLba }) => ({ lastLba: firstLba + 7 }))
  await expectSignedBy(image, KEYS.rsa)
  expect(await resign(image, 'p256')).toMatchObject({ place: { kind: 'partition', size: 4096 } })
  const { place } = await resign(image, 'long')
  expect(place).toMatchObject({ kind: 'growth', size: 16_384 })
  await expectSignedBy(image, KEYS.long)
  await resign(image, 'rsa')
  await expectSignedBy(image, KEYS.rsa)
})

describe('nothing is written', () => {
  test('where the image has this signature already', async () => {
    const image = await build('p256')
    const { mtimeNs } = statSync(image, { bigint: true })
    expect(await resign(image, 'p256')).toMatchObject({ action: 'unchanged', bytesWritten: 0 })
    expect(statSync(image, { bigint: true }).mtimeNs).toBe(mtimeNs)
  })

  test('in a dry run, and nothing is signed', async () => {
    const image = await build('rsa')
    const before = readFileSync(image)
    const signer = { sign: () => Promise.reject(new Error('signed')) }
    const signing = { signer, certificate: KEYS.p256.certificate }
    const dry = { dryRun: true, threads: 0 }
    expect(await resignImage({ image, signing, ...dry })).toMatchObject({ action: 'replaced' })
    expect(readFileSync(image).equals(before)).toBe(true)
  })

  const faults: readonly [string, (image: string) => Promise<unknown>, object][] = [
    ['data is damaged', async (image) => flip(image, 1 << 18), { code: 'NOT_VERIFIED' }],
    ['the table is damaged', async (image) => flip(image, 520), { code: 'NOT_VERIFIED' }],
    [
      'the signature is of something else',
      async (image) => {
        const opened = await openImage(image)
        const at = opened.signature!.offset + 20
        await opened.close()
        flip(image, at)
      },
      { code: 'NOT_VERIFIED' },
    ],
    [
      'it is no image',
      async (image) => writeFileSync(image, 'x'.repeat(9000)),
      { name: 'FormatError' },
    ],
    ['it is not there', async (image) => copyFileSync('/dev/null', `${image}.x`), {}],
  ]
  test.each(faults)('where %s', async (name, damage, expected) => {
    const image = await build('rsa')
    await damage(image)
    const target = name === 'it is not there' ? `${image}.missing` : image
    const before = existsSync(target) ? readFileSync(target) : undefined
    await expect(resign(target, 'p256')).rejects.toThrow(expect.objectContaining(expected))
    if (before) expect(readFileSync(target).equals(before)).toBe(true)
  })

  test('where somebody else has signed it', async () => {
    const image = await build('rsa')
    const options = { oldCertificates: [certificateOf(KEYS.other)] }
    await expect(resign(image, 'p256', options)).rejects.toThrow(
      expect.objectContaining({
        code: 'NOT_VERIFIED',
        message: expect.stringMatching(/signature/),
      }),
    )
    await expect(resign(await build(undefined), 'p256', options)).rejects.toThrow(/not signed/)
  })

  test('where the key is not that of the certificate', async () => {
    const image = await build('rsa')
    const before = readFileSync(image)
    const signing = { ...signingWith(KEYS.other), certificate: KEYS.rsa.certificate }
    await expect(
      resignImage({ image, signing: { ...signing, embedCertificate: false }, threads: 0 }),
    ).rejects.toThrow(expect.objectContaining({ code: 'BAD_SIGNATURE' }))
    expect(readFileSync(image).equals(before)).toBe(true)
  })
})

test('without hashing the data, damage in it is not looked for, and the seals are', async () => {
  const image = await build('rsa')
  flip(image, 1 << 18)
  await expect(resign(image, 'p256')).rejects.toThrow(/does not verify: data/)
  expect(await resign(image, 'p256', { verifyData: false })).toMatchObject({ action: 'replaced' })
  const opened = await openImage(image)
  const top = opened.hash!.offset + 4096
  await opened.close()
  flip(image, top)
  await expect(resign(image, 'rsa', { verifyData: false })).rejects.toThrow(/root hash/)
})

function flip(image: string, offset: number): void {
  mutate(image, image, (bytes) => {
    bytes[offset]! ^= 1
  })
}

/** The image with a hash partition that takes the room that was kept for the signature. */
async function fillRoom(image: string, sectorSize: 512 | 4096): Promise<string> {
  const full = join(dirname(image), `full-${sectorSize}-${basename(image)}`)
  copyFileSync(image, full)
  await retable(full, 1, (_, { lastUsableLba }) => ({ lastLba: Number(lastUsableLba) }))
  return full
}

/** Changes an entry of the partition table. */
async function retable(
  image: string,
  index: number,
  change: (partition: GptPartition, gpt: Gpt) => Partial<GptPartition>,
): Promise<void> {
  const bytes = new Uint8Array(readFileSync(image))
  const gpt = await decodeGpt(bytesSource(bytes))
  const old = gpt.partitions[index]!
  const partition = { ...old, ...change(old, gpt) }
  const edit = { gpt, index, imageSize: bytes.length, partition }
  const { backup, primary } = await editGpt(bytesSource(bytes), edit)
  for (const patch of [...backup, ...primary]) bytes.set(patch.bytes, patch.offset)
  writeFileSync(image, bytes)
}
