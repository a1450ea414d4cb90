/** A file system that exists already becomes an extension image. */

import { realpathSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { cachedSource } from '../bytes/cached-source.ts'
import { FormatError } from '../errors.ts'
import { type FileSource, openFileSource } from '../files/file-source.ts'
import { openErofs } from '../formats/erofs/index.ts'
import { BLOCK_SIZE } from '../formats/erofs/layout.ts'
import { decodeSuperblock } from '../formats/erofs/read/decode-superblock.ts'
import { type Probe, probe } from '../formats/probe/index.ts'
import { SQUASHFS_SUPERBLOCK_SIZE, squashfsSize } from '../formats/squashfs.ts'
import { VERITY_BLOCK_SIZE } from '../formats/verity/hash-tree.ts'
import type { FileContent } from '../tree/model.ts'
import { findCut, findMountObjections } from './checks/mount-objections.ts'
import { findHierarchyObstacle, findPageObstacle, isUnread } from './checks/obstacles.ts'
import type { ImageResult, WrapOptions } from './options.ts'
import { ordered } from './pipeline/ordered.ts'
import { createPool, type Pool } from './pipeline/pool.ts'
import { readContent } from './pipeline/read-content.ts'
import { attempt, failureOf, resultOf } from './read/attempt.ts'
import { readHierarchiesOf } from './read/contents.ts'
import { type AssemblyTools, assembleImage } from './write/assemble.ts'
import { ambivalent } from './write/assert-mountable.ts'
import { Batch } from './write/filesystem/batch.ts'

/**
 * Wraps an EROFS or squashfs file, as it is, into an image and, with `signing`, signs it.
 *
 * @throws FormatError where the file is neither, something else as well, cut off, or one that no
 *   reader mounts from an image or merges; FileError, KeyError; nothing is left behind then.
 */
export async function wrapFilesystem(options: WrapOptions): Promise<ImageResult> {
  const { filesystem, onProgress } = options
  const content = await openFilesystemFile(filesystem, options)
  const pool = createPool(options.threads)
  pool.expect(content.size)
  try {
    return await assembleImage({
      ...options,
      kind: 'filesystem',
      name: options.name ?? basename(filesystem).replace(/\.[^.]*$/, ''),
      version: options.version,
      maxBlocks: Math.ceil(content.size / BLOCK_SIZE),
      write: (tools) =>
        copyBlocks(content, pool, tools, (done) => {
          onProgress?.({ step: 'read', done, total: content.size })
        }),
    })
  } finally {
    await pool.close()
  }
}

/** The file, once it has been shown to be a file system systemd mounts, and nothing else. */
async function openFilesystemFile(path: string, options: WrapOptions): Promise<FileContent> {
  const source = await openFileSource(path)
  try {
    const found = await probe(cachedSource(source), true)
    assertFilesystem(found, path)
    await assertUsable(source, found, options)
  } finally {
    await source.close()
  }
  const real = realpathSync(path)
  const { dev, ino, mtimeNs, ctimeNs } = statSync(real, { bigint: true })
  const identity = { device: dev, inode: ino, mtimeNs, ctimeNs }
  return { kind: 'file', size: source.size, path: real, identity }
}

function assertFilesystem({ types }: Probe, path: string): void {
  const known = types.filter(({ name }) => name === 'erofs' || name === 'squashfs')
  if (known.length === 0) {
    throw new FormatError('file system', 'BAD_MAGIC', `${path} is neither EROFS nor squashfs`, {
      hint: 'extsign sysext and extsign confext build an image from a folder',
    })
  }
  if (types.length > 1) throw ambivalent(types, path)
}

/** What is not known here to be mounted is wrapped; what is known not to be is not. */
async function assertUsable(
  source: FileSource,
  { types }: Probe,
  { architecture = 'x86-64', output }: WrapOptions,
): Promise<void> {
  const { path, size } = source
  const refuse = (fact: string) => {
    return new FormatError('file system', 'BAD_VALUE', `${path}: ${fact}`, {
      hint: 'no machine would use the image once it is signed: make the file system again',
    })
  }
  if (types[0]?.name === 'squashfs') {
    const stated = squashfsSize(await source.read(0, Math.min(size, SQUASHFS_SUPERBLOCK_SIZE)))
    const cut = findCut(stated, size)
    if (cut) throw refuse(`cut off: it has ${size} bytes, and its superblock says ${cut.found}`)
    return
  }
  const head = resultOf(await attempt(() => decodeSuperblock(source)))
  const cut = head && findCut(head.blocks * head.blockSize, size)
  if (cut) throw refuse(`cut off: it has ${size} bytes, and its superblock says ${cut.found}`)
  const opened = await attempt(() => openErofs(source))
  const failure = failureOf(opened)
  if (failure && !isUnread(failure)) throw refuse(failure.fact)
  const erofs = resultOf(opened)
  if (!erofs) return
  const { blockSize } = erofs
  const [objection] = findMountObjections(erofs, VERITY_BLOCK_SIZE)
  if (objection) throw refuse(objection.reader)
  const pages = findPageObstacle(blockSize, architecture)
  if (pages?.certain) throw refuse(pages.reason)
  const hierarchies = resultOf(await attempt(() => readHierarchiesOf(erofs, basename(output))))
  const obstacle = hierarchies && findHierarchyObstacle(hierarchies)
  if (obstacle) throw refuse(obstacle)
}

async function copyBlocks(
  content: FileContent,
  pool: Pool,
  { stock, sink, salt }: AssemblyTools,
  onProgress: (done: number) => void,
): Promise<Uint8Array> {
  const block0 = new Uint8Array(BLOCK_SIZE)
  readContent(content, 0, block0.subarray(0, Math.min(content.size, BLOCK_SIZE)))
  const batch = new Batch(stock, salt)
  const jobs = function* () {
    if (content.size > BLOCK_SIZE) {
      yield* batch.content(content, BLOCK_SIZE, content.size - BLOCK_SIZE)
    }
    yield* batch.end()
  }
  let done = BLOCK_SIZE
  for await (const { result } of ordered(jobs(), pool.window, (job) => pool.run(job))) {
    done += result.size
    await sink.append(result)
    onProgress(Math.min(done, content.size))
  }
  return block0
}
