/**
 * Some hundred images, each unlike a sound one in one way that readers may or may not mind.
 *
 * All hold the same extension, `c.raw`, signed by the same key.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { decode, encode } from '../../src/bytes/struct.ts'
import { Superblock } from '../../src/formats/erofs/layout.ts'
import { superblockChecksum } from '../../src/formats/erofs/read/decode-superblock.ts'
import type { ReaderVerdict } from '../../src/images/checks/reader-verdict.ts'
import type { Generation } from '../../src/images/read/reader-seal.ts'
import type { Verification } from '../../src/images/verify.ts'
import { makeTestKey, type TestKey } from '../keys/test-keys.ts'
import { CONTENT_SAMPLES } from './content-samples.ts'
import {
  type CraftedPartition,
  layOut,
  type Seal,
  seal,
  sealedPartitions,
  signatureText,
  typeOf,
} from './craft-image.ts'
import { makeImageOfTree } from './image-of-tree.ts'
import { noise, writeFile } from './sample-trees.ts'

export interface CraftedImage {
  /** What is unusual about it. */
  readonly name: string
  readonly image: Buffer
  /** Files beside it, by name. */
  readonly beside?: Readonly<Record<string, Uint8Array | string>>
}

const ROOT = { data: typeOf('root', 'data'), hash: typeOf('root', 'hash') }
const OTHER_TYPES = {
  esp: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  xbootldr: 'bc13c2ff-59e6-4262-a352-b275fd6f7172',
  swap: '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f',
  home: '933ac7e1-2eb4-4f13-b844-0e14e2aef915',
  srv: '3b8f8425-20e0-4f3b-907f-1a25a76f98e8',
  var: '4d21b016-b534-45c2-a9fb-5c16e091fd2d',
  tmp: '7ec6f557-3bc5-4aca-b293-16ef5df639d1',
  generic: '0fc63daf-8483-4772-8e79-3d69d8477de4',
  unknown: 'deadbeef-0000-4000-8000-deadbeefdead',
}
const NO_AUTO = 1n << 63n
const READ_ONLY = 1n << 60n
const GROWFS = 1n << 59n
const KIB = 1024

/** What is in the second file. */
export const MORE = noise(8192)

/** A file system with other content in a file, and nothing else changed. */
export function damage(filesystem: Uint8Array): Buffer {
  const changed = Buffer.from(filesystem)
  const at = changed.indexOf(MORE.subarray(0, 64))
  if (at < 0) throw new RangeError('nothing of the file is there')
  changed[at + 7]! ^= 1
  return changed
}

const OLDER_KERNEL = /Linux up to/

/** A file that is there once the extension is merged. */
export const CRAFTED_MARK = 'usr/share/crafted/mark'
/** Another, whose content takes blocks of its own. */
export const CRAFTED_MORE = 'usr/share/crafted/more'

/**
 * Whether it shows only when the hash tree is used, the signature is checked or the file system is
 * mounted, which needs the device mapper and older kernels: see the virtual machines. Arrays of
 * firmware are looked for on whole devices, as those of virtual machines are.
 */
export function isLater(reason: string): boolean {
  return /^(EDESTADDRREQ|the hash tree|reading |\w+_raid_member and erofs)|the device below|Linux up to/.test(
    reason,
  )
}

/** What is said of a version of systemd, or of systemd as such. */
export function systemdOf(
  { readers }: Pick<Verification, 'readers'>,
  generation?: Generation,
): ReaderVerdict {
  const find = (name: string | undefined) => readers.find(({ reader }) => reader === name)
  return find(generation) ?? find('systemd')!
}

/** What a version of systemd did with an image. */
export interface SystemdAnswer {
  readonly generation: Generation
  readonly accepts: boolean
  /** Its last words. */
  readonly said: string
}

/**
 * What was said of a version and is not so. What is said of systemd as such is said of both.
 *
 * @param shows whether such a refusal shows where the answers come from
 */
export function findContradictions(
  verification: Pick<Verification, 'readers'>,
  answers: readonly SystemdAnswer[],
  shows: (reason: string) => boolean = () => true,
): string[] {
  return answers.flatMap(({ generation, accepts, said }) => {
    const { verdict, reason } = systemdOf(verification, generation)
    // What an older kernel refuses shows with one of the versions only.
    const refused = OLDER_KERNEL.test(reason) ? answers.some((each) => !each.accepts) : !accepts
    const isRight =
      verdict === 'accepts' ? accepts : verdict !== 'refuses' || refused || !shows(reason)
    const answer = `${accepts ? 'ACCEPTS' : 'REFUSES'} ${said}`
    return isRight ? [] : [`${generation} ${verdict}: ${reason} <> ${answer}`]
  })
}

/** The extension as a root tree and as a usr tree, each as a file system. */
export async function makeCraftedTrees(folder: string): Promise<[root: Buffer, usr: Buffer]> {
  const trees: Buffer[] = []
  for (const [name, top] of [
    ['root', 'usr/'],
    ['usr', ''],
  ] as const) {
    const tree = join(folder, `crafted-${name}`)
    writeFile(join(tree, `${top}lib/extension-release.d/extension-release.c`), 'ID=_any\n')
    writeFile(join(tree, CRAFTED_MARK.replace('usr/', top)), 'here')
    writeFile(join(tree, CRAFTED_MORE.replace('usr/', top)), MORE)
    const output = `${tree}.raw`
    const built = await makeImageOfTree({ kind: 'sysext', tree, output, name: 'c' })
    const { offset } = built.partitions[0]!
    trees.push(readFileSync(output).subarray(offset, offset + built.filesystemSize))
  }
  return [trees[0]!, trees[1]!]
}

/**
 * Everything, made from two file systems.
 *
 * @param filesystem the extension `c` as a root tree
 * @param usr the same as a usr tree: what is below /usr stands at its top
 */
