import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { patchedSource, trimPatches } from '../../src/bytes/patch.ts'
import { bytesSource } from '../../src/bytes/source.ts'
import { withLock } from '../../src/files/lock.ts'
import {
  type Change,
  type ChangeJournal,
  encodeChangeJournal,
} from '../../src/formats/change-journal.ts'
import { decodeGpt, editGpt, type GptPartition } from '../../src/formats/gpt/index.ts'
import { decodeVeritySignature, veritySignatureSize } from '../../src/formats/verity-signature.ts'
import { inspectImage } from '../../src/images/inspect.ts'
import { openImage } from '../../src/images/read/open-image.ts'
import { resignImage } from '../../src/images/resign.ts'
import { findSignaturePlace, patchSignature } from '../../src/images/sealing/place-signature.ts'
import { settleJournal } from '../../src/images/sealing/settle-journal.ts'
import { verifyImage } from '../../src/images/verify.ts'
import { requestSignatures } from '../../src/requests/request.ts'
import { extsign } from '../cli/fake-context.ts'
import { withGrownCertificate } from '../keys/grow-certificate.ts'
import { makeTestKey, type TestKey } from '../keys/test-keys.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { buildImage, certificateOf, failedChecks, signingWith } from './fixtures.ts'

const folder = temporaryFolder()
const image = join(folder, 'hello.sysext.raw')
const journalPath = join(folder, '.hello.sysext.raw.change')
const KEYS = {
  first: makeTestKey('rsa2048', { serial: new Uint8Array(16).fill(1) }),
  // Their signatures take more than one block of the disk.
  long: withGrownCertificate(makeTestKey('rsa2048', { serial: new Uint8Array(16).fill(2) }), 3000),
  longer: withGrownCertificate(makeTestKey('p256', { serial: new Uint8Array(16).fill(3) }), 6000),
}
const certificates = Object.values(KEYS).map((key) => certificateOf(key))
const noKey = { sign: () => Promise.reject(new Error('the key is asked for')) }

/** The image in each state that a command leaves, by who has signed it; `unaligned` has no good place. */
const WHOLE: Record<string, Buffer> = {}
let places: { data: number; hash: number; signature: number }

async function sign(key: TestKey, embedCertificate = true): Promise<Buffer> {
  await resignImage({ image, signing: signingWith(key, embedCertificate), threads: 0 })
  return readFileSync(image)
}

/** Writes an image, and what lies beside it. */
function put(bytes: Uint8Array, journal?: ChangeJournal): void {
  rmSync(journalPath, { recursive: true, force: true })
  writeFileSync(image, bytes)
  if (journal) writeFileSync(journalPath, encodeChangeJournal(journal), { mode: 0o600 })
}

beforeAll(async () => {
  await buildImage(folder, 'hello.sysext.raw', { 'usr/bin/hello': 'hello' })
  WHOLE.unsigned = readFileSync(image)
  WHOLE.first = await sign(KEYS.first)
  const { data, hash, signature, close } = await openImage(image)
  await close()
  places = { data: data!.offset, hash: hash!.offset, signature: signature!.offset }
  WHOLE.long = await sign(KEYS.long)
  WHOLE.longer = await sign(KEYS.longer)
  WHOLE.bare = await sign(KEYS.first, false)
  // With a partition of one block, a longer signature has to move, and the file to grow.
  put(await retabled(WHOLE.first, 2, ({ firstLba }) => ({ lastLba: firstLba + 7 })))
  WHOLE.small = readFileSync(image)
  WHOLE.grown = await sign(KEYS.long)
})

/** An image with a sound table in which one entry says something else. */
async function retabled(
  bytes: Buffer,
  index: number,
  change: (partition: GptPartition) => Partial<GptPartition>,
): Promise<Buffer> {
  const source = bytesSource(new Uint8Array(bytes))
  const gpt = await decodeGpt(source)
  const partition = { ...gpt.partitions[index]!, ...change(gpt.partitions[index]!) }
  const edited = await editGpt(source, { gpt, index, partition, imageSize: bytes.length })
  const patches = [...edited.backup, ...edited.primary]
  return Buffer.from(await patchedSource(source, patches, bytes.length).read(0, bytes.length))
}

