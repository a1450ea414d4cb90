/**
 * An image opened for reading: what it is, and where its parts are. Nothing is verified.
 *
 * Either a partition table with a root or usr tree, or a bare file system that may have its hash
 * tree in a file beside it.
 */

import { basename } from 'node:path'
import { type Source, sliceSource } from '../../bytes/source.ts'
import { viewOf } from '../../bytes/struct.ts'
import { FormatError } from '../../errors.ts'
import { type FileSource, openFileSource } from '../../files/file-source.ts'
import { MAGIC, SUPERBLOCK_OFFSET } from '../../formats/erofs/layout.ts'
import { type Designator, decodeGpt, type Gpt, type GptPartition } from '../../formats/gpt/index.ts'
import { findJournal, type JournalBeside } from './pending-change.ts'
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
  readonly hash: Part | undefined
  readonly signature: Part | undefined
  readonly sidecars: Sidecars
  /** What lies beside it under the name of its journal. Its bytes are read as they are. */
  readonly journal: JournalBeside | undefined
  close(): Promise<void>
}

const SQUASHFS_MAGIC = 0x73717368

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
    const selection = gpt && selectPartitions(gpt.partitions)
    const selected = selection?.selected
    const designator = selected?.designator ?? 'root'
    sidecars = await readSidecars(path, designator)
    const { verity } = sidecars
    const data = selected ? partOf(file, selected.data) : gpt ? undefined : wholeFile(file)
    return {
      path,
      fileName: basename(path),
      file,
      gpt,
      selection,
      designator,
      architecture: selected?.architecture,
      data,
      filesystem: data && (await probeFilesystem(data.source)),
      hash: gpt ? partOf(file, selected?.hash) : verity && wholeFile(verity),
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
    if (error instanceof FormatError && (await probeFilesystem(file))) return undefined
    throw error
  }
}

/** The file system a source starts with, of those an extension may have and we can name. */
export async function probeFilesystem(source: Source): Promise<OpenImage['filesystem']> {
  if (source.size < SUPERBLOCK_OFFSET + 4) return undefined
  const start = viewOf(await source.read(0, SUPERBLOCK_OFFSET + 4))
  if (start.getUint32(SUPERBLOCK_OFFSET, true) === MAGIC) return 'erofs'
  return start.getUint32(0, true) === SQUASHFS_MAGIC ? 'squashfs' : undefined
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
