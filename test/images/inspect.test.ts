import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { inspectImage } from '../../src/images/inspect.ts'
import type { BuildResult } from '../../src/images/options.ts'
import { fingerprintOf } from '../../src/keys/certificate.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { prose, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { buildImage, mutate, signingWith } from './fixtures.ts'

const folder = temporaryFolder()
const key = makeTestKey('rsa2048')
let image: BuildResult

beforeAll(async () => {
  const files = { 'usr/bin/hello': 'hello', 'usr/share/prose': prose(900_000), 'opt/x': 'x' }
  image = await buildImage(folder, 'hello_1.0.sysext.raw', files, {
    name: 'hello',
    version: '1.0',
    signing: signingWith(key),
    compression: { algorithm: 'zstd' },
  })
})

test('everything inside a signed image comes out as a plain value', async () => {
  const found = await inspectImage(image.output)
  expect(JSON.parse(JSON.stringify(found))).toEqual(found)
  expect(found).toMatchObject({
    path: image.output,
    fileName: 'hello_1.0.sysext.raw',
    size: image.size,
    table: 'gpt',
    gpt: { sectorSize: 512, diskGuid: 'cb0e21c2-5b52-46e4-a3d3-f2d2819576b9', copy: 'primary' },
    designator: 'root',
    architecture: 'x86-64',
    filesystem: {
      type: 'erofs',
      size: image.filesystemSize,
      blockSize: 4096,
      uuid: 'ed5b5a6b-6f8c-4c9b-a6e7-47701bf2ae48',
      compression: ['zstd'],
    },
    verity: {
      uuid: '3a460cbc-bf03-4660-bcd6-3cb9e9b0b168',
      algorithm: 'sha256',
      dataSize: image.filesystemSize,
      levels: 1,
    },
    rootHashes: [
      { where: 'signature partition', rootHash: image.rootHash },
      { where: 'partition UUIDs', rootHash: image.rootHash },
    ],
    topLevel: ['opt', 'usr'],
    sidecars: [],
    problems: [],
  })
  expect(found.partitions).toMatchObject(
    image.partitions.map(({ label, uuid, offset, size }, index) => ({
      number: index + 1,
      type: label,
      label,
      uuid,
      offset,
      size,
      attributes: '0x1000000000000000',
      readOnly: true,
      growfs: false,
      noAuto: false,
      role: ['data', 'hash', 'signature'][index],
    })),
  )
})

test('the signature is described with signer, certificate and fingerprint', async () => {
  const { signatures } = await inspectImage(image.output)
  const name = 'CN=TEST-DO-NOT-USE rsa2048'
  const serial = '7b'.repeat(16)
  expect(signatures).toEqual([
    {
      where: 'signature partition',
      rootHash: image.rootHash,
      certificateFingerprint: fingerprintOf(key.certificate),
      size: expect.any(Number),
      signers: [{ issuer: name, serial, digest: 'sha256', algorithm: 'rsaEncryption' }],
      certificates: [
        {
          subject: name,
          issuer: name,
          serial,
          algorithm: 'RSA 2048',
          fingerprint: fingerprintOf(key.certificate),
          notBefore: '2026-01-01T00:00:00.000Z',
          notAfter: '2036-01-01T00:00:00.000Z',
        },
      ],
      deviations: [],
    },
  ])
})

test('the release file is found by the name of the image', async () => {
  const { releases } = await inspectImage(image.output)
  expect(releases).toEqual([
    {
      kind: 'sysext',
      imageName: 'hello_1.0',
      path: 'usr/lib/extension-release.d/extension-release.hello',
      rule: 'base-name',
      fields: { ID: '_any', SYSEXT_ID: 'hello', SYSEXT_VERSION_ID: '1.0' },
    },
  ])
})

test('the policies of systemd that admit the image are listed', async () => {
  const { policy } = await inspectImage(image.output)
  expect(policy.admittedBy).toContain('sysext-strict')
  expect(policy.admittedBy).not.toContain('deny')
  const unsigned = await buildImage(folder, 'unsigned.raw', {})
  expect((await inspectImage(unsigned.output)).policy.admittedBy).toEqual(['sysext', 'confext'])
})

test('an unsigned image has no signature and says so by having none', async () => {
  const unsigned = await buildImage(folder, 'unsigned.raw', {}, { force: true })
  const found = await inspectImage(unsigned.output)
  expect(found.signatures).toEqual([])
  expect(found.partitions).toHaveLength(2)
  expect(found.rootHashes).toEqual([{ where: 'partition UUIDs', rootHash: unsigned.rootHash }])
})

test('a bare file system is described with the files beside it', async () => {
  const bytes = readFileSync(image.output)
  const { offset } = image.partitions[0]!
  const bare = join(folder, 'hello.raw')
  writeFile(bare, bytes.subarray(offset, offset + image.filesystemSize))
  writeFile(join(folder, 'hello.roothash'), image.rootHash)
  const found = await inspectImage(bare)
  expect(found).toMatchObject({
    table: 'none',
    partitions: [],
    filesystem: { type: 'erofs' },
    rootHashes: [{ where: join(folder, 'hello.roothash'), rootHash: image.rootHash }],
    sidecars: [join(folder, 'hello.roothash')],
  })
  expect(found.gpt).toBeUndefined()
})

test('what cannot be read is a problem, and the rest is still described', async () => {
  const broken = mutate(image.output, join(folder, 'broken_1.sysext.raw'), (bytes) => {
    const [data, hash, signature] = image.partitions
    bytes[513] = 0
    bytes[data!.offset + 1024] = 0
    bytes[hash!.offset] = 0
    bytes[signature!.offset] = 0
  })
  const found = await inspectImage(broken)
  expect(found.problems.map(({ structure }) => structure)).toEqual(
    expect.arrayContaining(['partition table', 'verity superblock', 'signature partition']),
  )
  expect(found.gpt?.copy).toBe('backup')
  expect(found.partitions).toHaveLength(3)
})

test('a name that is none is told apart', async () => {
  const nameless = join(folder, '.raw')
  copyFileSync(image.output, nameless)
  const { releases } = await inspectImage(nameless)
  expect(releases).toEqual([
    { kind: 'sysext', rule: 'the file name gives no image name', fields: {} },
  ])
})
