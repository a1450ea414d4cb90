/** Digests of large contents for every bank, on all processors. */

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Source } from '../bytes/source.ts'
import { startDigest } from '../crypto/digest.ts'
import { allOf } from '../files/all-of.ts'
import { type PcrBank, pcrSize } from '../formats/tpm2/pcr.ts'
import {
  createHashList,
  digestOf,
  type HashJob,
  type HashList,
  isDone,
  workOff,
} from './hash-job.ts'

/** Something to hash: a range of a file or of bytes in memory, and zeros behind it. */
export interface MeasuredContent {
  readonly source: Source
  readonly offset: number
  readonly size: number
  readonly zeros: number
}

export type Digests = ReadonlyMap<PcrBank, Uint8Array>

export interface HashOptions {
  /** Threads beside the calling one; by default as many as there are other processors. */
  readonly threads?: number | undefined
}

/** Bytes to hash, all banks together, from which starting threads pays. */
const THREADS_ABOVE = 48 * 1024 * 1024
const CHUNK_SIZE = 1024 * 1024

/** What a byte costs in each bank, roughly: SHA-384 and SHA-512 have no instructions of their own. */
const COST: Readonly<Record<PcrBank, number>> = { sha1: 2, sha256: 3, sha384: 5, sha512: 5 }

/**
 * The digests of each content for each bank. A content that is a part of a file is hashed in
 * several threads where that pays; memory does not grow with it.
 *
 * @throws FileError where something cannot be read.
 */
export async function hashContents(
  contents: readonly MeasuredContent[],
  banks: readonly PcrBank[],
  options: HashOptions = {},
): Promise<readonly Digests[]> {
  const threads = options.threads ?? defaultThreads(contents, banks)
  const groups = groupBanks(banks, threads + 1)
  const jobs = contents
    .flatMap((content, index) => groups.map((group) => ({ content, index, group })))
    .filter(({ content }) => descriptorOf(content.source) !== undefined)
    .sort((a, b) => b.content.size * costOf(b.group) - a.content.size * costOf(a.group))
  const list = createHashList(jobs.map(({ content, group }) => toJob(content, group)))
  await hashInThreads(list, threads)
  const results = contents.map(() => new Map<PcrBank, Uint8Array>())
  for (const [job, { index, group }] of jobs.entries()) {
    if (!isDone(list, job)) continue
    for (const [position, bank] of group.entries()) {
      results[index]!.set(bank, digestOf(list, job, position, pcrSize(bank)))
    }
  }
  return allOf(
    contents.map(async (content, index) => {
      const missing = banks.filter((bank) => !results[index]!.has(bank))
      const all = new Map([...results[index]!, ...(await hashHere(content, missing))])
      return new Map(banks.map((bank) => [bank, all.get(bank)!]))
    }),
  )
}

/** Banks for `count` threads: the dearest first, each to the group that has least to do. */
function groupBanks(banks: readonly PcrBank[], count: number): readonly (readonly PcrBank[])[] {
  const groups: PcrBank[][] = Array.from({ length: Math.min(count, banks.length) }, () => [])
  for (const bank of banks.toSorted((a, b) => COST[b] - COST[a])) {
    groups.reduce((a, b) => (costOf(b) < costOf(a) ? b : a)).push(bank)
  }
  return groups
}

function costOf(banks: readonly PcrBank[]): number {
  return banks.reduce((sum, bank) => sum + COST[bank], 0)
}

/** The descriptor of a source that is a file and can be read in other threads. */
function descriptorOf(source: Source): number | undefined {
  return 'fd' in source && typeof source.fd === 'number' ? source.fd : undefined
}

function toJob(
  { source, offset, size, zeros }: MeasuredContent,
  banks: readonly PcrBank[],
): HashJob {
  return { file: descriptorOf(source) ?? -1, offset, size, zeros, algorithms: banks }
}

function defaultThreads(contents: readonly MeasuredContent[], banks: readonly PcrBank[]): number {
  const bytes = contents.reduce((sum, { size }) => sum + size, 0) * banks.length
  return bytes < THREADS_ABOVE ? 0 : Math.min(availableParallelism(), banks.length) - 1
}

/** The calling thread works too, and has begun before the others have started. */
async function hashInThreads(list: HashList, count: number): Promise<void> {
  const workers = Array.from({ length: count }, () => startWorker(list)).filter(
    (each) => each !== undefined,
  )
  try {
    workOff(list)
    const isAllDone = list.jobs.every((_, index) => isDone(list, index))
    if (!isAllDone) await allOf(workers.map(({ ended }) => ended))
  } finally {
    for (const { worker } of workers) void worker.terminate()
  }
}

/** A thread that cannot start or breaks down leaves its work to the others. */
function startWorker(workerData: HashList) {
  let worker: Worker
  try {
    worker = new Worker(new URL('./hash-worker.js', import.meta.url), { workerData })
  } catch {
    // The system has no room for another thread.
    return undefined
  }
  const ended = new Promise<void>((resolve) => {
    for (const event of ['message', 'error', 'exit']) worker.on(event, () => resolve())
  })
  return { worker, ended }
}

/** In this thread, and with errors that say what is wrong. */
async function hashHere(content: MeasuredContent, banks: readonly PcrBank[]): Promise<Digests> {
  if (banks.length === 0) return new Map()
  const running = banks.map((bank) => [bank, startDigest(bank)] as const)
  for await (const bytes of readContent(content)) {
    for (const [, digest] of running) digest.update(bytes)
  }
  return new Map(running.map(([bank, digest]) => [bank, digest.finish()]))
}

async function* readContent({ source, offset, size, zeros }: MeasuredContent) {
  for (let done = 0; done < size; done += CHUNK_SIZE) {
    yield await source.read(offset + done, Math.min(CHUNK_SIZE, size - done))
  }
  for (let done = 0; done < zeros; done += CHUNK_SIZE) {
    yield new Uint8Array(Math.min(CHUNK_SIZE, zeros - done))
  }
}
