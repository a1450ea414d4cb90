/** An image with everything the checks want to know about it, each thing read once. */

import { SQUASHFS_SUPERBLOCK_SIZE, squashfsSize } from '../../formats/squashfs.ts'
import type { VeritySuperblock } from '../../formats/verity/superblock.ts'
import { treeGeometry } from '../../formats/verity/tree-geometry.ts'
import { type Attempt, attempt, resultOf } from '../read/attempt.ts'
import { type ContentsAttempt, readContents } from '../read/contents.ts'
import type { OpenImage } from '../read/open-image.ts'
import { collectRootHashes, type RootHashes } from '../read/root-hash-claims.ts'
import type { VerifyOptions } from '../verify-options.ts'
import { type TreeVerdict, verifyTree } from './verify-tree.ts'

export interface Subject {
  readonly image: OpenImage
  readonly options: VerifyOptions
  /** Undefined where there is no hash tree. */
  readonly superblock: Attempt<VeritySuperblock> | undefined
  /** Undefined where there is no tree, or none that fits into its partition. */
  readonly tree: TreeVerdict | undefined
  readonly rootHashes: RootHashes
  /** Bytes that squashfs says it has; undefined where there is none. */
  readonly squashfs: Attempt<bigint> | undefined
  /** Undefined where there is no file system that we read, or where it was not looked at. */
  readonly contents: ContentsAttempt | undefined
}

/** What of an image is looked at besides its seals: the table, the top of the tree, the signature. */
export interface Depth {
  /** All data and the whole tree, instead of the top of the tree alone. */
  readonly data: boolean
  /** What is in the file system. */
  readonly contents: boolean
}

/** Reads and hashes everything, or less. @throws FileError where the image cannot be read. */
export async function examine(
  image: OpenImage,
  options: VerifyOptions,
  depth: Depth = { data: true, contents: true },
): Promise<Subject> {
  const { data, hash, superblock } = image
  const value = resultOf(superblock)
  const fits = value !== undefined && findSizeProblems(image, value).length === 0
  const tree =
    data && hash && fits
      ? await verifyTree({
          data,
          hash,
          superblock: value,
          topOnly: !depth.data,
          threads: options.threads,
          onProgress: (done, total) => options.onProgress?.({ step: 'hash', done, total }),
        })
      : undefined
  return {
    image,
    options,
    superblock,
    tree,
    rootHashes: await collectRootHashes(image),
    squashfs: await readSquashfs(image),
    contents: depth.contents ? await readContents(image, options.kind) : undefined,
  }
}

async function readSquashfs({ data, filesystem }: OpenImage): Promise<Attempt<bigint> | undefined> {
  if (!data || filesystem !== 'squashfs') return undefined
  const { source, size } = data
  const bytes = await source.read(0, Math.min(size, SQUASHFS_SUPERBLOCK_SIZE))
  return attempt(() => squashfsSize(bytes))
}

/** Whether data and tree are larger than the partitions that should hold them. */
export function findSizeProblems(
  { data, hash }: OpenImage,
  superblock: VeritySuperblock,
): { readonly expected: string; readonly found: string }[] {
  const problems: { expected: string; found: string }[] = []
  const dataSize = superblock.dataBlocks * superblock.dataBlockSize
  if (data && dataSize > data.size) {
    const expected = `at most ${data.size} bytes of data, the size of the partition`
    problems.push({ expected, found: `${dataSize} bytes in the superblock` })
  }
  // Counting levels is cheap, but only once the number of blocks is known to be sane.
  if (hash && problems.length === 0) {
    const { size } = treeGeometry(superblock)
    if (size > hash.size) {
      const expected = `at most ${hash.size} bytes of hash tree, the size of the partition`
      problems.push({ expected, found: `a tree of ${size} bytes` })
    }
  }
  return problems
}
