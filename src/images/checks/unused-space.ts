/**
 * Bytes nobody reads must be zero: they could hide a message, and two images of one root hash
 * could differ in them.
 */

import type { Source } from '../../bytes/source.ts'
import { VERITY_SUPERBLOCK_SIZE } from '../../formats/verity/superblock.ts'
import { treeGeometry } from '../../formats/verity/tree-geometry.ts'
import { resultOf } from '../read/attempt.ts'
import { findData } from '../read/find-data.ts'
import type { OpenImage } from '../read/open-image.ts'
import type { Check, Problem } from './finding.ts'
import { findSizeProblems, type Subject } from './subject.ts'

interface Gap {
  readonly where: string
  readonly source: Source
  /** Bytes in the source. */
  readonly offset: number
  readonly size: number
}

export const unusedSpace: Check<Subject> = {
  name: 'unused space',
  async run(subject) {
    const gaps = [...gapsAroundPartitions(subject.image), ...gapsInPartitions(subject)]
    if (gaps.length === 0) return undefined
    const problems: Problem[] = []
    for (const { where, source, offset, size } of gaps) {
      const found = await findData(source, offset, size)
      if (found === undefined) continue
      problems.push({ expected: `zeros ${where}`, found: 'something else', offset: found })
    }
    const total = gaps.reduce((sum, { size }) => sum + size, 0)
    return { problems, note: `${total} bytes are zero` }
  },
}

/** What neither the table nor a partition covers. */
function gapsAroundPartitions({ gpt, file }: OpenImage): Gap[] {
  if (!gpt) return []
  const used = [...gpt.areas, ...gpt.partitions].toSorted((a, b) => a.offset - b.offset)
  const gaps: Gap[] = []
  let free = 0
  for (const { offset, size } of [...used, { offset: file.size, size: 0 }]) {
    if (offset > free) {
      gaps.push({
        where: 'outside of all partitions',
        source: file,
        offset: free,
        size: offset - free,
      })
    }
    free = Math.max(free, offset + size)
  }
  return gaps
}

/** What the hash tree does not cover in the partition of the data, and does not use in its own. */
function gapsInPartitions({ image, superblock }: Subject): Gap[] {
  const { data, hash } = image
  const value = resultOf(superblock)
  if (!data || !hash || !value || findSizeProblems(image, value).length > 0) return []
  const covered = value.dataBlocks * value.dataBlockSize
  const tree = treeGeometry(value).size
  return [
    {
      where: 'after the file system',
      source: data.file,
      offset: data.offset + covered,
      size: data.size - covered,
    },
    {
      where: 'after the verity superblock',
      source: hash.file,
      offset: hash.offset + VERITY_SUPERBLOCK_SIZE,
      size: value.hashBlockSize - VERITY_SUPERBLOCK_SIZE,
    },
    {
      where: 'after the hash tree',
      source: hash.file,
      offset: hash.offset + tree,
      size: hash.size - tree,
    },
  ].filter(({ size }) => size > 0)
}
