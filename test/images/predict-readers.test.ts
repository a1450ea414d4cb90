/** What readers would do with images that they understand in another way than one might think. */

import { basename, dirname, join } from 'node:path'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { beforeAll, describe, expect, test } from 'vitest'
import { alignUp } from '../../src/bytes/align.ts'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { encodeUtf8 } from '../../src/bytes/utf8.ts'
import { encodeVeritySignature } from '../../src/formats/verity-signature.ts'
import { Oid } from '../../src/formats/x509/oids.ts'
import { formatPem } from '../../src/formats/x509/pem.ts'
import type { BuildResult } from '../../src/images/options.ts'
import { signRootHash } from '../../src/images/sign.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { wrapFilesystem } from '../../src/images/wrap.ts'
import { readVector } from '../formats/erofs/vectors.ts'
import { makeTestKey, signRaw, type TestKey } from '../keys/test-keys.ts'
import {
  type CraftedPartition,
  layOut,
  seal,
  sealedPartitions,
  typeOf,
} from '../support/craft-image.ts'
import { damage, makeCraftedTrees } from '../support/crafted-images.ts'
import { makeImageOfTree } from '../support/image-of-tree.ts'
import { writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { buildImage, certificateOf, mutate, signingWith } from './fixtures.ts'

const folder = temporaryFolder()
const key = makeTestKey('rsa2048')
const trusted = { certificates: [certificateOf(key)], threads: 0 }
const FILES = { 'usr/bin/hello': 'hello' }

let image: BuildResult
let trees: readonly [root: Buffer, usr: Buffer]

beforeAll(async () => {
  image = await buildImage(folder, 'hello.raw', FILES, { signing: signingWith(key) })
  trees = await makeCraftedTrees(folder)
})

describe('a certificate made by one the kernel knows', () => {
  const authority = makeTestKey('p256', {
    commonName: 'authority',
    serial: new Uint8Array(16).fill(1),
  })
  const certificates = [certificateOf(authority, 'authority.crt')]

  test('is enough for the kernel, which follows it inside the message, but not for userspace', async () => {
    const leaf = issueBy(authority, makeTestKey('p256', { commonName: 'leaf' }))
    const built = await buildImage(folder, 'chain.raw', FILES, { signing: signingWith(leaf) })
    const { readers } = await verifyImage(built.output, { certificates })
    expect(readers[0]).toMatchObject({
      verdict: 'accepts',
      reason: expect.stringMatching('which issued the certificate in the signature'),
    })
    expect(readers[1]?.verdict).toBe('refuses')
    const certificatesOfLeaf = [certificateOf(leaf, 'leaf.crt')]
    const direct = await verifyImage(built.output, { certificates: certificatesOfLeaf })
    expect(direct.readers.map(({ verdict }) => verdict)).toEqual(['accepts', 'accepts', 'accepts'])
  })

  test.each(['none', 'another'] as const)(
    'is of no use with %s for the key identifier of its issuer',
    async (identifier) => {
      const leaf = issueBy(authority, makeTestKey('p256', { commonName: 'leaf' }), identifier)
      const name = `chain-${identifier}.raw`
      const built = await buildImage(folder, name, FILES, { signing: signingWith(leaf) })
      const { readers } = await verifyImage(built.output, { certificates })
      expect(readers[0]).toMatchObject({
        verdict: 'refuses',
        reason: expect.stringMatching(/^ENOKEY:/),
      })
    },
  )
})

test('a signature that contradicts its own certificate is refused before a key is looked for', async () => {
  const stranger = signingWith(makeTestKey('rsa2048', { commonName: 'stranger' }))
  const { pkcs7 } = await signRootHash('0'.repeat(64), stranger, 'another image')
  const signature = encodeVeritySignature({ rootHash: fromHex(image.rootHash)!, signature: pkcs7 })
  const copied = mutate(image.output, join(folder, 'copied', 'hello.raw'), (bytes) => {
    bytes.set(signature, image.partitions[2]!.offset)
  })
  expect((await verifyImage(copied, trusted)).readers[0]).toMatchObject({
    verdict: 'refuses',
    reason: expect.stringMatching(/^EKEYREJECTED/),
  })
})

test('of a message in BER, which OpenSSL and Linux read, nothing is claimed', async () => {
  const { pkcs7 } = await signRootHash(image.rootHash, signingWith(key), 'the image')
  // The outermost length left open: 30 82 xx xx … becomes 30 80 … 00 00.
  const signature = Buffer.concat([Buffer.of(0x30, 0x80), pkcs7.subarray(4), Buffer.of(0, 0)])
  const content = encodeVeritySignature({ rootHash: fromHex(image.rootHash)!, signature })
  const changed = mutate(image.output, join(folder, 'ber', 'hello.raw'), (bytes) => {
    bytes.set(content, image.partitions[2]!.offset)
  })
  const { verdict, readers } = await verifyImage(changed, {
    ...trusted,
    imagePolicy: 'root=signed+absent:usr=signed+absent',
  })
  expect(verdict).toBe('wrong')
  expect(readers.map((each) => each.verdict)).toEqual(['unproven', 'unproven', 'unproven'])
  expect(readers[2]!.reason).toMatch('the signature is not read here: pkcs7: indefinite length')
})

test('of a signature that is no message at all, refusal is claimed', async () => {
  const signature = encodeUtf8('not a message')
  const content = encodeVeritySignature({ rootHash: fromHex(image.rootHash)!, signature })
  const changed = mutate(image.output, join(folder, 'no-message', 'hello.raw'), (bytes) => {
    bytes.set(content, image.partitions[2]!.offset)
  })
  const { readers } = await verifyImage(changed, trusted)
  expect(readers.slice(0, 2).map((each) => each.verdict)).toEqual(['refuses', 'refuses'])
})

describe('systemd', () => {
  const systemdFor = async (path: string, options = {}) =>
    (await verifyImage(path, { ...trusted, ...options })).readers[2]
  const accepts = expect.objectContaining({ verdict: 'accepts' })
  const refuses = (reason: RegExp) =>
    expect.objectContaining({ verdict: 'refuses', reason: expect.stringMatching(reason) })
  const flipped = (name: string, offsets: readonly number[]) =>
    mutate(image.output, join(folder, name, 'hello.raw'), (bytes) => {
      for (const offset of offsets) bytes[offset]! ^= 1
    })

  test('reads one copy of the partition table where the other is damaged', async () => {
    const primary = 512 + 56
    const backup = image.size - 512 + 56
    expect(await systemdFor(flipped('primary', [primary]))).toEqual(accepts)
    expect(await systemdFor(flipped('backup', [backup]))).toEqual(accepts)
    expect(await systemdFor(flipped('both', [primary, backup]))).toEqual(refuses(/^ENOPKG/))
  })

  test('refuses an operating system', async () => {
    const path = await imageOf('os', {
      'usr/lib/extension-release.d/extension-release.os': 'ID=_any\n',
      'usr/lib/os-release': 'ID=debian\n',
    })
    expect(await systemdFor(path)).toEqual(refuses(/^ENOMEDIUM/))
  })

  test.each(['plain-512', 'lz4-1024'])('does not recognize %s, however sound', async (name) => {
    const filesystem = join(folder, `${name}.erofs`)
    writeFile(filesystem, readVector(name))
    const wrapping = wrapFilesystem({ filesystem, output: `${filesystem}.raw`, threads: 0 })
    await expect(wrapping).rejects.toThrow('EAFNOSUPPORT: libblkid does not recognize EROFS')

    const path = await craft(name, Buffer.from(readVector(name)))
    const { verdict, findings } = await verifyImage(path, trusted)
    expect(verdict).toBe('wrong')
    expect(findings).toContainEqual(expect.objectContaining({ check: 'file system', ok: false }))
    expect(await systemdFor(path)).toEqual(refuses(/^EAFNOSUPPORT/))
  })

  describe('of two versions', () => {
    const lines = async (path: string, options = {}) => {
      const { readers } = await verifyImage(path, { ...trusted, ...options })
      return readers.slice(2).map(({ reader, verdict }) => `${reader} ${verdict}`)
    }
    const damaged = ([data, ...others]: CraftedPartition[]) => [
      { ...data!, content: damage(data!.content) },
      ...others,
    ]
    const asUsr = (partitions: CraftedPartition[]) =>
      partitions.map((partition, index) => ({
        ...partition,
        type: typeOf('usr', (['data', 'hash', 'signature'] as const)[index]!),
      }))
    const both = ['systemd accepts']
    const latest = ['systemd refuses', 'systemd 257 accepts', 'systemd 262 refuses']

    test('a root hash that only UUIDs state is used by 262', async () => {
      const whole = await craftWith('guessed', (partitions) => partitions.slice(0, 2))
      expect(await lines(whole)).toEqual([
        'systemd accepts',
        'systemd 257 accepts',
        'systemd 262 accepts',
      ])
      expect((await verifyImage(whole)).readers[3]?.reason).toMatch(/^unverified: .*c.roothash/)
      const broken = await craftWith('guessed-broken', (all) => damaged(all).slice(0, 2))
      expect(await lines(broken)).toEqual(latest)
    })

    test('257 verifies a usr partition only with a file beside it', async () => {
      const strict = { imagePolicy: 'usr=signed' }
      const broken = await craftWith('usr', (all) => damaged(asUsr(all)), trees[1])
      expect(await lines(broken, strict)).toEqual(latest)
      writeFile(broken.replace('.raw', '.usrhash'), rootHashOf(broken))
      expect(await lines(broken, strict)).toEqual(['systemd refuses'])
    })

    test('257 uses partitions with the label _empty', async () => {
      const empty = await craftWith('empty', ([data, ...others]) => [
        { ...data!, label: '_empty' },
        ...others,
      ])
      expect(await lines(empty)).toEqual([
        'systemd refuses',
        'systemd 257 unproven',
        'systemd 262 refuses',
      ])
    })

    test('and a root partition by its signature', async () => {
      expect(await lines(await craftWith('sound', (all) => all))).toEqual(both)
      expect(await lines(await craftWith('broken', damaged))).toEqual(['systemd refuses'])
    })
  })

  test.each([
    ['ID=_any\nSYSEXT_LEVEL=\n', accepts],
    ['ID=_any\nARCHITECTURE=\n', accepts],
    ['ID=_any\nVERSION_ID=\n', accepts],
    ['ID=_any\nSYSEXT_SCOPE="system elsewhere"\n', accepts],
    ['ID=_any\nSYSEXT_SCOPE=\n', refuses(/SYSEXT_SCOPE=/)],
    ['ID=_any\nSYSEXT_SCOPE=elsewhere\n', refuses(/SYSEXT_SCOPE=elsewhere/)],
    ['ID=_any\nARCHITECTURE=amd64\n', refuses(/ARCHITECTURE=amd64/)],
    ['ID=\n', refuses(/ID=/)],
    ['VERSION_ID=1\n', refuses(/without ID/)],
  ])('merges or leaves out what is released for %j', async (release, verdict) => {
    const name = `release-${toHex(encodeUtf8(release)).slice(0, 60)}`
    const file = `usr/lib/extension-release.d/extension-release.${name}`
    const path = await imageOf(name, { [file]: release })
    const { findings } = await verifyImage(path, trusted)
    expect(findings.find(({ check }) => check === 'extension-release')?.ok).toBe(false)
    expect(await systemdFor(path)).toEqual(verdict)
  })
})

/** An image of a file system, signed. @param change what becomes of its three partitions */
async function craft(
  name: string,
  data: Buffer,
  change = (partitions: CraftedPartition[]) => partitions,
): Promise<string> {
  const padded = Buffer.concat([data, Buffer.alloc(alignUp(data.length, 4096) - data.length)])
  const sealed = await seal(padded, key)
  hashes.set(name, sealed.rootHash)
  const path = join(folder, name, 'c.raw')
  writeFile(path, layOut(change(sealedPartitions(padded, sealed))))
  return path
}

const hashes = new Map<string, string>()

function craftWith(
  name: string,
  change: (partitions: CraftedPartition[]) => CraftedPartition[],
  data = trees[0],
) {
  return craft(name, data, change)
}

function rootHashOf(path: string): string {
  return hashes.get(basename(dirname(path)))!
}

/** A signed image of these files, whatever systemd may think of them. */
async function imageOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const tree = join(folder, `${name}.tree`)
  for (const [path, content] of Object.entries(files)) writeFile(join(tree, path), content)
  const output = join(folder, `${name}.raw`)
  await makeImageOfTree({ kind: 'sysext', tree, output, name, signing: signingWith(key) })
  return output
}