export async function craftImages(
  filesystem: Uint8Array,
  usr: Uint8Array,
  key: TestKey,
): Promise<readonly CraftedImage[]> {
  const base: Base = { data: Buffer.from(filesystem), key, sealed: await seal(filesystem, key) }
  return [
    ...tables(base),
    ...headers(base),
    ...records(base),
    ...sizes(base),
    ...(await signatures(base)),
    ...superblocks(base),
    ...(await filesystems(base)),
    ...(await overlays(base)),
    ...sidecars(base),
    ...(await usrTrees(usr, key)),
  ]
}

interface Base {
  readonly data: Buffer
  readonly key: TestKey
  readonly sealed: Seal
}

/** Which partitions there are. */
function tables({ data, sealed }: Base): CraftedImage[] {
  const [root, hash, signature] = sealedPartitions(data, sealed) as [
    CraftedPartition,
    CraftedPartition,
    CraftedPartition,
  ]
  const as = (designator: 'root' | 'usr', architecture: string) =>
    [root, hash, signature].map((partition, index) => ({
      ...partition,
      type: typeOf(designator, (['data', 'hash', 'signature'] as const)[index]!, architecture),
    }))
  const other = (type: string, content: Uint8Array = Buffer.alloc(8192)) => ({
    type,
    uuid: '07070707-0000-4000-8000-070707070707',
    content,
  })
  const empty = { ...signature, content: Buffer.alloc(0), uuid: other('').uuid }
  const damaged = { ...root, content: damage(root.content) }
  const again = (partition: CraftedPartition) => ({ ...partition, uuid: other('').uuid })
  const all: Record<string, readonly CraftedPartition[]> = {
    sound: [root, hash, signature],
    'no signature': [root, hash],
    'no signature, data by another UUID': [again(root), hash],
    'no signature, damaged data': [damaged, hash],
    'damaged data': [damaged, hash, signature],
    'no hash tree': [root],
    'a signature and no hash tree': [root, signature],
    'only a hash tree': [hash],
    'only a signature': [signature],
    'a hash tree and a signature': [hash, signature],
    'no partition': [],
    usr: as('usr', 'x86-64'),
    'usr without signature': as('usr', 'x86-64').slice(0, 2),
    'usr without hash tree': as('usr', 'x86-64').slice(0, 1),
    'root of arm64': as('root', 'arm64'),
    'root of x86': as('root', 'x86'),
    'root of arm64, then of x86-64': [...as('root', 'arm64').map(again), root, hash, signature],
    'root of x86-64, then of arm64': [root, hash, signature, ...as('root', 'arm64').map(again)],
    'root beside usr': [root, hash, signature, other(typeOf('usr', 'data'), data)],
    'usr in front of root': [other(typeOf('usr', 'data'), data), root, hash, signature],
    'bare root beside usr': [other(ROOT.data, data), ...as('usr', 'x86-64')],
    'bare usr beside bare root': [other(typeOf('usr', 'data'), data), root],
    'root and usr, each with all': [root, hash, signature, ...as('usr', 'x86-64').map(again)],
    'two roots': [root, again(root), hash, signature],
    'two roots, the second newer': [
      { ...root, label: 'c_1' },
      { ...again(root), label: 'c_2' },
      hash,
      signature,
    ],
    'two roots, the first newer': [
      { ...root, label: 'c_2' },
      { ...again(root), label: 'c_1' },
      hash,
      signature,
    ],
    'two roots, the second newer but for a blank': [
      { ...root, label: 'c_1' },
      { ...again(root), label: 'c_1 ' },
      hash,
      signature,
    ],
    'an empty usr beside root': [
      root,
      hash,
      signature,
      { ...other(typeOf('usr', 'data'), data), label: '_empty' },
    ],
    'a root of ia64 that is none, then of x86-64': [
      other(typeOf('root', 'data', 'ia64')),
      root,
      hash,
      signature,
    ],
    'two hash trees': [root, hash, again(hash), signature],
    'two hash trees, the second newer': [
      root,
      { ...hash, label: 'c_1' },
      { ...again(hash), content: Buffer.alloc(8192), label: 'c_2' },
      signature,
    ],
    'a second, empty signature': [root, hash, signature, empty],
    'a first, empty signature': [root, hash, empty, signature],
    'a second, newer, empty signature': [
      root,
      hash,
      { ...signature, label: 'c_1' },
      { ...empty, label: 'c_2' },
    ],
    'an empty signature': [root, hash, empty],
    'two equal signatures': [root, hash, signature, again(signature)],
    generic: [other(OTHER_TYPES.generic, data)],
    'two generic': [
      other(OTHER_TYPES.generic, data),
      { ...again(root), type: OTHER_TYPES.generic },
    ],
    'generic beside root': [other(OTHER_TYPES.generic, data), root, hash, signature],
    'generic with a hash tree': [other(OTHER_TYPES.generic, data), hash, signature],
    'data by another UUID': [again(root), hash, signature],
    'hash tree by another UUID': [root, again(hash), signature],
    'UUID of zeros': [{ ...root, uuid: '00000000-0000-0000-0000-000000000000' }, hash, signature],
    'equal UUIDs': [root, { ...hash, uuid: root.uuid }, signature],
    'hash tree of usr': [root, { ...hash, type: typeOf('usr', 'hash') }, signature],
    'signature of usr': [root, hash, { ...signature, type: typeOf('usr', 'signature') }],
    'hash tree of arm64': [root, { ...hash, type: typeOf('root', 'hash', 'arm64') }, signature],
    'signature of arm64': [
      root,
      hash,
      { ...signature, type: typeOf('root', 'signature', 'arm64') },
    ],
    'signature, hash tree, data': [signature, hash, root],
    'hash tree first': [hash, root, signature],
    'signature first': [signature, root, hash],
    'data partition larger than the data': [{ ...root, size: 64 * KIB }, hash, signature],
    'data partition over a floppy': [{ ...root, size: 2048 * KIB }, hash, signature],
    'hash partition larger than the tree': [root, { ...hash, size: 64 * KIB }, signature],
    'hash partition too small': [
      root,
      { ...hash, content: hash.content.subarray(0, 4096) },
      signature,
    ],
  }
  for (const [name, type] of Object.entries(OTHER_TYPES)) {
    all[`also ${name}`] = [root, hash, signature, other(type)]
    all[`${name} first`] = [other(type), root, hash, signature]
  }
  for (const [index, what] of ['data', 'hash tree', 'signature'].entries()) {
    const change = (fields: Partial<CraftedPartition>) =>
      [root, hash, signature].map((each, at) => (at === index ? { ...each, ...fields } : each))
    all[`no-auto ${what}`] = change({ attributes: READ_ONLY | NO_AUTO })
    all[`${what} that is not read-only`] = change({ attributes: 0n })
    all[`${what} that grows`] = change({ attributes: READ_ONLY | GROWFS })
    all[`${what} that firmware needs`] = change({ attributes: READ_ONLY | 1n })
    all[`${what} with attributes of the future`] = change({ attributes: READ_ONLY | (1n << 50n) })
    all[`${what} labelled _empty`] = change({ label: '_empty' })
    all[`${what} labelled _empty and blanks`] = change({ label: '_empty \t\n\v\f\r' })
    all[`${what} labelled _empty and a wide blank`] = change({ label: '_empty\u2003' })
    all[`${what} with a label`] = change({ label: 'something' })
    all[`${what} of no bytes but one block`] = change({ content: Buffer.alloc(0), size: 4096 })
  }
  return Object.entries(all).map(([name, partitions]) => ({ name, image: layOut(partitions) }))
}

