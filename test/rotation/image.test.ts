import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { besidePath } from '../../src/files/beside.ts'
import { ownIdentity } from '../../src/files/process-identity.ts'
import { encodeChangeJournal } from '../../src/formats/change-journal.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { type ImageTurn, imageCarrier } from '../../src/rotation/image.ts'
import { planRotation } from '../../src/rotation/plan.ts'
import { runRotation } from '../../src/rotation/run.ts'
import { buildImage, certificateOf, mutate, signingWith } from '../images/fixtures.ts'
import { makeTestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()
const at = (name: string) => join(folder, name)
const [old, current, other] = ['old', 'new', 'other'].map((name) =>
  makeTestKey('rsa2048', { commonName: `TEST-DO-NOT-USE ${name}` }),
) as [Key, Key, Key]
type Key = ReturnType<typeof makeTestKey>

const certificates = {
  oldCertificate: certificateOf(old, 'old.crt'),
  newCertificate: certificateOf(current, 'new.crt'),
}
const turn: ImageTurn = { ...certificates, signer: async () => signingWith(current).signer }
const keyless: ImageTurn = {
  ...certificates,
  signer: async () => {
    throw new Error('the key is asked for')
  },
}

/** A copy of the image signed with the old key, in a folder of its own. */
function copy(name: string): string {
  mkdirSync(at(name))
  copyFileSync(at('old.raw'), join(at(name), 'old.raw'))
  return join(at(name), 'old.raw')
}

beforeAll(async () => {
  const build = (name: string, key: Key | undefined, sidecars = false) =>
    buildImage(
      folder,
      `${name}.raw`,
      { 'usr/share/file': 'content' },
      {
        sidecars,
        ...(key && { signing: signingWith(key) }),
      },
    )
  await build('old', old)
  await build('other', other)
  await build('none', undefined)
  await build('beside', old, true)
})

test('is signed with the new key in place, and its data stays', async () => {
  const path = copy('a')
  const carrier = imageCarrier(path, turn)
  expect(await carrier.examine()).toEqual({ state: 'old' })
  await carrier.move('new')
  expect(await carrier.examine()).toEqual({ state: 'new' })
  const { verdict, rootHash } = await verifyImage(path, {
    certificates: [certificates.newCertificate],
  })
  const before = await verifyImage(at('old.raw'))
  expect([verdict, rootHash]).toEqual(['ok', before.rootHash])
  const after = readFileSync(path)
  await imageCarrier(path, keyless).move('new')
  expect(readFileSync(path)).toEqual(after)
})

test('a signature beside it moves as well', async () => {
  const path = at('beside.raw')
  const carrier = imageCarrier(path, turn)
  expect(await carrier.examine()).toEqual({ state: 'old' })
  const sidecar = readFileSync(at('beside.roothash.p7s'))
  await carrier.move('new')
  expect(await carrier.examine()).toEqual({ state: 'new' })
  writeFileSync(at('beside.roothash.p7s'), sidecar)
  expect(await carrier.examine()).toEqual({ state: 'old' })
  await carrier.move('new')
  expect(await carrier.examine()).toEqual({ state: 'new' })
})

describe('is neither', () => {
  test.each([
    ['without a signature', 'none.raw', 'it is not signed'],
    [
      'with that of another key',
      'other.raw',
      'its signature is neither by the old nor by the new key',
    ],
  ])('%s', async (_, name, note) => {
    expect(await imageCarrier(at(name), turn).examine()).toEqual({ state: 'neither', note })
  })
})

describe('is not signed', () => {
  test('when somebody has changed its data', async () => {
    const path = mutate(at('old.raw'), at('changed.raw'), (bytes) => {
      bytes[1024 * 1024 + 2048]! ^= 1
    })
    const before = readFileSync(path)
    await expect(imageCarrier(path, keyless).move('new')).rejects.toThrow('does not verify')
    expect(readFileSync(path)).toEqual(before)
  })

  test('when another key has signed it', async () => {
    await expect(imageCarrier(at('other.raw'), keyless).move('new')).rejects.toThrow(
      'does not verify',
    )
  })

  test('when it is no image', async () => {
    writeFileSync(at('text.raw'), 'text')
    await expect(imageCarrier(at('text.raw'), keyless).examine()).rejects.toThrow('gpt: ')
    await expect(imageCarrier(at('none-such.raw'), keyless).examine()).rejects.toThrow(
      'no such file',
    )
  })
})

test('a change that was interrupted is finished without the key', async () => {
  const before = readFileSync(at('old.raw'))
  await imageCarrier(copy('whole'), turn).move('new')
  const after = readFileSync(at('whole/old.raw'))
  const first = before.findIndex((byte, index) => byte !== after[index])
  const last = before.findLastIndex((byte, index) => byte !== after[index]) + 1
  const half = copy('half')
  const [bytes, previous] = [after, before].map(
    (image) => new Uint8Array(image.subarray(first, last)),
  )
  const sizes = { oldSize: before.length, newSize: after.length }
  const changes = [{ offset: first, bytes: bytes!, old: previous! }]
  writeFileSync(besidePath(half, 'change'), encodeChangeJournal({ ...sizes, changes }))
  // Disks write sectors.
  mutate(half, half, (image) => image.set(bytes!.subarray(0, 512 - (first % 512)), first))
  expect(await imageCarrier(half, keyless).examine()).toEqual({
    state: 'old',
    note: 'a change that was interrupted is to be finished',
  })
  await imageCarrier(half, keyless).move('new')
  expect(readFileSync(half)).toEqual(after)
  expect(existsSync(besidePath(half, 'change'))).toBe(false)
})

test('what a killed run has left beside an image that is new is removed', async () => {
  const path = copy('tidy')
  const carrier = imageCarrier(path, turn)
  await carrier.move('new')
  const [before, after] = [readFileSync(at('old.raw')), readFileSync(path)]
  const first = before.findIndex((byte, index) => byte !== after[index])
  const last = before.findLastIndex((byte, index) => byte !== after[index]) + 1
  const [old, bytes] = [before, after].map((image) => new Uint8Array(image.subarray(first, last)))
  const sizes = { oldSize: before.length, newSize: after.length }
  const changes = [{ offset: first, bytes: bytes!, old: old! }]
  const dead = ownIdentity().replace(/-[0-9]+-[0-9]+$/, '-2000000000-1')
  const leave = (journal: boolean) => {
    symlinkSync(`extsign-lock-1 ${dead} 00 host`, besidePath(path, 'lock'))
    if (!journal) return
    writeFileSync(besidePath(path, 'change'), encodeChangeJournal({ ...sizes, changes }))
  }
  for (const journal of [true, false]) {
    leave(journal)
    const plan = await planRotation({ carriers: [imageCarrier(path, keyless)], keepOld: false })
    expect(plan.steps).toEqual([])
    expect(readdirSync(at('tidy'))).toHaveLength(journal ? 3 : 2)
    await runRotation(plan)
    expect(readdirSync(at('tidy'))).toEqual(['old.raw'])
    expect(readFileSync(path)).toEqual(after)
  }
})