/** The journal that `resign` writes to make one state of another, in its order. */
async function journalOf(from: string, to: string): Promise<ChangeJournal> {
  put(WHOLE[to]!)
  const later = await openImage(image)
  const partition = later.signature!.source
  const value = decodeVeritySignature(await partition.read(0, partition.size))
  await later.close()
  put(WHOLE[from]!)
  const opened = await openImage(image)
  const place = findSignaturePlace(opened, veritySignatureSize(value))
  const patches = await trimPatches(opened.file, await patchSignature(opened, place, value))
  await opened.close()
  const bytes = WHOLE[from]!
  const changes = patches.map(({ offset, bytes: now }): Change => {
    const old = new Uint8Array(bytes.subarray(offset, offset + now.length))
    return { offset, bytes: now, old }
  })
  return { oldSize: bytes.length, newSize: place.imageSize, changes }
}

/** The file once the first changes are written, and some sectors of the next. */
function interrupted(from: string, journal: ChangeJournal, done: number, sectors: number): Buffer {
  const file = Buffer.alloc(journal.newSize)
  WHOLE[from]!.copy(file)
  for (const [index, { offset, bytes }] of journal.changes.entries()) {
    const part = index === done ? Math.max(0, sectors * 512 - (offset % 512)) : 0
    file.set(index < done ? bytes : bytes.subarray(0, part), offset)
  }
  return file
}

const verify = () => verifyImage(image, { certificates, threads: 0 })
const settle = () => withLock(image, settleJournal)

const PAIRS = [
  ['unsigned', 'first'],
  ['first', 'long'],
  ['long', 'longer'],
  ['longer', 'first'],
  ['small', 'grown'],
] as const

describe.each(PAIRS)('a change of an image that was %s and shall be %s', (from, to) => {
  test('is finished from every state between', async () => {
    const journal = await journalOf(from, to)
    for (const [done, { bytes }] of journal.changes.entries()) {
      for (const sectors of new Set([0, 1, Math.floor(bytes.length / 512)])) {
        const state = interrupted(from, journal, done, sectors)
        put(state, journal)
        const { verdict, findings } = await verify()
        const isWhole = state.equals(WHOLE[from]!) || state.equals(WHOLE[to]!)
        if (isWhole) {
          expect(findings[0]).toMatchObject({ check: 'interrupted change', ok: true })
        } else {
          expect([done, sectors, verdict]).toEqual([done, sectors, 'unproven'])
          expect(findings[0]).toMatchObject({ check: 'interrupted change', unproven: true })
        }
        await settle()
        expect(readFileSync(image).equals(WHOLE[isWhole ? from : to]!)).toBe(true)
        expect(existsSync(journalPath)).toBe(false)
      }
    }
  })

  test('that has been made is forgotten', async () => {
    const journal = await journalOf(from, to)
    put(WHOLE[to]!, journal)
    const before = readFileSync(image)
    await settle()
    expect(readFileSync(image).equals(before)).toBe(true)
    expect(existsSync(journalPath)).toBe(false)
  })
})