const HEADER = 512
const ENTRIES = 1024

/** Fields of both headers, with checksums that fit; `only` one of them. */
function withHeader(
  image: Buffer,
  change: (header: Buffer) => void,
  only?: 'primary' | 'backup',
): Buffer {
  const changed = Buffer.from(image)
  const places = { primary: HEADER, backup: image.length - 512 }
  for (const [name, at] of Object.entries(places)) {
    if (only && name !== only) continue
    const header = changed.subarray(at, at + 512)
    change(header)
    const size = header.readUInt32LE(12)
    header.writeUInt32LE(0, 16)
    header.writeUInt32LE(crc32(header.subarray(0, Math.min(size, 512))), 16)
  }
  return changed
}

function headers(base: Base): CraftedImage[] {
  const sound = layOut(sealedPartitions(base.data, base.sealed))
  const both = (name: string, change: (header: Buffer) => void): CraftedImage[] => [
    { name: `${name} in both headers`, image: withHeader(sound, change) },
    { name: `${name} in the primary header`, image: withHeader(sound, change, 'primary') },
    { name: `${name} in the backup header`, image: withHeader(sound, change, 'backup') },
  ]
  const flip = (...offsets: readonly number[]) => {
    const image = Buffer.from(sound)
    for (const at of offsets) image[at < 0 ? image.length + at : at]! ^= 1
    return image
  }
  const last = sound.length / 512
  return [
    { name: 'a flipped bit in the primary header', image: flip(HEADER + 56) },
    { name: 'a flipped bit in the backup header', image: flip(-512 + 56) },
    { name: 'a flipped bit in both headers', image: flip(HEADER + 56, -512 + 56) },
    { name: 'a flipped bit in the primary entries', image: flip(ENTRIES + 56) },
    { name: 'a flipped bit in the backup entries', image: flip(-512 - 16384 + 56) },
    { name: 'a flipped bit in both entries', image: flip(ENTRIES + 56, -512 - 16384 + 56) },
    { name: 'no primary signature', image: flip(HEADER) },
    { name: 'no backup signature', image: flip(-512) },
    { name: 'no signature of a header', image: flip(HEADER, -512) },
    ...both('revision 2', (header) => header.writeUInt32LE(0x20000, 8)),
    ...both('a size of 91', (header) => header.writeUInt32LE(91, 12)),
    ...both('a size of 512', (header) => header.writeUInt32LE(512, 12)),
    ...both('a size of 513', (header) => header.writeUInt32LE(513, 12)),
    ...both('reserved bytes', (header) => header.writeUInt32LE(1, 20)),
    ...both('another own sector', (header) => header.writeBigUInt64LE(7n, 24)),
    ...both('another sector of the other', (header) => header.writeBigUInt64LE(7n, 32)),
    ...both('a first usable sector after the last', (header) => {
      header.writeBigUInt64LE(header.readBigUInt64LE(48) + 1n, 40)
    }),
    ...both('a last usable sector outside', (header) => {
      header.writeBigUInt64LE(BigInt(last), 48)
    }),
    ...both('the first usable sector behind the data', (header) => {
      header.writeBigUInt64LE(100n, 40)
    }),
    ...both('the last usable sector in front of the signature', (header) => {
      header.writeBigUInt64LE(BigInt(last - 150), 48)
    }),
    ...[0n, 1n, 2n].flatMap((first) =>
      both(`usable sectors from ${first} on`, (header) => header.writeBigUInt64LE(first, 40)),
    ),
    ...both('all sectors usable', (header) => {
      header.writeBigUInt64LE(0n, 40)
      header.writeBigUInt64LE(BigInt(last - 1), 48)
    }),
    ...both('one usable sector, that of the header', (header) => {
      header.writeBigUInt64LE(1n, 40)
      header.writeBigUInt64LE(1n, 48)
    }),
    ...both('entries in a sector that wraps', (header) => {
      header.writeBigUInt64LE(header.readBigUInt64LE(72) + (1n << 56n), 72)
    }),
    ...both('no entries', (header) => header.writeUInt32LE(0, 80)),
    ...both('entries of 256 bytes', (header) => header.writeUInt32LE(256, 84)),
    ...both('entries outside of the file', (header) => header.writeBigUInt64LE(1n << 40n, 72)),
    ...[3, 4, 64].map((count) => ({
      name: `${count} entries`,
      image: withHeader(sound, (header) => {
        header.writeUInt32LE(count, 80)
        header.writeUInt32LE(crc32(sound.subarray(ENTRIES, ENTRIES + count * 128)), 88)
      }),
    })),
  ]
}

