/** Files that are an EROFS to some readers and something else to systemd. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { inspectImage } from '../../src/images/inspect.ts'
import { listImage } from '../../src/images/list.ts'
import type { BuildResult } from '../../src/images/options.ts'
import { resignImage } from '../../src/images/resign.ts'
import { unpackImage } from '../../src/images/unpack.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { wrapFilesystem } from '../../src/images/wrap.ts'
import { requestSignatures } from '../../src/requests/request.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { layOut, seal, sealedPartitions } from '../support/craft-image.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { buildImage, certificateOf, signingWith } from './fixtures.ts'

const MIB = 1024 * 1024
const folder = temporaryFolder()
const key = makeTestKey('rsa2048')
const trusted = { certificates: [certificateOf(key)], threads: 0 }
const signing = signingWith(key)

let built: BuildResult
let filesystem: Buffer

beforeAll(async () => {
  built = await buildImage(folder, 'hello.raw', { 'usr/bin/hello': 'hello' }, { signing })
  const { offset } = built.partitions[0]!
  filesystem = readFileSync(built.output).subarray(offset, offset + built.filesystemSize)
})

async function collect(entries: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

/** The file system with something in front, and zeros behind. */
function disguised(put: (bytes: Buffer) => void, size = filesystem.length): Buffer {
  const bytes = Buffer.concat([filesystem, Buffer.alloc(size - filesystem.length)])
  put(bytes)
  return bytes
}

function squashfs(bytes: Buffer): void {
  bytes.write('hsqs')
  bytes[28] = 4
}

const CASES = [
  ['squashfs in front, few bytes', squashfs, undefined, 'wrong', 'unproven'],
  ['squashfs in front, many bytes', squashfs, 2 * MIB, 'wrong', 'refuses'],
  [
    'swap in the first page',
    (bytes: Buffer) => bytes.write('SWAP-SPACE', 0xff6),
    64 * 1024,
    'wrong',
    'refuses',
  ],
  [
    'ISO 9660 behind',
    (bytes: Buffer) => bytes.write('\x01CD001', 0x8000),
    2 * MIB,
    'wrong',
    'refuses',
  ],
  [
    'LUKS in front',
    (bytes: Buffer) => bytes.write('LUKS\xba\xbe\0\x01', 'latin1'),
    undefined,
    'wrong',
    'refuses',
  ],
  [
    'perhaps XFS in front',
    (bytes: Buffer) => bytes.write('XFSB'),
    undefined,
    'unproven',
    'unproven',
  ],
] as const

describe.each(CASES)('%s', (name, put, size, verdict, systemd) => {
  const work = join(folder, name.replaceAll(' ', '-'))
  let data: Buffer
  let image: string

  beforeAll(async () => {
    data = disguised(put as (bytes: Buffer) => void, size)
    image = `${work}.raw`
    writeFileSync(image, layOut(sealedPartitions(data, await seal(data, key))))
  })

  test(`is ${verdict} to verify, and systemd ${systemd}`, async () => {
    const verification = await verifyImage(image, trusted)
    expect(verification.verdict).toBe(verdict)
    expect(verification.findings).toContainEqual(
      expect.objectContaining({ check: 'content type', ok: false }),
    )
    expect(verification.readers[2]).toMatchObject({ reader: 'systemd', verdict: systemd })
  })

  test('is not shown', async () => {
    await expect(collect(listImage(image))).rejects.toMatchObject({ code: 'BAD_VALUE' })
    const { filesystem: shown, releases, problems } = await inspectImage(image)
    expect({ shown, releases }).toEqual({ shown: undefined, releases: [] })
    expect(problems).toContainEqual(expect.objectContaining({ structure: 'file system' }))
  })

  test('is not unpacked', async () => {
    const directory = `${work}.unpacked`
    const unpacked = unpackImage({ image, directory, verify: false })
    await expect(unpacked).rejects.toMatchObject({ code: 'BAD_VALUE' })
  })

  test('is not signed again, with or without the old certificate', async () => {
    const other = signingWith(makeTestKey('p256'))
    const before = readFileSync(image)
    for (const oldCertificates of [[], trusted.certificates]) {
      const signed = resignImage({ image, signing: other, oldCertificates, threads: 0 })
      await expect(signed).rejects.toMatchObject({ code: 'NOT_VERIFIED' })
    }
    expect(readFileSync(image).equals(before)).toBe(true)
  })

  test('is not asked a signature for', async () => {
    const asked = requestSignatures({ root: folder, paths: [basename(image)] })
    await expect(asked).rejects.toMatchObject({ code: 'NOT_VERIFIED' })
  })

  test('is not wrapped', async () => {
    const bare = `${work}.erofs`
    writeFileSync(bare, data)
    const wrapped = wrapFilesystem({ filesystem: bare, output: `${work}.wrapped.raw`, threads: 0 })
    await expect(wrapped).rejects.toMatchObject({ code: 'BAD_VALUE' })
  })
})

test('what is in front of a file system and is no other is noted', async () => {
  // The name decides which release file counts.
  const image = join(folder, 'front', 'hello.raw')
  mkdirSync(dirname(image))
  const data = disguised((bytes) => bytes.write('#!/bin/sh\n'))
  writeFileSync(image, layOut(sealedPartitions(data, await seal(data, key))))
  const { verdict, findings } = await verifyImage(image, trusted)
  const { note } = findings.find(({ check }) => check === 'file system') as { note?: string }
  expect([verdict, note]).toEqual(['ok', expect.stringContaining('superblock are not zero')])
  const { findings: usual } = await verifyImage(built.output, trusted)
  expect(JSON.stringify(usual)).not.toContain('not zero')
})

test('a file system in the whole file wins over the partition table', async () => {
  const image = join(folder, 'whole.raw')
  const bytes = Buffer.from(readFileSync(built.output))
  squashfs(bytes)
  writeFileSync(image, bytes)
  const { verdict, readers } = await verifyImage(image, trusted)
  expect(verdict).toBe('wrong')
  expect(readers[2]).toMatchObject({ verdict: 'unproven' })
  await expect(collect(listImage(image))).rejects.toMatchObject({ code: 'BAD_VALUE' })
})

test('a tree that would make one is not built', async () => {
  // Data starts in block 1 of the file system.
  const content = Buffer.alloc(64 * 1024, 'x')
  content.write('\x01CD001', 0x8000 - 4096)
  const files = { 'usr/share/disk.iso': new Uint8Array(content) }
  const building = buildImage(folder, 'iso.raw', files, { signing })
  await expect(building).rejects.toMatchObject({ code: 'BAD_VALUE', format: 'file system' })
  const moved = { ...files, 'usr/share/a': new Uint8Array(5000) }
  await expect(buildImage(folder, 'moved.raw', moved, { signing })).resolves.toMatchObject({
    signed: true,
  })
})