/** The certificate of `key`, issued by `authority` instead of by itself. */
function issueBy(
  authority: TestKey,
  key: TestKey,
  identifier: 'its' | 'none' | 'another' = 'its',
): TestKey {
  const parse = (der: Uint8Array) => pkijs.Certificate.fromBER(Uint8Array.from(der).buffer)
  const certificate = parse(key.certificate)
  const issuer = parse(authority.certificate)
  certificate.issuer = issuer.subject
  if (identifier !== 'another') {
    // What it has is its own, as in every certificate that is issued by itself.
    const isIdentifier = ({ extnID }: pkijs.Extension) => extnID === Oid.authorityKeyIdentifier
    const own = certificate.extensions?.filter((extension) => !isIdentifier(extension)) ?? []
    const others = identifier === 'its' ? (issuer.extensions?.filter(isIdentifier) ?? []) : []
    certificate.extensions = [...own, ...others]
  }
  const tbs = new Uint8Array(certificate.encodeTBS().toBER())
  const signature = signRaw(authority.key, tbs)
  certificate.tbsView = tbs
  certificate.signatureValue = new asn1js.BitString({ valueHex: Uint8Array.from(signature).buffer })
  const der = new Uint8Array(certificate.toSchema(true).toBER())
  return { ...key, certificate: der, certificatePem: formatPem('CERTIFICATE', der) }
}
