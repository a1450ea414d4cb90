/** Files with the same content, whose blocks are stored once. */

import { toHex } from '../../../bytes/hex.ts'
import type { Content } from '../../../tree/model.ts'
import type { FingerprintJob } from '../../pipeline/job.ts'
import { ordered } from '../../pipeline/ordered.ts'
import type { Pool } from '../../pipeline/pool.ts'
import { BATCH_SIZE } from './batch.ts'
import type { Inode } from './inventory.ts'

/** Files in one fingerprint job at most. */
const MAX_FILES = 256

/**
 * Maps each inode whose content an earlier one of `candidates` also has to that earlier one.
 *
 * @param candidates inodes of regular files; only those with equal `shape` can share blocks
 */
export async function findDuplicates(
  candidates: Iterable<{
    readonly inode: Inode
    readonly content: Content
    readonly shape: string
  }>,
  pool: Pool,
): Promise<Map<Inode, Inode>> {
  const groups = new Map<string, { inode: Inode; content: Content }[]>()
  for (const { inode, content, shape } of candidates) {
    const group = groups.get(shape)
    if (group) group.push({ inode, content })
    else groups.set(shape, [{ inode, content }])
  }
  const firsts = new Map<string, Inode>()
  const duplicates = new Map<Inode, Inode>()
  for await (const { item, result } of ordered(jobs(groups), pool.window, ({ job }) =>
    pool.run(job),
  )) {
    item.members.forEach(({ inode, shape }, index) => {
      const digest = toHex(result.digests.subarray(index * 32, index * 32 + 32))
      const key = `${shape} ${digest}`
      const first = firsts.get(key)
      if (first) duplicates.set(inode, first)
      else firsts.set(key, inode)
    })
  }
  return duplicates
}

interface Work {
  readonly job: FingerprintJob
  readonly members: readonly { readonly inode: Inode; readonly shape: string }[]
}

function* jobs(groups: Map<string, { inode: Inode; content: Content }[]>): Generator<Work> {
  let contents: Content[] = []
  let members: { inode: Inode; shape: string }[] = []
  let size = 0
  for (const [shape, group] of groups) {
    if (group.length < 2) continue
    for (const { inode, content } of group) {
      contents.push(content)
      members.push({ inode, shape })
      size += content.size
      if (size < BATCH_SIZE && members.length < MAX_FILES) continue
      yield { job: { kind: 'fingerprint', contents }, members }
      contents = []
      members = []
      size = 0
    }
  }
  if (members.length > 0) yield { job: { kind: 'fingerprint', contents }, members }
}