/** Entries with other sectors, and the first sector. */
function records(base: Base): CraftedImage[] {
  const sound = layOut(sealedPartitions(base.data, base.sealed))
  const entry = (index: number, change: (entry: Buffer) => void): Buffer => {
    const image = Buffer.from(sound)
    for (const array of [ENTRIES, image.length - 512 - 16384]) {
      change(image.subarray(array + index * 128, array + (index + 1) * 128))
    }
    const checksum = crc32(image.subarray(ENTRIES, ENTRIES + 16384))
    return withHeader(image, (header) => header.writeUInt32LE(checksum, 88))
  }
  const sector0 = (change: (sector: Buffer) => void): Buffer => {
    const image = Buffer.from(sound)
    change(image.subarray(0, 512))
    return image
  }
  const record =
    (index: number, type: number, first = 80, size = 8) =>
    (sector: Buffer) => {
      sector[446 + index * 16 + 4] = type
      sector.writeUInt32LE(first, 446 + index * 16 + 8)
      sector.writeUInt32LE(size, 446 + index * 16 + 12)
    }
  const sgi = (sector: Buffer) => {
    sector.writeUInt32BE(0x0be5a941, 0)
    sector.writeUInt32BE(0, 504)
    let sum = 0
    for (let at = 0; at < 512; at += 4) sum = (sum + sector.readUInt32BE(at)) >>> 0
    sector.writeUInt32BE(-sum >>> 0, 504)
  }
  const first = (at: Buffer) => at.readBigUInt64LE(32)
  const lastOf = (at: Buffer) => at.readBigUInt64LE(40)
  const all: Record<string, Buffer> = {}
  for (const [index, what] of ['data', 'hash tree', 'signature'].entries()) {
    all[`${what} that ends before it starts`] = entry(index, (at) => at.writeBigUInt64LE(1n, 40))
    all[`${what} outside of the file`] = entry(index, (at) => at.writeBigUInt64LE(1n << 20n, 40))
    all[`${what} in the backup table`] = entry(index, (at) =>
      at.writeBigUInt64LE(BigInt(sound.length / 512 - 1), 40),
    )
    all[`${what} from sector 1 on`] = entry(index, (at) => at.writeBigUInt64LE(1n, 32))
    all[`${what} one sector further`] = entry(index, (at) => {
      at.writeBigUInt64LE(first(at) + 1n, 32)
    })
    all[`${what} one sector longer`] = entry(index, (at) => {
      at.writeBigUInt64LE(lastOf(at) + 1n, 40)
    })
    all[`${what} one sector shorter`] = entry(index, (at) => {
      at.writeBigUInt64LE(lastOf(at) - 1n, 40)
    })
    all[`${what} with bytes behind the label`] = entry(index, (at) => at.writeUInt16LE(65, 126))
    all[`${what} of no type`] = entry(index, (at) => at.fill(0, 0, 16))
  }
  Object.assign(all, {
    'no signature of the first sector': sector0((sector) => sector.writeUInt16LE(0, 510)),
    'no protective record': sector0((sector) => sector.fill(0, 446, 510)),
    'a protective record in the second place': sector0((sector) => {
      sector.copy(sector, 462, 446, 462)
      sector.fill(0, 446, 462)
    }),
    'a protective record of one sector': sector0((sector) => sector.writeUInt32LE(1, 458)),
    'a hybrid table': sector0(record(1, 0x83)),
    'a hybrid table of four': sector0((sector) => {
      for (const index of [1, 2, 3]) record(index, 0x83)(sector)
    }),
    'a table of the BIOS instead': sector0(record(0, 0x83)),
    'boot code': sector0((sector) => sector.fill(0x90, 0, 440)),
    'a jump as the boot code': sector0((sector) => sector.write('\xeb\x3c\x90', 'latin1')),
    'a bootable protective record': sector0((sector) => sector.writeUInt8(0x80, 446)),
    'a boot indicator that is none': sector0((sector) => sector.writeUInt8(0x12, 446)),
    'a disk signature': sector0((sector) => sector.writeUInt32LE(7, 440)),
    'the magic of AIX': sector0((sector) => sector.writeUInt32BE(0xc9c2d4c1, 0)),
    'the magic of SGI': sector0((sector) => sector.writeUInt32BE(0x0be5a941, 0)),
    'a label of SGI': sector0(sgi),
    'the magic of Sun': sector0((sector) => sector.writeUInt16BE(0xdabe, 508)),
  })
  return Object.entries(all).map(([name, image]) => ({ name, image }))
}

function sizes({ data, sealed }: Base): CraftedImage[] {
  const sound = layOut(sealedPartitions(data, sealed))
  const cut = [1, 511, 512, 4096, 16384, 17408, 65536, 80000]
  const more = [1, 511, 512, 4096, 65536, 2048 * KIB]
  return [
    ...cut.map((bytes) => ({
      name: `${bytes} bytes cut off`,
      image: sound.subarray(0, sound.length - bytes),
    })),
    ...more.map((bytes) => ({
      name: `${bytes} bytes more`,
      image: Buffer.concat([sound, Buffer.alloc(bytes)]),
    })),
    { name: 'a bare file system', image: data },
    {
      name: 'a bare file system over a floppy',
      image: Buffer.concat([data, Buffer.alloc(2048 * KIB)]),
    },
    { name: 'the first 8 KiB', image: sound.subarray(0, 8192) },
    { name: 'nothing but zeros', image: Buffer.alloc(65536) },
  ]
}

