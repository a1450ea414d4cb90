/**
 * The archives in which systemd-stub and systemd-boot hand files beside a kernel to the initrd, and
 * which they measure: nothing in them depends on the file system, on times or on the machine.
 */

import { FormatError } from '../../errors.ts'
import {
  DIRECTORY,
  encodeEntry,
  encodeTrailer,
  FORMAT,
  MAX_FIELD,
  padding,
  REGULAR_FILE,
} from './layout.ts'

/** Where the initrd finds the files, below `.extra/`. */
export type ExtraTarget =
  | 'credentials'
  | 'global_credentials'
  | 'sysext'
  | 'global_sysext'
  | 'confext'
  | 'global_confext'

export interface ExtraFile {
  /** As it is on the disk, ASCII. */
  readonly name: string
  readonly size: number
  /** The content in pieces, `size` bytes. */
  read(): AsyncIterable<Uint8Array>
}

export interface ExtraArchiveOptions {
  /** Inode of the first entry. Default 1. */
  readonly firstInode?: number
  /** The folders stand before every file, as systemd-boot writes them. Default: once, at the start. */
  readonly repeatsFolders?: boolean
}

const PARENT = '.extra'
const PARENT_MODE = 0o555

/** Secrets are for root alone. */
const MODES = {
  secret: { folder: 0o500, file: 0o400 },
  open: { folder: 0o555, file: 0o444 },
} as const

const TARGETS: Readonly<Record<ExtraTarget, (typeof MODES)[keyof typeof MODES]>> = {
  credentials: MODES.secret,
  global_credentials: MODES.secret,
  sysext: MODES.open,
  global_sysext: MODES.open,
  confext: MODES.open,
  global_confext: MODES.open,
}

/**
 * The archive in pieces; files are read when their turn comes.
 *
 * @throws FormatError TOO_LARGE for a file of 4 GiB or more.
 */
export async function* encodeExtraArchive(
  target: ExtraTarget,
  files: readonly ExtraFile[],
  { firstInode = 1, repeatsFolders = false }: ExtraArchiveOptions = {},
): AsyncGenerator<Uint8Array> {
  const folder = `${PARENT}/${target}`
  const modes = TARGETS[target]
  let inode = firstInode
  for (const [index, file] of files.entries()) {
    const { name, size } = file
    if (index === 0 || repeatsFolders) {
      yield encodeEntry({ inode: inode++, mode: DIRECTORY | PARENT_MODE, size: 0, name: PARENT })
      yield encodeEntry({ inode: inode++, mode: DIRECTORY | modes.folder, size: 0, name: folder })
    }
    if (size > MAX_FIELD) {
      throw new FormatError(FORMAT, 'TOO_LARGE', `${name} has ${size} bytes, at most ${MAX_FIELD}`)
    }
    yield encodeEntry({
      inode: inode++,
      mode: REGULAR_FILE | modes.file,
      size,
      name: `${folder}/${name}`,
    })
    yield* file.read()
    yield padding(size)
  }
  yield encodeTrailer()
}

/** How many inodes systemd-boot counts for so many files: two folders come with each. */
export function countEntryInodes(files: number): number {
  return 3 * files
}