describe('an image whose change is pending', () => {
  beforeAll(async () => {
    const journal = await journalOf('first', 'long')
    put(interrupted('first', journal, 0, 3), journal)
  })

  test('is unproven, with the remedy, in verify', async () => {
    const trust = KEYS.long.certificatePem
    writeFileSync(join(folder, 'long.crt'), trust)
    const args = ['verify', image, '--certificate', join(folder, 'long.crt')]
    const { code, stdout } = await extsign(args)
    expect(code).toBe(3)
    expect(stdout).toMatch(/interrupted change/)
    expect(stdout).toMatch(/extsign resign/)
    expect((await extsign([...args, '--unsigned'])).code).toBe(3)
  })

  test('is described as the bytes are that are there', async () => {
    const { readers, pendingChange } = await verify()
    expect(pendingChange).toBe(journalPath)
    // The signature is half of one and half of the other.
    expect(readers.find(({ reader }) => reader === 'kernel')?.verdict).not.toBe('accepts')
    const { problems } = await inspectImage(image)
    expect(problems[0]).toMatchObject({ structure: 'interrupted change' })
  })

  test('is not put before who signs, nor unpacked', async () => {
    const request = requestSignatures({ root: folder, paths: ['hello.sysext.raw'], threads: 0 })
    await expect(request).rejects.toThrow(
      expect.objectContaining({ code: 'NOT_VERIFIED', hint: expect.stringMatching(/resign/) }),
    )
    const args = ['unpack', image, join(folder, 'out'), '--certificate', join(folder, 'long.crt')]
    expect((await extsign(args)).code).not.toBe(0)
    expect(existsSync(join(folder, 'out'))).toBe(false)
  })

  test('is in a dry run what it will be, and stays', async () => {
    const before = readFileSync(image)
    const signing = { signer: noKey, certificate: KEYS.long.certificate }
    const result = await resignImage({ image, signing, dryRun: true, threads: 0 })
    expect(result).toMatchObject({ action: 'unchanged' })
    expect(readFileSync(image).equals(before)).toBe(true)
    await resignImage({ image, signing, threads: 0 })
    expect(readFileSync(image).equals(WHOLE.long!)).toBe(true)
  })
})

test('signatures that cannot be told apart when half is written are not written in one place', async () => {
  put(await retabled(WHOLE.longer!, 2, ({ firstLba }) => ({ firstLba: firstLba + 1 })))
  const moved = Buffer.from(readFileSync(image))
  moved.copyWithin(places.signature + 512, places.signature, places.signature + 16_384 - 512)
  moved.fill(0, places.signature, places.signature + 512)
  put(moved)
  expect((await verify()).verdict).toBe('ok')
  await sign(KEYS.first, false)
  const { signature, close } = await openImage(image)
  await close()
  expect(signature!.offset % 4096).toBe(0)
  expect((await verify()).verdict).toBe('ok')
})

describe('a journal that would make another image look like a signed one is not believed', () => {
  const damaged = async (offset: number) => {
    const bytes = Buffer.from(WHOLE.first!)
    bytes[offset]! ^= 1
    return bytes
  }
  const first = (change: Partial<GptPartition>) => retabled(WHOLE.first!, 0, () => change)
  const guid = '0fc63daf-8483-4772-8e79-3d69d8477de4'
  const cases: readonly [string, () => Promise<Buffer>, string][] = [
    ['in the data', () => damaged(places.data + 1500), 'root hash'],
    ['in the superblock of the hash tree', () => damaged(places.hash), 'verity superblock'],
    ['in the type of a partition', () => first({ typeGuid: guid }), 'partitions'],
    ['in the UUID of a partition', () => first({ partitionGuid: guid }), 'root hash'],
    ['in the place of a partition', () => first({ firstLba: 48 }), 'root hash'],
  ]
  test.each(cases)('%s', async (_, damage, failed) => {
    const bytes = await damage()
    put(bytes, differences(bytes, WHOLE.first!))
    const { verdict, findings } = await verify()
    expect(verdict).toBe('wrong')
    expect(failedChecks(findings)).toContain(failed)
    await expect(sign(KEYS.first)).rejects.toThrow()
    expect(readFileSync(image).equals(bytes)).toBe(true)
  })
})

/** A change for every block that differs. */
function differences(from: Uint8Array, to: Uint8Array, block = 4096): ChangeJournal {
  const changes: Change[] = []
  for (let offset = 0; offset < to.length; offset += block) {
    const old = new Uint8Array(from.subarray(offset, offset + block))
    const bytes = new Uint8Array(to.subarray(offset, offset + block))
    const last = changes.at(-1)
    if (Buffer.compare(old, bytes) === 0) continue
    if (last && last.offset + last.bytes.length === offset) {
      const joined = (a: Uint8Array, b: Uint8Array) => new Uint8Array(Buffer.concat([a, b]))
      changes[changes.length - 1] = {
        offset: last.offset,
        old: joined(last.old, old),
        bytes: joined(last.bytes, bytes),
      }
    } else changes.push({ offset, old, bytes })
  }
  return { oldSize: from.length, newSize: to.length, changes }
}