async function signatures({ data, sealed, key }: Base): Promise<CraftedImage[]> {
  const other = await seal(data, makeTestKey('rsa2048', { commonName: 'somebody else' }))
  const another = await seal(Buffer.concat([data, Buffer.alloc(4096)]), key)
  const text = signatureText(sealed)
  const value = JSON.parse(text) as Record<
    'rootHash' | 'certificateFingerprint' | 'signature',
    string
  >
  const { rootHash, certificateFingerprint, signature } = value
  const json = (fields: object) => JSON.stringify(fields)
  const inside = (more: string) => `${text.slice(0, -1)},${more}}`
  const texts: Record<string, string | Uint8Array> = {
    'spaces around': `  ${text}\n`,
    'spaces inside': JSON.stringify(value, null, 2),
    'a tab and a form feed': `\t\f${text}`,
    'a vertical tab': `\v${text}`,
    'a BOM': `\ufeff${text}`,
    'another order': json({ signature, rootHash, certificateFingerprint }),
    'no fingerprint': json({ rootHash, signature }),
    'no root hash': json({ signature, certificateFingerprint }),
    'no signature': json({ rootHash, certificateFingerprint }),
    'one more field': inside('"more":1'),
    'an object more': inside('"more":{"rootHash":"00"}'),
    'the root hash twice': inside(`"rootHash":"${rootHash}"`),
    'two root hashes': inside(`"rootHash":"${'0'.repeat(64)}"`),
    'two root hashes, the wrong first': `{"rootHash":"${'0'.repeat(64)}",${text.slice(1)}`,
    'the signature twice': inside(`"signature":"${signature}"`),
    'an unknown field twice': inside('"a":1,"a":2'),
    'a root hash in capitals': json({ ...value, rootHash: rootHash.toUpperCase() }),
    'a root hash with spaces': json({ ...value, rootHash: ` ${rootHash} ` }),
    'a root hash with spaces inside': json({
      ...value,
      rootHash: rootHash.replace(/..../g, '$& '),
    }),
    'a root hash with a newline': json({ ...value, rootHash: `${rootHash}\n` }),
    'a root hash of 31 bytes': json({ ...value, rootHash: rootHash.slice(2) }),
    'a root hash of 63 digits': json({ ...value, rootHash: rootHash.slice(1) }),
    'a root hash of 8 bytes': json({ ...value, rootHash: rootHash.slice(0, 16) }),
    'an empty root hash': json({ ...value, rootHash: '' }),
    'a root hash that is a number': json({ ...value, rootHash: 7 }),
    'a root hash that is null': json({ ...value, rootHash: null }),
    'another root hash': json({ ...value, rootHash: another.rootHash }),
    'a root hash by escapes': text
      .replace('"rootHash":"', `"rootHash":"\\u00${rootHash.charCodeAt(0).toString(16)}`)
      .replace(rootHash, rootHash.slice(1)),
    'a name by escapes': text.replace('rootHash', '\\u0072ootHash'),
    'a signature with newlines': json({ ...value, signature: signature.replace(/.{64}/g, '$&\n') }),
    'a signature with spaces': json({ ...value, signature: signature.replace(/.{64}/g, '$& ') }),
    'a signature without padding': json({ ...value, signature: signature.replace(/=*$/, '') }),
    'a signature with more padding': json({ ...value, signature: `${signature}====` }),
    'a signature in base64url': json({
      ...value,
      signature: signature.replaceAll('+', '-').replaceAll('/', '_'),
    }),
    'a signature that is no base64': json({ ...value, signature: '!' }),
    'an empty signature text': json({ ...value, signature: '' }),
    'a signature that is a number': json({ ...value, signature: 7 }),
    'a signature by another key': signatureText(other),
    'a signature of another root hash': json({
      ...value,
      signature: Buffer.from(another.pkcs7).toString('base64'),
    }),
    'everything of another image': signatureText(another),
    'a wrong fingerprint': json({ ...value, certificateFingerprint: '00'.repeat(32) }),
    'a fingerprint that is no hex': json({ ...value, certificateFingerprint: 'zz' }),
    'a fingerprint that is a number': json({ ...value, certificateFingerprint: 7 }),
    'a NUL by escape in another field': inside('"more":"\\u0000"'),
    'a NUL by escape in a name': inside('"mo\\u0000re":1'),
    'a lone high surrogate': inside('"more":"\\ud800"'),
    'a lone low surrogate': inside('"more":"\\udc00"'),
    'a pair of surrogates': inside('"more":"\\ud83d\\ude00"'),
    'a noncharacter': inside('"more":"\uffff"'),
    'a noncharacter by escape': inside('"more":"\\uffff"'),
    'a control character': inside('"more":"\u0001"'),
    'a raw newline in a text': inside('"more":"\n"'),
    'a DEL': inside('"more":"\u007f"'),
    'text that is not UTF-8': Buffer.concat([
      Buffer.from(`${text.slice(0, -1)},"more":"`),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]),
    'overlong UTF-8': Buffer.concat([
      Buffer.from(`${text.slice(0, -1)},"more":"`),
      Buffer.from([0xc0, 0x80]),
      Buffer.from('"}'),
    ]),
    'UTF-8 of a surrogate': Buffer.concat([
      Buffer.from(`${text.slice(0, -1)},"more":"`),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from('"}'),
    ]),
    'a number too large': inside('"more":1e999'),
    'a number of many digits': inside('"more":123456789012345678901234567890'),
    'a number with a leading zero': inside('"more":01'),
    'a number with a plus': inside('"more":+1'),
    'minus zero': inside('"more":-0'),
    'a fraction without digits': inside('"more":1.'),
    'a hexadecimal number': inside('"more":0x1'),
    NaN: inside('"more":NaN'),
    'an escaped slash': inside('"more":"\\/"'),
    'an unknown escape': inside('"more":"\\x41"'),
    'a name that is empty': inside('"":1'),
    '1000 arrays inside each other': inside(`"more":${'['.repeat(1000)}${']'.repeat(1000)}`),
    '3000 arrays inside each other': inside(`"more":${'['.repeat(3000)}${']'.repeat(3000)}`),
    'a trailing comma': `${text.slice(0, -1)},}`,
    'a comment': `/* */${text}`,
    'text after the object': `${text}x`,
    'a second object': `${text}${text}`,
    'an array around': `[${text}]`,
    'a text instead': '"text"',
    'cut off': text.slice(0, -9),
    'single quotes': text.replaceAll('"', "'"),
    'bytes behind a NUL': Buffer.concat([Buffer.from(text), Buffer.from([0, 1])]),
    'no NUL at all': text.padEnd(16384),
  }
  const [root, hash, partition] = sealedPartitions(data, sealed) as [
    CraftedPartition,
    CraftedPartition,
    CraftedPartition,
  ]
  const withPartition = (content: Uint8Array, size = 16384) =>
    layOut([root, hash, { ...partition, content, size }])
  return [
    ...Object.entries(texts).map(([name, content]) => ({
      name: `JSON: ${name}`,
      image: withPartition(Buffer.from(content)),
    })),
    { name: 'a signature partition of 4 KiB', image: withPartition(Buffer.from(text), 4096) },
    { name: 'a signature partition of 4 MiB', image: withPartition(Buffer.from(text), 4096 * KIB) },
    { name: 'a signature partition of more', image: withPartition(Buffer.from(text), 4100 * KIB) },
  ]
}

