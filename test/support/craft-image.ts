/** Images put together by hand, also such as nothing of ours would write. */

import { alignUp } from '../../src/bytes/align.ts'
import { concat } from '../../src/bytes/concat.ts'
import { fromHex, toHex } from '../../src/bytes/hex.ts'
import { sha256 } from '../../src/crypto/sha256.ts'
import { rootHashUuids } from '../../src/formats/ddi/index.ts'
import { ATTRIBUTE_READ_ONLY, encodeGpt, partitionTypeGuid } from '../../src/formats/gpt/index.ts'
import { HashTreeBuilder } from '../../src/formats/verity/hash-tree.ts'
import { encodeVeritySuperblock } from '../../src/formats/verity/superblock.ts'
import { signRootHash } from '../../src/images/sign.ts'
import { signingWith } from '../images/fixtures.ts'
import type { TestKey } from '../keys/test-keys.ts'

const BLOCK = 4096
const START = 40960
const MEBIBYTE = 1024 * 1024
const SALT = Buffer.alloc(32, 7)

export interface CraftedPartition {
  readonly type: string
  readonly uuid: string
  readonly label?: string
  readonly attributes?: bigint
  readonly content: Uint8Array
  /** At least that of the content; default as little as that needs. */
  readonly size?: number
}

/** What protects a file system. */
export interface Seal {
  /** 64 lower-case hexadecimal digits. */
  readonly rootHash: string
  /** Superblock and tree. */
  readonly hash: Buffer
  /** PKCS#7 message, DER. */
  readonly pkcs7: Uint8Array
  readonly fingerprint: string
}

/** Hash tree and signature of any bytes. */
export async function seal(data: Uint8Array, key: TestKey): Promise<Seal> {
  const digests: Uint8Array[] = []
  for (let at = 0; at < data.length; at += BLOCK)
    digests.push(sha256(SALT, data.subarray(at, at + BLOCK)))
  const lowest: Uint8Array[] = []
  const builder = new HashTreeBuilder(SALT, (block) => lowest.push(block))
  for (const digest of digests.slice(1)) builder.append(digest)
  const tree = builder.finish(digests[0]!)
  const superblock = encodeVeritySuperblock({
    uuid: '0f0f0f0f-0000-4000-8000-0f0f0f0f0f0f',
    salt: SALT,
    dataBlocks: data.length / BLOCK,
  })
  const padding = new Uint8Array(BLOCK - superblock.length)
  const first = tree.firstBlock ? [tree.firstBlock] : []
  const rootHash = toHex(tree.rootHash)
  const signed = await signRootHash(rootHash, signingWith(key), 'a crafted image')
  return {
    rootHash,
    hash: Buffer.from(concat(superblock, padding, tree.upperLevels, ...first, ...lowest)),
    pkcs7: signed.pkcs7,
    fingerprint: signed.certificateFingerprint,
  }
}

/** The text of a signature partition. */
export function signatureText({ rootHash, pkcs7, fingerprint }: Seal): string {
  const signature = Buffer.from(pkcs7).toString('base64')
  return JSON.stringify({ rootHash, certificateFingerprint: fingerprint, signature })
}

/** The three partitions as we would make them. */
export function sealedPartitions(data: Uint8Array, sealed: Seal): CraftedPartition[] {
  const uuids = rootHashUuids(fromHex(sealed.rootHash)!)
  return [
    { type: typeOf('root', 'data'), uuid: uuids.data, content: data },
    { type: typeOf('root', 'hash'), uuid: uuids.hash, content: sealed.hash },
    {
      type: typeOf('root', 'signature'),
      uuid: '5e5e5e5e-0000-4000-8000-5e5e5e5e5e5e',
      content: Buffer.from(signatureText(sealed)),
      size: 16384,
    },
  ]
}

export function typeOf(
  designator: 'root' | 'usr',
  role: 'data' | 'hash' | 'signature',
  architecture = 'x86-64',
): string {
  return partitionTypeGuid({ designator, role, architecture })!
}

/** An image with these partitions, one behind the other. */
export function layOut(partitions: readonly CraftedPartition[]): Buffer {
  const total = partitions.reduce(
    (sum, { size = 0, content }) => sum + Math.max(size, content.length),
    0,
  )
  // libfdisk leaves the first mebibyte of images over 4 MiB free.
  let offset = total > 3.5 * MEBIBYTE ? MEBIBYTE : START
  const placed = partitions.map((partition) => {
    const size = partition.size ?? alignUp(partition.content.length, BLOCK)
    const start = offset
    offset += size
    return { ...partition, offset: start, size }
  })
  const imageSize = offset + 64 * 1024
  const { head, tail, tailOffset } = encodeGpt({
    sectorSize: 512,
    imageSize,
    diskGuid: 'd15cd15c-0000-4000-8000-d15cd15cd15c',
    partitions: placed.map(
      ({ type, uuid, label = '', attributes = ATTRIBUTE_READ_ONLY, ...at }) => ({
        typeGuid: type,
        partitionGuid: uuid,
        name: label,
        attributes,
        firstLba: at.offset / 512,
        lastLba: (at.offset + at.size) / 512 - 1,
      }),
    ),
  })
  const image = Buffer.alloc(imageSize)
  image.set(head)
  image.set(tail, tailOffset)
  for (const { content, offset: at } of placed) image.set(content, at)
  return image
}
