/** Where the content of a file lies, for every data layout. */

import { LAYOUT } from '../layout.ts'
import type { Inode } from './decode-inode.ts'
import { type Extent, joinExtents } from './extent.ts'
import { mapChunks } from './map-chunks.ts'
import { mapEncodedExtents } from './map-encoded-extents.ts'
import { mapFlat } from './map-flat.ts'
import { readMapHeader } from './map-header.ts'
import { mapLclusters } from './map-lclusters.ts'
import type { Volume } from './volume.ts'

/**
 * The extents of `inode` in file order without gaps, from the one that holds byte `from` on.
 *
 * @throws FormatError where the file's own tables are not sound.
 */
export async function* mapExtents(volume: Volume, inode: Inode, from = 0): AsyncGenerator<Extent> {
  if (from >= inode.size) return
  let pending: Extent | undefined
  for await (const extent of mapLayout(volume, inode, from)) {
    volume.budgets.extents.spend(1)
    if (extent.offset + extent.size <= from) continue
    const joined = pending && joinExtents(pending, extent)
    if (pending && !joined) yield pending
    pending = joined ?? extent
  }
  if (pending) yield pending
}

async function* mapLayout(volume: Volume, inode: Inode, from: number): AsyncGenerator<Extent> {
  switch (inode.layout) {
    case LAYOUT.FLAT_PLAIN:
    case LAYOUT.FLAT_INLINE:
      yield* mapFlat(volume, inode)
      return
    case LAYOUT.CHUNK_BASED:
      yield* mapChunks(volume, inode, from)
      return
  }
  const map = await readMapHeader(volume, inode)
  switch (map.kind) {
    case 'fragment':
      yield { kind: 'fragment', offset: 0, size: inode.size, fragmentOffset: map.fragmentOffset }
      return
    case 'extents':
      yield* mapEncodedExtents(volume, inode, map, from)
      return
    case 'lclusters':
      yield* mapLclusters(volume, inode, map, from)
  }
}