/** Fields of the verity superblock, which no root hash covers. */
function superblocks({ data, sealed }: Base): CraftedImage[] {
  const [root, hash, signature] = sealedPartitions(data, sealed) as [
    CraftedPartition,
    CraftedPartition,
    CraftedPartition,
  ]
  const all: Record<string, (superblock: Buffer) => void> = {
    'another magic': (at) => at.writeUInt8(0x56, 0),
    'version 0': (at) => at.writeUInt32LE(0, 8),
    'version 2': (at) => at.writeUInt32LE(2, 8),
    'hash type 0': (at) => at.writeUInt32LE(0, 12),
    'hash type 2': (at) => at.writeUInt32LE(2, 12),
    'another UUID': (at) => at.writeUInt8(7, 16),
    'a UUID of zeros': (at) => at.fill(0, 16, 32),
    sha512: (at) => at.write('sha512\0', 32),
    'an unknown hash': (at) => at.write('nothing\0', 32),
    'SHA256 in capitals': (at) => at.write('SHA256\0', 32),
    'bytes behind the name of the hash': (at) => at.writeUInt8(7, 60),
    'data blocks of 512 bytes': (at) => at.writeUInt32LE(512, 64),
    'data blocks of 8192 bytes': (at) => at.writeUInt32LE(8192, 64),
    'data blocks of 3000 bytes': (at) => at.writeUInt32LE(3000, 64),
    'data blocks of 0 bytes': (at) => at.writeUInt32LE(0, 64),
    'hash blocks of 512 bytes': (at) => at.writeUInt32LE(512, 68),
    'hash blocks of 8192 bytes': (at) => at.writeUInt32LE(8192, 68),
    'no data blocks': (at) => at.writeBigUInt64LE(0n, 72),
    'one data block less': (at) => at.writeBigUInt64LE(at.readBigUInt64LE(72) - 1n, 72),
    'one data block more': (at) => at.writeBigUInt64LE(at.readBigUInt64LE(72) + 1n, 72),
    'very many data blocks': (at) => at.writeBigUInt64LE(1n << 60n, 72),
    'no salt': (at) => at.writeUInt16LE(0, 80),
    'a salt of 31 bytes': (at) => at.writeUInt16LE(31, 80),
    'a salt of 257 bytes': (at) => at.writeUInt16LE(257, 80),
    'another salt': (at) => at.writeUInt8(8, 88),
    'padding that is not zero': (at) => at.writeUInt8(7, 82),
    'bytes behind the salt': (at) => at.writeUInt8(7, 88 + 100),
    'bytes at the end': (at) => at.writeUInt8(7, 511),
    'bytes behind the superblock': (at) => at.writeUInt8(7, 600),
  }
  return Object.entries(all).map(([name, change]) => {
    const content = Buffer.from(hash.content)
    change(content)
    return { name: `verity: ${name}`, image: layOut([root, { ...hash, content }, signature]) }
  })
}