describe('an image that is whole stays as it is', () => {
  test('beside the journal that leads back to an older signature', async () => {
    for (const now of ['unsigned', 'first', 'long', 'longer', 'bare', 'grown']) {
      for (const later of ['unsigned', 'first', 'long', 'longer', 'bare']) {
        put(WHOLE[now]!, differences(WHOLE[now]!, WHOLE[later]!))
        await settle()
        expect([now, later, readFileSync(image).equals(WHOLE[now]!)]).toEqual([now, later, true])
      }
    }
  })

  test('beside any journal made of states, parts of states and noise', async () => {
    const names = ['unsigned', 'first', 'long', 'longer', 'bare'] as const
    const state = fc.constantFrom(...names)
    const block = fc.record({
      old: fc.oneof(state, fc.constant('now'), fc.uint8Array({ minLength: 1, maxLength: 8 })),
      later: fc.oneof(state, fc.constant('now'), fc.uint8Array({ minLength: 1, maxLength: 8 })),
    })
    const pick = (choice: string | Uint8Array, now: Buffer, at: number) => {
      const from = typeof choice === 'string' ? (WHOLE[choice] ?? now) : now
      const bytes = new Uint8Array(from.subarray(at, at + 512))
      if (typeof choice !== 'string') bytes.set(choice, 17)
      return bytes
    }
    const size = WHOLE.first!.length
    // Everything that differs between the states, sector by sector.
    const sectors = new Set<number>()
    for (const name of names) {
      for (let at = 0; at < size; at += 512) {
        const differs = WHOLE[name]!.compare(WHOLE.unsigned!, at, at + 512, at, at + 512) !== 0
        if (differs) sectors.add(at)
      }
    }
    const offsets = [...sectors].sort((a, b) => a - b)
    const journal = fc.record({
      now: state,
      // One choice for a whole run of sectors, with exceptions.
      base: block,
      exceptions: fc.array(fc.record({ index: fc.nat(offsets.length - 1), block }), {
        maxLength: 4,
      }),
    })
    await fc.assert(
      fc.asyncProperty(journal, async ({ now, base, exceptions }) => {
        const bytes = WHOLE[now]!
        const from = Buffer.from(bytes)
        const to = Buffer.from(bytes)
        for (const [index, at] of offsets.entries()) {
          const chosen = exceptions.find((each) => each.index === index)?.block ?? base
          from.set(pick(chosen.old, bytes, at), at)
          to.set(pick(chosen.later, bytes, at), at)
        }
        const { changes, ...sizes } = differences(from, to, 512)
        if (changes.length === 0 || changes.length > 16) return
        put(bytes, { ...sizes, changes })
        await settle()
        expect(readFileSync(image).equals(bytes)).toBe(true)
      }),
      { numRuns: 80 },
    )
  })

  test('beside a journal that grows it by terabytes, or shrinks it', async () => {
    const size = WHOLE.first!.length
    const change = { offset: 0, old: 'AAAA', new: 'AAAA' }
    for (const newSize of [2 ** 41, 0, 512, size + 2 ** 20]) {
      put(WHOLE.first!)
      const text = { format: 'extsign change journal', version: 1, oldSize: size, newSize }
      writeFileSync(journalPath, JSON.stringify({ ...text, changes: [change] }))
      expect((await verify()).findings[0]).toMatchObject({ ok: true })
      await settle()
      expect(readFileSync(image).equals(WHOLE.first!)).toBe(true)
    }
  })
})

