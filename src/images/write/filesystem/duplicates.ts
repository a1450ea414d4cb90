/** Files with the same content, whose blocks are stored once. */

import { toHex } from '../../../bytes/hex.ts'
import { BLOCK_SIZE } from '../../../formats/erofs/layout.ts'
import { DIGEST_SIZE } from '../../../formats/verity/hash-tree.ts'
import type { Content } from '../../../tree/model.ts'
import { type DigestJob, MAX_PIECE } from '../../pipeline/job.ts'
import { ordered } from '../../pipeline/ordered.ts'
import { packPieces } from '../../pipeline/pieces.ts'
import type { Pool } from '../../pipeline/pool.ts'
import type { StoredPiece } from './content-check.ts'
import { Fingerprinter } from './fingerprint.ts'
import type { Inode } from './inventory.ts'

/** The content of a file or symlink that is stored in blocks. */
export interface Stored {
  readonly inode: Inode
  readonly content: Content
  /** Blocks that the content takes before it is compressed, besides what stands behind its inode. */
  readonly blocks: number
}

/** Pieces in one job at most. */
const MAX_PIECES = 256

/**
 * Maps each inode whose content an earlier one of `candidates` also has to that earlier one, and
 * notes in both what their content was.
 *
 * What holds afterwards: the blocks of all of them are those of the first, which is read once more
 * for the image and must have the fingerprint again. Blocks of the others are read here and never
 * again, so what becomes of them later cannot enter the image. What stands behind an inode is read
 * again from its own file, and must be as it was here.
 *
 * @param candidates those of regular files
 */
export async function findDuplicates(
  candidates: Iterable<Stored>,
  salt: Uint8Array,
  pool: Pool,
  onProgress: () => void,
): Promise<Map<Inode, Inode>> {
  const firsts = new Map<string, Inode>()
  const duplicates = new Map<Inode, Inode>()
  const settle = (stored: Stored, fingerprinter: Fingerprinter) => {
    const { inode } = stored
    const fingerprint = fingerprinter.finish()
    const key = `${shapeOf(stored)} ${fingerprint.blocks} ${toHex(fingerprint.last)}`
    const first = firsts.get(key)
    if (!first) return void firsts.set(key, inode)
    duplicates.set(inode, first)
    first.fingerprint ??= fingerprint
    inode.fingerprint = first.fingerprint
  }
  let current: Fingerprinter | undefined
  for await (const { item, result } of ordered(
    jobs(groupByShape(candidates), salt),
    pool.window,
    ({ job }) => pool.run(job),
  )) {
    let at = 0
    for (const { stored, start, size } of item.parts) {
      if (start === 0) current = new Fingerprinter(stored.blocks)
      const end = at + Math.ceil(size / BLOCK_SIZE) * DIGEST_SIZE
      current?.update(result.digests.subarray(at, end))
      at = end
      if (current && start + size === stored.inode.size) settle(stored, current)
    }
    onProgress()
  }
  return duplicates
}

/** Only contents of one shape can share blocks. */
function shapeOf({ inode, blocks }: Stored): string {
  return `${inode.size} ${blocks}`
}

function groupByShape(candidates: Iterable<Stored>): Iterable<readonly Stored[]> {
  const groups = new Map<string, Stored[]>()
  for (const stored of candidates) {
    const shape = shapeOf(stored)
    const group = groups.get(shape)
    if (group) group.push(stored)
    else groups.set(shape, [stored])
  }
  return groups.values()
}

interface Work {
  readonly job: DigestJob
  readonly parts: readonly StoredPiece[]
}

/** Jobs that read all contents with the shape of another one, from front to back. */
function* jobs(groups: Iterable<readonly Stored[]>, salt: Uint8Array): Generator<Work> {
  let parts: StoredPiece[] = []
  let used = 0
  const job = (): Work => {
    const work = { job: { kind: 'digest' as const, salt, pieces: packPieces(parts) }, parts }
    parts = []
    used = 0
    return work
  }
  for (const group of groups) {
    if (group.length < 2) continue
    for (const stored of group) {
      const { content } = stored
      for (let start = 0; start < content.size; ) {
        const size = Math.min(content.size - start, MAX_PIECE)
        if (parts.length === MAX_PIECES || used + size > MAX_PIECE) yield job()
        parts.push({ stored, content, start, size, at: 0 })
        used += size
        start += size
      }
    }
  }
  if (parts.length > 0) yield job()
}