/** Fields of EROFS, signed as they are. */
async function filesystems({ data, key }: Base): Promise<CraftedImage[]> {
  const { rootnid2b, metaBlkaddr } = decode(Superblock, data, 1024)
  const root = metaBlkaddr * 4096 + rootnid2b * 32
  const field =
    (fields: Partial<Superblock>, checksum = true) =>
    (image: Buffer) => {
      image.set(encode(Superblock, { ...decode(Superblock, image, 1024), ...fields }), 1024)
      const covered = image.subarray(1024, 4096)
      if (checksum) covered.writeUInt32LE(superblockChecksum(covered), 4)
    }
  const sb = decode(Superblock, data, 1024)
  // As Linux computes it, and libblkid does not.
  const small = (blkszbits: number) => (image: Buffer) => {
    field({ blkszbits }, false)(image)
    const covered = image.subarray(1024, 1024 + 2 ** blkszbits)
    covered.writeUInt32LE(superblockChecksum(covered), 4)
  }
  const inode = (change: (inode: Buffer) => void) => (image: Buffer) => {
    change(image.subarray(root, root + 64))
    field({})(image)
  }
  // The entries of a small directory follow its inode: first those of the dots.
  const dots = (change: (entries: Buffer) => void) => (image: Buffer) => {
    const start = root + (image.readUInt16LE(root) & 1 ? 64 : 32)
    change(image.subarray(start, start + 24))
    field({})(image)
  }
  const all: Record<string, (image: Buffer) => void> = {
    'an entry "." of an unknown type': dots((at) => at.writeUInt8(18, 10)),
    'an entry ".." of an unknown type': dots((at) => at.writeUInt8(130, 22)),
    'an entry "." that leads to no inode': dots((at) => at.writeUInt8(0x80, 6)),
    'an entry ".." that leads to no inode': dots((at) => at.writeUInt8(0x80, 18)),
    'another magic': (image) => image.writeUInt32LE(1, 1024),
    'a wrong checksum': field({ checksum: 7 }, false),
    'no checksum': field({ featureCompat: sb.featureCompat & ~1 }),
    'an unknown compatible feature': field({ featureCompat: sb.featureCompat | 0x40000000 }),
    ...Object.fromEntries(
      [...Array(16).keys()].map((bit) => [
        `incompatible feature ${bit}`,
        field({ featureIncompat: sb.featureIncompat ^ (1 << bit) }),
      ]),
    ),
    'an incompatible feature of the future': field({ featureIncompat: 0x40000000 }),
    'blocks of 256 bytes': field({ blkszbits: 8, featureCompat: 0 }),
    'blocks of 512 bytes': field({ blkszbits: 9, featureCompat: 0 }),
    'blocks of 512 bytes and a checksum': small(9),
    'blocks of 1024 bytes and a checksum': small(10),
    'blocks of 2048 bytes': field({ blkszbits: 11, featureCompat: 0 }),
    'blocks of 8192 bytes': field({ blkszbits: 13, featureCompat: 0 }),
    'blocks of 128 KiB': field({ blkszbits: 17, featureCompat: 0 }),
    'extension slots': field({ sbExtslots: 1 }),
    'many extension slots': field({ sbExtslots: 255 }),
    'another root': field({ rootnid2b: 0xffff }),
    'no inodes counted': field({ inos: 0n }),
    'an early epoch': field({ epoch: 1n }),
    'an epoch before 1970': field({ epoch: 0xffffffffffffff00n }),
    'nanoseconds that are none': field({ fixedNsec: 0xffffffff }),
    'no blocks': field({ blocksLo: 0 }),
    'fewer blocks': field({ blocksLo: 1 }),
    'more blocks than there are': field({ blocksLo: 1000000 }),
    'inodes elsewhere': field({ metaBlkaddr: 1000 }),
    'attributes elsewhere': field({ xattrBlkaddr: 1000 }),
    'a UUID with the magic of ext2': field({ uuid: '00000000-0000-0000-53ef-000000000000' }),
    'a label': field({ volumeName: Buffer.from('label'.padEnd(16, '\0')) }),
    'a label without an end': field({ volumeName: Buffer.from('0123456789abcdef') }),
    'a label that is not UTF-8': field({
      volumeName: Buffer.from('\xff'.padEnd(16, '\0'), 'latin1'),
    }),
    'algorithms that are not announced': field({ availableComprAlgs: 0xffff }),
    'a further device': field({ extraDevices: 1 }),
    'larger directory blocks': field({ dirblkbits: 1 }),
    'prefixes elsewhere': field({ xattrPrefixCount: 1, xattrPrefixStart: 1000000 }),
    'a packed inode': field({ packedNid: 7n }),
    'reserved bytes': field({ reserved: 7, reserved2: 7n }),
    '4991 inodes': field({ inos: 4991n }),
    'a root that is a file': inode((at) => at.writeUInt16LE(0o100755, 4)),
    'a root of an unknown kind': inode((at) => at.writeUInt16LE(0o170755, 4)),
    'a root of an unknown layout': inode((at) => at.writeUInt16LE(at.readUInt16LE(0) | 0xe, 0)),
    'a root with reserved bits': inode((at) => at.writeUInt16LE(at.readUInt16LE(0) | 0x8000, 0)),
    'a root with bit 4': inode((at) => at.writeUInt16LE(at.readUInt16LE(0) | 0x10, 0)),
    'a root without size': inode((at) => at.writeUInt32LE(0, 8)),
    'a huge root': inode((at) => at.writeUInt32LE(0x7fffffff, 8)),
    'a root that nobody may enter': inode((at) => at.writeUInt16LE(0o040000, 4)),
    'a root that all may write': inode((at) => at.writeUInt16LE(0o041777, 4)),
    'a root of nobody': inode((at) => at.writeUInt16LE(0xfffe, 24)),
    'a root with more attributes than there are': inode((at) => at.writeUInt16LE(0xffff, 2)),
    'the first byte': (image) => image.writeUInt8(1, 0),
    'zeros instead': (image) => image.fill(0),
  }
  const images: CraftedImage[] = []
  for (const [name, change] of Object.entries(all)) {
    const changed = Buffer.from(data)
    change(changed)
    images.push({
      name: `EROFS: ${name}`,
      image: layOut(sealedPartitions(changed, await seal(changed, key))),
    })
  }
  return images
}

/** Other types over the file system, and over the image. */
async function overlays({ data, key, sealed }: Base): Promise<CraftedImage[]> {
  const images: CraftedImage[] = []
  const sound = layOut(sealedPartitions(data, sealed))
  for (const { name, size = 0, put } of CONTENT_SAMPLES) {
    if (size > 4096 * KIB) continue
    for (const [of, least] of [
      ['few', 64 * KIB],
      ['many', 1536 * KIB],
    ] as const) {
      if (of === 'few' && size > least) continue
      const changed = Buffer.concat([data, Buffer.alloc(Math.max(least, size) - data.length)])
      put(changed)
      changed.set(data.subarray(1024, 1024 + 128), 1024)
      changed.writeUInt32LE(0, 1024 + 8)
      const partitions = sealedPartitions(changed, await seal(changed, key))
      images.push({ name: `${name} in a partition of ${of} bytes`, image: layOut(partitions) })
    }
    if (size > 0) continue
    const whole = Buffer.from(sound)
    put(whole)
    // Table and partitions stay as they are.
    sound.copy(whole, 440, 440, ENTRIES + 512)
    sound.copy(whole, 40960, 40960)
    images.push({ name: `${name} in the whole file`, image: whole })
  }
  return images
}

