import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { patchedSource } from '../../src/bytes/patch.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { type ChangeJournal, encodeChangeJournal } from '../../src/formats/change-journal.ts'
import { decodeGpt, editGpt, type GptPartition } from '../../src/formats/gpt/index.ts'
import { openImage } from '../../src/images/read/open-image.ts'
import { resignImage } from '../../src/images/resign.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { buildImage, certificateOf, failedChecks, signingWith } from './fixtures.ts'

const folder = temporaryFolder()
const key = makeTestKey('rsa2048')
const image = join(folder, 'hello.sysext.raw')
const journal = join(folder, '.hello.sysext.raw.change')
let unsigned: Buffer
let signed: Buffer
let places: { data: number; hash: number; signature: number }

beforeAll(async () => {
  await buildImage(folder, 'hello.sysext.raw', { 'usr/bin/hello': 'hello' })
  unsigned = readFileSync(image)
  await resignImage({ image, signing: signingWith(key), threads: 0 })
  signed = readFileSync(image)
  const { data, hash, signature, close } = await openImage(image)
  await close()
  places = { data: data!.offset, hash: hash!.offset, signature: signature!.offset }
})

/** The journal that makes `to` of `from`: a change for every run of bytes that differ. */
function journalOf(from: Buffer, to: Buffer): ChangeJournal {
  const changes: { offset: number; old: Uint8Array; bytes: Uint8Array }[] = []
  for (let start = 0; start < to.length; start += 4096) {
    const old = new Uint8Array(from.subarray(start, start + 4096))
    const bytes = new Uint8Array(to.subarray(start, start + 4096))
    if (Buffer.compare(old, bytes) !== 0) changes.push({ offset: start, old, bytes })
  }
  return { oldSize: from.length, newSize: to.length, changes }
}

/** What `verify` says of `bytes` with a journal beside it. */
async function verify(bytes: Buffer, pending: ChangeJournal) {
  writeFileSync(image, bytes)
  writeFileSync(journal, encodeChangeJournal(pending))
  return verifyImage(image, { certificates: [certificateOf(key)], threads: 0 })
}

test('a signature that was decided counts, and is finished by the next run', async () => {
  expect(await verify(unsigned, journalOf(unsigned, signed))).toMatchObject({ verdict: 'ok' })
  await resignImage({ image, signing: signingWith(key), threads: 0 })
  expect(readFileSync(image).equals(signed)).toBe(true)
})

/** The signed image with a changed byte. */
async function damaged(offset: number): Promise<Buffer> {
  const bytes = Buffer.from(signed)
  bytes[offset]! ^= 1
  return bytes
}

/** The signed image with a sound table in which the first entry says something else. */
async function retabled(change: Partial<GptPartition>): Promise<Buffer> {
  const source = bytesSource(new Uint8Array(signed))
  const gpt = await decodeGpt(source)
  const partition = { ...gpt.partitions[0]!, ...change }
  const edited = await editGpt(source, { gpt, index: 0, partition, imageSize: signed.length })
  const patches = [...edited.backup, ...edited.primary]
  return Buffer.from(await patchedSource(source, patches, signed.length).read(0, signed.length))
}

describe('a journal that would make another image look like a signed one is not believed', () => {
  const cases: readonly [string, () => Promise<Buffer>, string][] = [
    ['in the data', () => damaged(places.data + 1500), 'root hash'],
    ['in the superblock of the hash tree', () => damaged(places.hash), 'verity superblock'],
    [
      'in the type of a partition',
      () => retabled({ typeGuid: '0fc63daf-8483-4772-8e79-3d69d8477de4' }),
      'partitions',
    ],
    [
      'in the UUID of a partition',
      () => retabled({ partitionGuid: '0fc63daf-8483-4772-8e79-3d69d8477de4' }),
      'root hash',
    ],
    ['in the place of a partition', () => retabled({ firstLba: 48 }), 'root hash'],
  ]
  test.each(cases)('%s', async (_, damage, failed) => {
    const bytes = await damage()
    const { verdict, findings } = await verify(bytes, journalOf(bytes, signed))
    expect(verdict).toBe('wrong')
    expect(failedChecks(findings)).toContain(failed)
    await expect(resignImage({ image, signing: signingWith(key), threads: 0 })).rejects.toThrow()
    expect(readFileSync(image).equals(bytes)).toBe(true)
  })
})

test('a journal of an image that is gone is not carried out on its successor', async () => {
  copyFileSync(image, join(folder, 'other.sysext.raw'))
  const other = Buffer.from(unsigned)
  other.fill(0xff, places.signature, places.signature + 100)
  const { verdict } = await verify(other, journalOf(unsigned, signed))
  expect(verdict).toBe('wrong')
})
