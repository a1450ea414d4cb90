/** Images with something wrong: what is done to them, and where that is to be noticed. */

import { readFileSync, writeFileSync } from 'node:fs'
import { fromHex } from '../../../src/bytes/hex.ts'
import { encodeVeritySignature } from '../../../src/formats/verity-signature.ts'
import type { ImageResult } from '../../../src/images/options.ts'
import { signRootHash } from '../../../src/images/sign.ts'
import { noise } from '../../support/sample-trees.ts'
import { GIVEN_AWAY } from './changed-hands.ts'
import {
  type Bench,
  type ExtensionOptions,
  extension,
  type ImageRecipe,
  signingWith,
} from './image.ts'
import { noiseOfSize, writeSmall } from './trees.ts'

export interface RefusedRecipe extends ImageRecipe {
  /** Not merged at all, or merged and EIO where it is read. */
  readonly at: 'merge' | 'read'
}

const BLOCK = 4096
/**
 * Of noise, so that what is damaged in the middle is far from both ends, where systemd looks for
 * other file systems.
 */
const BLOCKS = 1200
const DAMAGED_BLOCK = 700
/** Where the top of the tree is in its partition, and a block below it that covers that one. */
const TOP = BLOCK
const LEAF = (2 + Math.floor(DAMAGED_BLOCK / 128)) * BLOCK
/** Where a verity superblock and a GPT header have a byte that decides something. */
const MAGIC = 1
const SALT = 88
const DISK_GUID = 56
const HEADER = 512
const ROOT_HASH_IN_JSON = '{"rootHash":"'.length
/** That of no image here. */
const OTHER_ROOT_HASH = '0123456789abcdef'.repeat(4)

export const REFUSED: readonly RefusedRecipe[] = [
  refused('wrong-key', { key: 'stranger' }),
  refused('wrong-key-not-embedded', { key: 'stranger', embedCertificate: false }),
  refused('unsigned', { key: 'none' }),
  { ...GIVEN_AWAY, at: 'merge' },
  refused('issued-not-embedded', { key: 'issued', embedCertificate: false }),
  refused('issued-without-identifier', { key: 'issued-without-identifier' }),
  damaged('signature-of-another', 'merge', async (bytes, image, bench) => {
    const { certificateFingerprint, pkcs7 } = await signOther(bench)
    const partition = encodeVeritySignature({
      rootHash: fromHex(image.rootHash)!,
      certificateFingerprint: fromHex(certificateFingerprint)!,
      signature: pkcs7,
    })
    bytes.set(partition, offsetOf(image, 'signature'))
  }),
  damaged('signature-partition-of-another', 'merge', async (bytes, image, bench) => {
    bytes.set((await signOther(bench)).partition, offsetOf(image, 'signature'))
  }),
  damagedLarge('bit-in-data', 'read', (bytes) => {
    const block = noise(BLOCKS * BLOCK).subarray(DAMAGED_BLOCK * BLOCK, (DAMAGED_BLOCK + 1) * BLOCK)
    flip(bytes, Buffer.from(bytes.buffer).indexOf(block) + 1000)
  }),
  damagedLarge('bit-in-tree', 'read', (bytes, image) =>
    flip(bytes, offsetOf(image, 'hash') + LEAF),
  ),
  damagedLarge('bit-in-top-of-tree', 'merge', (bytes, image) =>
    flip(bytes, offsetOf(image, 'hash') + TOP),
  ),
  damaged('bit-in-superblock', 'merge', (bytes, image) =>
    flip(bytes, offsetOf(image, 'hash') + MAGIC),
  ),
  damaged('bit-in-salt', 'merge', (bytes, image) => flip(bytes, offsetOf(image, 'hash') + SALT)),
  damaged('bit-in-json', 'merge', (bytes, image) => flip(bytes, offsetOf(image, 'signature'))),
  damaged('bit-in-json-root-hash', 'merge', (bytes, image) =>
    flipWithin(/[0-9a-f]/, bytes, offsetOf(image, 'signature') + ROOT_HASH_IN_JSON),
  ),
  damaged('bit-in-json-signature', 'merge', (bytes, image) => {
    const end = bytes.indexOf(0, offsetOf(image, 'signature'))
    flipWithin(/[0-9A-Za-z]/, bytes, end - 100)
  }),
  damaged('bit-in-both-gpt-headers', 'merge', (bytes, { size }) => {
    flip(bytes, HEADER + DISK_GUID)
    flip(bytes, size - HEADER + DISK_GUID)
  }),
]

/** What a thorough examiner notices, and systemd has no reason to. */
export const TOLERATED: readonly ImageRecipe[] = [
  damaged('bit-in-primary-gpt-header', 'merge', (bytes) => flip(bytes, HEADER + DISK_GUID)),
  damaged('bit-in-backup-gpt-header', 'merge', (bytes, { size }) =>
    flip(bytes, size - HEADER + DISK_GUID),
  ),
]

type Damage = (bytes: Uint8Array, image: ImageResult, bench: Bench) => unknown

function refused(name: string, options: ExtensionOptions): RefusedRecipe {
  return { ...extension('sysext', name, writeSmall, options), at: 'merge' }
}

/** A sound image of a key everybody knows, and what is done to it then. */
function damaged(name: string, at: RefusedRecipe['at'], damage: Damage): RefusedRecipe {
  return afterwards(extension('sysext', name, writeSmall), at, damage)
}

/** The same with a hash tree of two levels. */
function damagedLarge(name: string, at: RefusedRecipe['at'], damage: Damage): RefusedRecipe {
  return afterwards(extension('sysext', name, noiseOfSize(BLOCKS * BLOCK)), at, damage)
}

function afterwards(sound: ImageRecipe, at: RefusedRecipe['at'], damage: Damage): RefusedRecipe {
  return {
    ...sound,
    at,
    make: async (bench, output) => {
      const image = await sound.make(bench, output)
      const bytes = new Uint8Array(readFileSync(output))
      await damage(bytes, image, bench)
      writeFileSync(output, bytes)
      return image
    },
  }
}

function offsetOf({ partitions }: ImageResult, role: 'hash' | 'signature'): number {
  return partitions[role === 'hash' ? 1 : 2]!.offset
}

async function signOther({ keys }: Bench) {
  const { signing } = await signingWith(keys)
  return signRootHash(OTHER_ROOT_HASH, signing!, 'another image')
}

function flip(bytes: Uint8Array, offset: number): void {
  bytes[offset]! ^= 1
}

/** Flips a bit at `offset` or soon after it, where the character stays one of `alphabet`. */
function flipWithin(alphabet: RegExp, bytes: Uint8Array, offset: number): void {
  const flipped = (index: number) => String.fromCharCode(bytes[index]! ^ 1)
  let index = offset
  while (!alphabet.test(flipped(index))) index += 1
  flip(bytes, index)
}
