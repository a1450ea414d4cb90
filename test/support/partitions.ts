/** The partition table of an image, as sfdisk reads it. */

import { closeSync, openSync, readSync } from 'node:fs'
import { output } from './run.ts'
import { tool } from './tools.ts'

export interface Partition {
  /** Type GUID and unique GUID, lower case. */
  readonly type: string
  readonly uuid: string
  readonly label: string
  /** In bytes. */
  readonly offset: number
  readonly size: number
  readonly attributes: string
}

export interface PartitionTable {
  readonly diskUuid: string
  readonly sectorSize: number
  readonly partitions: readonly Partition[]
}

interface SfdiskTable {
  readonly id: string
  readonly sectorsize: number
  readonly partitions: readonly {
    readonly start: number
    readonly size: number
    readonly type: string
    readonly uuid: string
    readonly name: string
    readonly attrs?: string
  }[]
}

/**
 * The partition table of an image file.
 *
 * @param sectorSize Of the table. sfdisk takes 512 for every file, so 4096 goes through a loop device.
 */
export function readPartitionTable(image: string, sectorSize: 512 | 4096 = 512): PartitionTable {
  const json = withDevice(image, sectorSize, (device) => output(tool('sfdisk'), ['--json', device]))
  const table = (JSON.parse(json) as { partitiontable: SfdiskTable }).partitiontable
  return {
    diskUuid: table.id.toLowerCase(),
    sectorSize: table.sectorsize,
    partitions: table.partitions.map(({ start, size, type, uuid, name, attrs }) => ({
      type: type.toLowerCase(),
      uuid: uuid.toLowerCase(),
      label: name,
      offset: start * table.sectorsize,
      size: size * table.sectorsize,
      attributes: attrs ?? '',
    })),
  }
}

/** Calls `use` with a path that has the wanted sector size: the image itself or a loop device. */
export function withDevice<Result>(
  image: string,
  sectorSize: 512 | 4096,
  use: (device: string) => Result,
): Result {
  if (sectorSize === 512) return use(image)
  const losetup = ['--find', '--show', '--read-only', '--sector-size', `${sectorSize}`, image]
  const device = output(tool('losetup'), losetup).trim()
  try {
    return use(device)
  } finally {
    output(tool('losetup'), ['--detach', device])
  }
}

/** Bytes of a file. */
export function readRange(path: string, offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const file = openSync(path, 'r')
  try {
    let done = 0
    while (done < size) {
      const count = readSync(file, bytes, done, size - done, offset + done)
      if (count === 0) throw new Error(`${path}: ends at byte ${offset + done}`)
      done += count
    }
    return bytes
  } finally {
    closeSync(file)
  }
}
