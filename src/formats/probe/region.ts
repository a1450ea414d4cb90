/** The bytes that libblkid looks at, read without trust: what lies outside is simply not there. */

import { cachedSource } from '../../bytes/cached-source.ts'
import type { Source } from '../../bytes/source.ts'
import { viewOf } from '../../bytes/struct.ts'

export interface Region {
  readonly size: number
  /** Whether it is a whole device or a file, and no partition: some types are only looked for there. */
  readonly wholeDisk: boolean
  /** Undefined where the range is not inside. */
  bytes(offset: number, length: number): Promise<Uint8Array | undefined>
  /** The same as a view. */
  view(offset: number, length: number): Promise<DataView | undefined>
}

/** `source` as a region. */
export function regionOf(source: Source, wholeDisk: boolean): Region {
  const cached = cachedSource(source)
  const bytes = async (offset: number, length: number) =>
    offset < 0 || offset + length > source.size ? undefined : cached.read(offset, length)
  return {
    size: source.size,
    wholeDisk,
    bytes,
    view: async (offset, length) => {
      const read = await bytes(offset, length)
      return read && viewOf(read)
    },
  }
}