describe('what is no journal of ours does not count', () => {
  const journalThere = () => readFileSync(journalPath)
  const unixOnly: readonly [string, () => void, RegExp][] = [
    ['a fifo', () => spawnSync('mkfifo', [journalPath]), /not a regular file/],
    ['a folder', () => mkdirSync(journalPath), /not a regular file/],
    ['a device', () => symlinkSync('/dev/zero', journalPath), /not a regular file/],
    [
      'a link to a journal',
      () => {
        renameSync(journalPath, join(folder, 'elsewhere'))
        symlinkSync('elsewhere', journalPath)
      },
      /not a regular file/,
    ],
    ['one that others can write to', () => chmodSync(journalPath, 0o622), /others can write/],
    [
      'one that has another name',
      () => {
        rmSync(join(folder, 'other-name'), { force: true })
        linkSync(journalPath, join(folder, 'other-name'))
      },
      /several names/,
    ],
    ['a large file', () => writeFileSync(journalPath, Buffer.alloc(40_000_000)), /too many/],
    [
      'one with a long text of base64',
      () => {
        const text = journalThere().toString()
        writeFileSync(journalPath, text.replace(/"new":"/, `"new":"${'A'.repeat(12_000_000)}`))
      },
      /change journal/,
    ],
    ['one of another format', () => writeFileSync(journalPath, '{"format":1}'), /format/],
    ['one that is cut off', () => writeFileSync(journalPath, journalThere().subarray(9)), /JSON/],
  ]
  test.skipIf(process.platform === 'win32').each(unixOnly)('%s', async (_, change, reason) => {
    const journal = await journalOf('first', 'long')
    const state = interrupted('first', journal, 0, 3)
    put(state, journal)
    expect((await verify()).verdict).toBe('unproven')
    if (!existsSync(journalPath)) throw new Error('the journal is gone')
    if (!/one|large|link/.test(_)) rmSync(journalPath)
    change()
    const { verdict, findings } = await verify()
    expect(verdict).toBe('wrong')
    expect(findings[0]).toMatchObject({ check: 'interrupted change', ok: true })
    expect(findings[0]).toMatchObject({ note: expect.stringMatching(reason) })
    await settle()
    expect(readFileSync(image).equals(state)).toBe(true)
  })

  test.runIf(process.geteuid?.() === 0)('one of another user', async () => {
    const journal = await journalOf('first', 'long')
    const state = interrupted('first', journal, 0, 3)
    put(state, journal)
    chownSync(journalPath, 12_345, 12_345)
    expect((await verify()).findings[0]).toMatchObject({
      note: expect.stringMatching(/user 12345/),
    })
    await settle()
    expect(readFileSync(image).equals(state)).toBe(true)
    // The owner of the image could write into it anyhow.
    chownSync(image, 12_345, 12_345)
    await settle()
    expect(readFileSync(image).equals(WHOLE.long!)).toBe(true)
  })

  test('that of an image that is gone', async () => {
    const journal = await journalOf('unsigned', 'first')
    const other = Buffer.from(WHOLE.unsigned!)
    other.fill(0xff, places.signature, places.signature + 100)
    put(other, journal)
    expect((await verify()).verdict).toBe('wrong')
    await settle()
    expect(readFileSync(image).equals(other)).toBe(true)
  })
})

test('only one module reads journals, and only it carries them out', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name.replaceAll('\\', '/'), readFileSync(join('src', name), 'utf8')] as const)
  const using = (word: string, home: string) =>
    files.flatMap(([name, text]) => (name !== home && text.includes(word) ? [name] : []))
  const door = ['images/read/pending-change.ts']
  expect(using('decodeChangeJournal', 'formats/change-journal.ts')).toEqual(door)
  expect(using('finishReplacement(', 'files/replace-bytes.ts')).toEqual(door)
  expect(using('new PendingChange(', '')).toEqual(door)
})

test('a name of 250 bytes is no reason not to be read, nor to be signed', async () => {
  const long = join(folder, `${'n'.repeat(239)}.sysext.raw`)
  copyFileSync(image, long)
  writeFileSync(long, WHOLE.first!)
  await verifyImage(long, { certificates, threads: 0 })
  await resignImage({ image: long, signing: signingWith(KEYS.longer), threads: 0 })
  expect(readdirSync(folder).filter((name) => name.startsWith('.nn'))).toEqual([])
})