/** The extension in a usr partition. */
async function usrTrees(data: Uint8Array, key: TestKey): Promise<CraftedImage[]> {
  const sealed = await seal(data, key)
  const stranger = await seal(data, makeTestKey('rsa2048', { commonName: 'somebody else' }))
  const changed = damage(data)
  const ofUsr = (by: Seal, content = data) =>
    sealedPartitions(content, by).map((partition, index) => ({
      ...partition,
      type: typeOf('usr', (['data', 'hash', 'signature'] as const)[index]!),
    }))
  const partitions = ofUsr(sealed)
  const [whole, unsigned, bare] = [3, 2, 1].map((count) => layOut(partitions.slice(0, count)))
  const { rootHash, pkcs7 } = sealed
  const cases: readonly [string, Buffer, CraftedImage['beside']?][] = [
    ['whole', whole!],
    ['signed by somebody else', layOut(ofUsr(stranger))],
    ['unsigned', unsigned!],
    ['bare', bare!],
    ['damaged', layOut(ofUsr(sealed, changed))],
    ['damaged and unsigned', layOut(ofUsr(sealed, changed).slice(0, 2))],
    ['damaged, its root hash beside', layOut(ofUsr(sealed, changed)), { 'c.usrhash': rootHash }],
    ['unsigned, an empty root hash beside', unsigned!, { 'c.usrhash': '' }],
    ['whole, an empty signature beside', whole!, { 'c.usrhash': rootHash, 'c.usrhash.p7s': '' }],
    ['whole, an empty signature alone beside', whole!, { 'c.usrhash.p7s': '' }],
    ['whole, a hash tree beside', whole!, { 'c.verity': sealed.hash }],
    ['whole, its root hash beside', whole!, { 'c.usrhash': rootHash }],
    ['whole, its root hash beside as that of root', whole!, { 'c.roothash': rootHash }],
    ['whole, another root hash beside', whole!, { 'c.usrhash': '1'.repeat(64) }],
    ['whole, both beside', whole!, { 'c.usrhash': rootHash, 'c.usrhash.p7s': pkcs7 }],
    ['unsigned, both beside', unsigned!, { 'c.usrhash': rootHash, 'c.usrhash.p7s': pkcs7 }],
  ]
  return cases.map(([what, image, beside]) => {
    return { name: `a usr tree: ${what}`, image, ...(beside && { beside }) }
  })
}

function sidecars({ data, sealed }: Base): CraftedImage[] {
  const image = layOut(sealedPartitions(data, sealed))
  const unsigned = layOut(sealedPartitions(data, sealed).slice(0, 2))
  const without = layOut(sealedPartitions(data, sealed).slice(0, 1))
  const bare = Buffer.from(data)
  const { rootHash, pkcs7, hash } = sealed
  const none = '0'.repeat(64)
  const all = (p7s: string) => ({ 'c.roothash': rootHash, 'c.roothash.p7s': p7s, 'c.verity': hash })
  const other = `${rootHash.slice(0, 32)}${'1'.repeat(32)}`
  const cases: readonly [string, Buffer, Record<string, Uint8Array | string>][] = [
    ['its root hash', image, { 'c.roothash': `${rootHash}\n` }],
    ['another root hash', image, { 'c.roothash': `${'1'.repeat(64)}\n` }],
    ['half of its root hash', image, { 'c.roothash': `${other}\n` }],
    ['a root hash of zeros', image, { 'c.roothash': `${none}\n` }],
    ['a root hash that is none', image, { 'c.roothash': 'no hash\n' }],
    ['an empty root hash', image, { 'c.roothash': '' }],
    ['a short root hash', image, { 'c.roothash': `${rootHash.slice(0, 30)}\n` }],
    ['a root hash and more lines', image, { 'c.roothash': `${rootHash}\nmore\n` }],
    ['a root hash in capitals', image, { 'c.roothash': rootHash.toUpperCase() }],
    ['a root hash with blanks', image, { 'c.roothash': ` ${rootHash} \n` }],
    ['root hash and signature', image, { 'c.roothash': `${rootHash}\n`, 'c.roothash.p7s': pkcs7 }],
    ['a signature alone', image, { 'c.roothash.p7s': pkcs7 }],
    ['an empty signature', image, { 'c.roothash': rootHash, 'c.roothash.p7s': '' }],
    ['an empty signature alone', image, { 'c.roothash.p7s': '' }],
    ['a signature that is none', image, { 'c.roothash': rootHash, 'c.roothash.p7s': 'none' }],
    ['a root hash of usr', image, { 'c.usrhash': `${rootHash}\n` }],
    ['a hash tree', image, { 'c.verity': hash }],
    ['an empty hash tree', image, { 'c.verity': '' }],
    ['a hash tree that is none', image, { 'c.verity': 'none' }],
    ['a root hash and an empty hash tree', image, { 'c.roothash': rootHash, 'c.verity': '' }],
    ['an empty root hash', unsigned, { 'c.roothash': '' }],
    ['an empty signature', unsigned, { 'c.roothash': rootHash, 'c.roothash.p7s': '' }],
    ['an empty signature alone', unsigned, { 'c.roothash.p7s': '' }],
    ['an empty root hash of usr', image, { 'c.usrhash': '' }],
    ['a root hash', without, { 'c.roothash': rootHash }],
    ['an empty root hash', without, { 'c.roothash': '' }],
    ['an empty root hash', bare, { 'c.roothash': '' }],
    ['an empty hash tree', bare, { 'c.verity': '' }],
    ['a root hash and an empty hash tree', bare, { 'c.roothash': rootHash, 'c.verity': '' }],
    ['a hash tree that is none', bare, { 'c.verity': 'none' }],
    ['a root hash of usr', bare, { 'c.usrhash': rootHash }],
    ['an empty root hash of usr', bare, { 'c.usrhash': '' }],
    ['an empty signature alone', bare, { 'c.roothash.p7s': '' }],
    ['everything, and an empty signature', bare, all('')],
    ['everything, and a signature that is none', bare, all('none')],
    ['only the root hash', unsigned, { 'c.roothash': rootHash }],
    ['root hash and signature', unsigned, { 'c.roothash': rootHash, 'c.roothash.p7s': pkcs7 }],
    ['everything', bare, { 'c.roothash': rootHash, 'c.roothash.p7s': pkcs7, 'c.verity': hash }],
    ['root hash and hash tree', bare, { 'c.roothash': rootHash, 'c.verity': hash }],
    ['only a hash tree', bare, { 'c.verity': hash }],
    ['only a root hash', bare, { 'c.roothash': rootHash }],
    ['another root hash', bare, { 'c.roothash': '1'.repeat(64), 'c.verity': hash }],
  ]
  const kinds = new Map([
    [image, 'an image'],
    [unsigned, 'an unsigned image'],
    [without, 'an image without hash tree'],
    [bare, 'a bare file system'],
  ])
  return cases.map(([what, file, beside]) => {
    return { name: `${what} beside ${kinds.get(file)}`, image: file, beside }
  })
}
