/**
 * An image opened for reading: what it is, and where its parts are. Nothing is verified.
 *
 * Either a partition table with a root or usr tree, or a bare file system that may have its hash
 * tree in a file beside it.
 */

import { basename } from 'node:path'
import { cachedSource } from '../../bytes/cached-source.ts'
import { type Source, sliceSource } from '../../bytes/source.ts'
import { FormatError } from '../../errors.ts'
import { type FileSource, openFileSource } from '../../files/file-source.ts'
import { type Designator, decodeGpt, type Gpt, type GptPartition } from '../../formats/gpt/index.ts'
import { probe } from '../../formats/probe/index.ts'
import {
  decodeVeritySuperblock,
  VERITY_SUPERBLOCK_SIZE,
  type VeritySuperblock,
} from '../../formats/verity/superblock.ts'
import { type Attempt, attempt, resultOf } from './attempt.ts'
import { findJournal, type JournalBeside } from './pending-change.ts'
import {
  type Disguise,
  findDisguise,
  type ImageProbes,
  mountedType,
  probeImage,
} from './probe-image.ts'
import { type Selection, selectPartitions } from './select-partitions.ts'
import { readSidecars, type Sidecars } from './sidecars.ts'

/** A range of a file that is open. */
export interface Part {
  readonly file: FileSource
  /** Bytes in the file. */
  readonly offset: number
  readonly size: number
  readonly source: Source
  /** The entry in the partition table, if it is a partition. */
  readonly partition: GptPartition | undefined
}

export interface OpenImage {
  readonly path: string
  /** Last component of the path, from which systemd takes the image's name. */
  readonly fileName: string
  readonly file: FileSource
  /** Undefined for a bare file system. */
  readonly gpt: Gpt | undefined
  readonly selection: Selection | undefined
  readonly designator: Designator
  /** systemd's name for the architecture of the partition types. */
  readonly architecture: string | undefined
  /** The file system; undefined where the table leads to none. */
  readonly data: Part | undefined
  readonly filesystem: 'erofs' | 'squashfs' | undefined
  /** What libblkid takes the parts for; undefined where the table leads to no file system. */
  readonly probes: ImageProbes | undefined
  /** Why systemd mounts something else, or nothing; `filesystem` is undefined then. */
  readonly disguise: Disguise | undefined
  readonly hash: Part | undefined
  /** Undefined where there is no hash tree. */
  readonly superblock: Attempt<VeritySuperblock> | undefined
  readonly signature: Part | undefined
  readonly sidecars: Sidecars
  /** What lies beside it under the name of its journal. Its bytes are read as they are. */
  readonly journal: JournalBeside | undefined
  close(): Promise<void>
}

/**
 * Opens an image and the files beside it. Close it.
 *
 * @throws FormatError where it has neither a partition table nor a file system, FileError where it
 *   cannot be read.
 */
export async function openImage(path: string): Promise<OpenImage> {
  const file = await openFileSource(path)
  try {
    return await readImage(file, path, await findJournal(file, path))
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The image in `file`, which is closed with it. @throws as {@link openImage} */
export async function readImage(
  file: FileSource,
  path: string,
  journal?: JournalBeside,
): Promise<OpenImage> {
  let sidecars: Sidecars | undefined
  try {
    const gpt = await readTable(file)
    const selection = gpt && selectPartitions(gpt)
    const selected = selection?.selected
    const designator = selected?.designator ?? 'root'
    sidecars = await readSidecars(path, designator)
    const { verity } = sidecars
    const data = selected ? partOf(file, selected.data) : gpt ? undefined : wholeFile(file)
    const hash = gpt ? partOf(file, selected?.hash) : verity && wholeFile(verity)
    const superblock = hash && (await readSuperblock(hash.source))
    const probes =
      data &&
      (await probeImage({
        file,
        data,
        hasTable: gpt !== undefined,
        hasHashTree: hash !== undefined,
        superblock: resultOf(superblock),
      }))
    const disguise = data && probes && findDisguise(probes, data.offset)
    return {
      path,
      fileName: basename(path),
      file,
      gpt,
      selection,
      designator,
      architecture: selected?.architecture,
      data,
      filesystem: disguise || !probes ? undefined : readable(mountedType(probes)),
      probes,
      disguise,
      hash,
      superblock,
      signature: partOf(file, selected?.signature),
      sidecars,
      journal,
      close: async () => {
        await file.close()
        await verity?.close()
      },
    }
  } catch (error) {
    await sidecars?.verity?.close()
    throw error
  }
}

/** The partition table, or undefined where there is a file system instead. */
async function readTable(file: FileSource): Promise<Gpt | undefined> {
  try {
    return await decodeGpt(file)
  } catch (error) {
    if (error instanceof FormatError && (await holdsFilesystem(file))) return undefined
    throw error
  }
}

/** Whether there is a file system of those that an extension may have and we can name. */
async function holdsFilesystem(source: Source): Promise<boolean> {
  const { types } = await probe(cachedSource(source), true)
  return types.some(({ name }) => readable(name) !== undefined)
}

function readable(type: string | undefined): OpenImage['filesystem'] {
  return type === 'erofs' || type === 'squashfs' ? type : undefined
}

/** The superblock at the start of a hash partition. */
function readSuperblock(source: Source): Promise<Attempt<VeritySuperblock>> {
  return attempt(async () =>
    decodeVeritySuperblock(await source.read(0, Math.min(source.size, VERITY_SUPERBLOCK_SIZE))),
  )
}

function partOf(file: FileSource, partition: GptPartition): Part
function partOf(file: FileSource, partition: GptPartition | undefined): Part | undefined
function partOf(file: FileSource, partition: GptPartition | undefined): Part | undefined {
  if (!partition) return undefined
  const { offset, size } = partition
  return { file, offset, size, source: sliceSource(file, offset, size), partition }
}

function wholeFile(file: FileSource): Part {
  return { file, offset: 0, size: file.size, source: file, partition: undefined }
}
