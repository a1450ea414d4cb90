/**
 * Brings file system and hash tree to their places in the image while the file system is made.
 *
 * Two things are known only at its end: its size, which decides where the hash partition starts,
 * and whether the image is so small that systemd-repart would place the partitions lower. So the
 * lowest level of the hash tree is parked behind the largest possible file system, and what
 * stands too high is moved down.
 */

import { alignUp } from '../../bytes/align.ts'
import { concat } from '../../bytes/concat.ts'
import { sha256 } from '../../crypto/sha256.ts'
import type { Output } from '../../files/output.ts'
import { readDescriptor } from '../../files/read.ts'
import { type DdiPlacement, placePartitions } from '../../formats/ddi/index.ts'
import type { SectorSize } from '../../formats/gpt/index.ts'
import { HashTreeBuilder, VERITY_BLOCK_SIZE } from '../../formats/verity/hash-tree.ts'
import { encodeVeritySuperblock } from '../../formats/verity/superblock.ts'
import { treeGeometry } from '../../formats/verity/tree-geometry.ts'
import type { JobResult } from '../pipeline/job.ts'
import type { BufferStock } from './filesystem/batch.ts'
import type { BlockSink } from './filesystem/sink.ts'

export interface ImageWriterOptions {
  readonly sectorSize: SectorSize
  readonly salt: Uint8Array
  readonly verityUuid: string
  /** Blocks the file system cannot exceed. */
  readonly maxBlocks: number
  /** Called with the first result: the threads have work for a while then. */
  readonly onUnderWay?: () => void
}

/** What is in place after `finish`. */
export interface WrittenImage {
  readonly rootHash: Uint8Array
  /** Size of the file system in bytes. */
  readonly filesystemSize: number
  readonly placement: DdiPlacement
}

const MAX_WRITES = 4
/** Blocks of the hash tree written at once. */
const PARK_BLOCKS = 64
const MOVE_SIZE = 4 * 1024 * 1024

export class ImageWriter implements BlockSink {
  readonly #output: Output
  readonly #stock: BufferStock
  readonly #options: ImageWriterOptions
  readonly #tree: HashTreeBuilder
  readonly #start: number
  /** Where the lowest level of the hash tree is kept until its place is known. */
  readonly #park: number
  #nextBlock = 1
  #parked: Uint8Array[] = []
  #parkedBlocks = 1
  readonly #writes = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(output: Output, stock: BufferStock, options: ImageWriterOptions) {
    this.#output = output
    this.#stock = stock
    this.#options = options
    this.#tree = new HashTreeBuilder(options.salt, (block) => this.#parked.push(block))
    this.#start = this.#place(options.maxBlocks).root.offset
    // Behind room for the upper levels: a large tree then only ever moves down, or not at all.
    const { levels } = treeGeometry({
      hashBlockSize: VERITY_BLOCK_SIZE,
      dataBlocks: options.maxBlocks,
    })
    const lowest = levels[0]?.offset ?? VERITY_BLOCK_SIZE
    this.#park = this.#start + options.maxBlocks * VERITY_BLOCK_SIZE + lowest
  }

  get nextBlock(): number {
    return this.#nextBlock
  }

  async append({ buffer, size, digests }: JobResult): Promise<void> {
    if (this.#nextBlock === 1) this.#options.onUnderWay?.()
    this.#tree.append(digests)
    const position = this.#start + this.#nextBlock * VERITY_BLOCK_SIZE
    this.#nextBlock += size / VERITY_BLOCK_SIZE
    this.#write(new Uint8Array(buffer, 0, size), position, () => this.#stock.giveBack(buffer))
    if (this.#parked.length >= PARK_BLOCKS) this.#flushParked()
    await this.#settle(MAX_WRITES)
  }

  /** Ends the file system with its first block and brings everything into place. */
  async finish(block0: Uint8Array): Promise<WrittenImage> {
    const { salt, verityUuid } = this.#options
    const blocks = this.#nextBlock
    const filesystemSize = blocks * VERITY_BLOCK_SIZE
    const tree = this.#tree.finish(sha256(salt, block0))
    this.#flushParked()
    await this.#settle(0)

    const placement = this.#place(blocks)
    const { root, verity } = placement
    const geometry = treeGeometry({ hashBlockSize: VERITY_BLOCK_SIZE, dataBlocks: blocks })
    const lowest = verity.offset + (geometry.levels[0]?.offset ?? VERITY_BLOCK_SIZE)
    const parkedSize = (this.#parkedBlocks - 1) * VERITY_BLOCK_SIZE
    await this.#move(this.#start, root.offset, filesystemSize)
    await this.#move(this.#park + VERITY_BLOCK_SIZE, lowest + VERITY_BLOCK_SIZE, parkedSize)
    const superblock = encodeVeritySuperblock({ uuid: verityUuid, salt, dataBlocks: blocks })
    const padding = new Uint8Array(
      alignUp(superblock.length, VERITY_BLOCK_SIZE) - superblock.length,
    )
    await this.#output.write(block0, root.offset)
    await this.#output.write(concat(superblock, padding, tree.upperLevels), verity.offset)
    if (tree.firstBlock) await this.#output.write(tree.firstBlock, lowest)
    await this.#clear(root.offset + filesystemSize, verity.offset)
    const end = placement.signature.offset + placement.signature.size
    await this.#clear(verity.offset + geometry.size, end)
    return { rootHash: tree.rootHash, filesystemSize, placement }
  }

  #place(blocks: number): DdiPlacement {
    return placePartitions({
      sectorSize: this.#options.sectorSize,
      filesystemSize: blocks * VERITY_BLOCK_SIZE,
      hashSize: treeGeometry({ hashBlockSize: VERITY_BLOCK_SIZE, dataBlocks: blocks }).size,
    })
  }

  #flushParked(): void {
    const position = this.#park + this.#parkedBlocks * VERITY_BLOCK_SIZE
    this.#parkedBlocks += this.#parked.length
    this.#write(concat(...this.#parked), position, () => {})
    this.#parked = []
  }

  #write(bytes: Uint8Array, position: number, done: () => void): void {
    const write = this.#output.write(bytes, position).then(done, (error: unknown) => {
      this.#failure ??= { error }
    })
    const tracked = write.finally(() => this.#writes.delete(tracked))
    this.#writes.add(tracked)
  }

  /** Waits until at most `left` writes are unfinished. */
  async #settle(left: number): Promise<void> {
    while (this.#writes.size > left) await Promise.race(this.#writes)
    if (this.#failure) throw this.#failure.error
  }

  /** Moves bytes down, or anywhere when they fit one step. */
  async #move(from: number, to: number, size: number): Promise<void> {
    if (from === to) return
    const step = new Uint8Array(Math.min(size, MOVE_SIZE))
    for (let done = 0; done < size; ) {
      const part = step.subarray(0, Math.min(step.length, size - done))
      await this.#read(part, from + done)
      await this.#output.write(part, to + done)
      done += part.length
    }
  }

  async #read(target: Uint8Array, position: number): Promise<void> {
    try {
      for (let done = 0; done < target.length; ) {
        const rest = target.subarray(done)
        const bytesRead = await readDescriptor(this.#output.fd, rest, position + done)
        if (bytesRead === 0) throw new Error(`nothing was written at byte ${position + done}`)
        done += bytesRead
      }
    } catch (error) {
      throw await this.#output.explain(error)
    }
  }

  /** Zeros, where something may have stood before it was moved. */
  async #clear(from: number, to: number): Promise<void> {
    if (to > from) await this.#output.write(new Uint8Array(to - from), from)
  }
}
