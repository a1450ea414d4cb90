/** Images as systemd-repart makes them, and what is inside them. */

import type { KeyFiles } from './keys.ts'
import { type PartitionTable, readPartitionTable, readRange } from './partitions.ts'
import { outputInTree } from './reference-trees.ts'

export interface RepartOptions {
  readonly tree: 'trixie' | 'sid'
  /** Holds source, keys and output. */
  readonly folder: string
  readonly kind: 'sysext' | 'confext'
  readonly source: string
  readonly output: string
  readonly seed: string
  /** Absent for an image whose signature is deferred. */
  readonly key?: KeyFiles
  /** Defer the signature all the same; systemd 257 wants a key for that too. */
  readonly deferred?: true
  /** Absent for repart's own default, 512. */
  readonly sectorSize?: 4096
  /** Seconds. Default 0. */
  readonly sourceDateEpoch?: number
  readonly env?: Readonly<Record<string, string>>
}

/** Builds an image with `systemd-repart --make-ddi`. */
export function makeWithRepart(options: RepartOptions): void {
  const { tree, folder, kind, source, output, seed, key, sectorSize } = options
  const args = [`--make-ddi=${kind}`, `--copy-source=${source}`, `--seed=${seed}`]
  if (key) args.push(`--private-key=${key.privateKey}`, `--certificate=${key.certificate}`)
  if (!key || options.deferred) args.push('--defer-partitions=root-verity-sig')
  if (sectorSize) args.push(`--sector-size=${sectorSize}`)
  args.push('--offline=yes', '--architecture=x86-64', output)
  const env = { SOURCE_DATE_EPOCH: `${options.sourceDateEpoch ?? 0}`, ...options.env }
  outputInTree(tree, folder, 'systemd-repart', args, { env })
}

/** Where the file system of an image lies: its partition is larger where there was room to spare. */
export function locateFilesystem(
  image: string,
  sectorSize: 512 | 4096 = 512,
): { readonly offset: number; readonly size: number; readonly table: PartitionTable } {
  const table = readPartitionTable(image, sectorSize)
  const [data, hash] = table.partitions
  const superblock = new DataView(readRange(image, hash!.offset, 512).buffer)
  const blocks = Number(superblock.getBigUint64(72, true))
  return { offset: data!.offset, size: blocks * superblock.getUint32(64, true), table }
}
