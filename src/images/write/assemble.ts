/**
 * Around a file system: hash tree, signature, partition table, and the files in place, all of them
 * or none.
 */

import { basename } from 'node:path'
import { toHex } from '../../bytes/hex.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { allOf } from '../../files/all-of.ts'
import { commitOutputs, type Output } from '../../files/output.ts'
import { createOutputs, type OutputFile } from '../../files/outputs.ts'
import { deriveIdentity, deriveSeed, rootHashUuids } from '../../formats/ddi/index.ts'
import {
  ATTRIBUTE_READ_ONLY,
  encodeGpt,
  type GptPartitionInput,
  type PartitionRole,
  partitionTypeGuid,
  partitionTypeName,
} from '../../formats/gpt/index.ts'
import type { ImageResult, LayoutOptions } from '../options.ts'
import { loadEncoder, type RootHashSignature, signRootHash } from '../sign.ts'
import { assertMountable } from './assert-mountable.ts'
import { BufferStock } from './filesystem/batch.ts'
import { ImageWriter, type WrittenImage } from './image-writer.ts'

/** What a caller of {@link assembleImage} adds to its options. */
export interface Assembly extends LayoutOptions {
  /** Name of the image. */
  readonly name: string
  /** What the seed derives from besides the name, when none is given. */
  readonly kind: string
  readonly version: string | undefined
  /** Blocks the file system cannot exceed. */
  readonly maxBlocks: number
  /** Writes the file system and returns its first block. */
  readonly write: (tools: AssemblyTools) => Promise<Uint8Array>
  /** Called once there is work for the threads and time for something else, if ever. */
  readonly onUnderWay?: () => void
}

/** What the writer of a file system works with. */
export interface AssemblyTools {
  readonly stock: BufferStock
  readonly sink: ImageWriter
  readonly salt: Uint8Array
  readonly filesystemUuid: string
}

/**
 * Makes the image file.
 *
 * @throws FileError where the output exists or cannot be written, KeyError where the signature
 *   does not verify, and what `write` throws. Nothing is left behind then.
 */
export async function assembleImage(assembly: Assembly): Promise<ImageResult> {
  const { name, kind, version, output: path, sectorSize = 512 } = assembly
  const architecture = assembly.architecture ?? 'x86-64'
  const seed = assembly.seed ?? deriveSeed({ kind, name, version })
  const identity = deriveIdentity(seed, architecture)
  const outputs = await createOutputs(filesOf(assembly))
  const output = outputs.at(-1)!
  try {
    const stock = new BufferStock()
    const salt = identity.veritySalt
    const { verityUuid, filesystemUuid } = identity
    const { maxBlocks } = assembly
    const onUnderWay = () => {
      // Signing loads it again: a failure shows there.
      if (assembly.signing) loadEncoder().catch(() => {})
      assembly.onUnderWay?.()
    }
    const options = { sectorSize, salt, verityUuid, maxBlocks, onUnderWay }
    const sink = new ImageWriter(output, stock, options)
    const block0 = await assembly.write({ stock, sink, salt, filesystemUuid })
    const written = await sink.finish(block0)

    const { imageSize, root, signature: last } = written.placement
    // Not beyond what is in place; then as long as it will be, for libblkid looks at the end too.
    await output.truncate(last.offset + last.size)
    await output.truncate(imageSize)
    const { offset, size: partitionSize } = root
    const size = written.filesystemSize
    await assertMountable(output.partialPath, { offset, size, partitionSize })

    const rootHash = toHex(written.rootHash)
    assembly.onProgress?.({ step: 'sign', done: 0, total: 1 })
    const signature = assembly.signing && (await signRootHash(rootHash, assembly.signing, name))
    const partitions = describePartitions(written, architecture, identity.signaturePartitionUuid)
    const present = signature ? partitions : partitions.slice(0, 2)
    const { placement } = written
    const { head, tail, tailOffset } = encodeGpt({
      sectorSize,
      imageSize,
      diskGuid: identity.diskGuid,
      partitions: present,
    })
    if (signature) await output.write(signature.partition, placement.signature.offset)
    await output.write(head, 0)
    await output.truncate(tailOffset)
    await output.write(tail, tailOffset)
    await writeSidecars(outputs, rootHash, signature)

    assembly.onProgress?.({ step: 'sync', done: 0, total: imageSize })
    await commitOutputs(outputs)
    return {
      output: path,
      name,
      size: imageSize,
      filesystemSize: written.filesystemSize,
      rootHash,
      seed,
      architecture,
      sectorSize,
      partitions: present.map(({ name: label, partitionGuid: uuid, offset, size }) => {
        return { label, uuid, offset, size }
      }),
      signed: signature !== undefined,
      ...(signature && { certificateFingerprint: signature.certificateFingerprint }),
      sidecars: outputs.filter((other) => other !== output).map((other) => other.path),
      warnings: [],
    }
  } catch (error) {
    await allOf(outputs.map((output) => output.abort()))
    throw error
  }
}

interface DescribedPartition extends GptPartitionInput {
  readonly offset: number
  readonly size: number
}

/** The three entries of the partition table, in order. */
function describePartitions(
  { rootHash, placement }: WrittenImage,
  architecture: string,
  signatureUuid: string,
): DescribedPartition[] {
  const uuids = rootHashUuids(rootHash)
  const describe = (role: PartitionRole, region: typeof placement.root, partitionGuid: string) => {
    const type = { designator: 'root', role, architecture } as const
    const typeGuid = partitionTypeGuid(type)
    if (!typeGuid) throw new RangeError(`no partition types for ${architecture}`)
    return {
      typeGuid,
      name: partitionTypeName(type),
      partitionGuid,
      attributes: ATTRIBUTE_READ_ONLY,
      ...region,
    }
  }
  return [
    describe('data', placement.root, uuids.data),
    describe('hash', placement.verity, uuids.hash),
    describe('signature', placement.signature, signatureUuid),
  ]
}

function filesOf({ output, sidecars, signing, force }: LayoutOptions): OutputFile[] {
  const { rootHash, message } = sidecarPaths(output)
  const beside = sidecars ? [rootHash, ...(signing ? [message] : [])] : []
  return [...beside, output].map((path) => ({ path, force }))
}

/**
 * What `sidecars` writes beside an image: `foo.sysext.roothash` beside `foo.sysext.raw`, as readers strip
 * `.raw` and nothing else. The message is written where the image is signed.
 */
export function sidecarPaths(output: string): {
  readonly rootHash: string
  readonly message: string
} {
  const stem = basename(output).endsWith('.raw') ? output.slice(0, -'.raw'.length) : output
  return { rootHash: `${stem}.roothash`, message: `${stem}.roothash.p7s` }
}

/** @param outputs as {@link filesOf} names them: the image is the last */
async function writeSidecars(
  outputs: readonly Output[],
  rootHash: string,
  signature: RootHashSignature | undefined,
): Promise<void> {
  const [hash, message] = outputs.slice(0, -1)
  await hash?.write(encodeUtf8(`${rootHash}\n`), 0)
  if (signature) await message?.write(signature.pkcs7, 0)
}
