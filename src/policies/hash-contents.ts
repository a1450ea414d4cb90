/** Digests of large contents for every bank, on all processors. */

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Source } from '../bytes/source.ts'
import { startDigest } from '../crypto/digest.ts'
import { type PcrBank, pcrSize } from '../formats/tpm2/pcr.ts'
import { createHashList, digestOf, type HashJob, type HashList, workOff } from './hash-job.ts'

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
  const wanted = contents.flatMap((content, index) =>
    banks.map((bank) => ({ content, index, bank })),
  )
  const inFiles = wanted
    .filter(({ content }) => descriptorOf(content.source) !== undefined)
    .sort((a, b) => b.content.size * COST[b.bank] - a.content.size * COST[a.bank])
  const list = createHashList(inFiles.map(({ content, bank }) => toJob(content, bank)))
  await hashInThreads(list, options.threads ?? defaultThreads(list.jobs))
  const results = contents.map(() => new Map<PcrBank, Uint8Array>())
  for (const [job, { index, bank }] of inFiles.entries()) {
    const digest = digestOf(list, job, pcrSize(bank))
    if (digest) results[index]!.set(bank, digest)
  }
  for (const { content, index, bank } of wanted) {
    if (!results[index]!.has(bank)) results[index]!.set(bank, await hashHere(content, bank))
  }
  return results
}

/** The descriptor of a source that is a file and can be read in other threads. */
function descriptorOf(source: Source): number | undefined {
  return 'fd' in source && typeof source.fd === 'number' ? source.fd : undefined
}

function toJob({ source, offset, size, zeros }: MeasuredContent, bank: PcrBank): HashJob {
  return { file: descriptorOf(source) ?? -1, offset, size, zeros, algorithm: bank }
}

function defaultThreads(jobs: readonly HashJob[]): number {
  const bytes = jobs.reduce((sum, { size }) => sum + size, 0)
  return bytes < THREADS_ABOVE ? 0 : Math.min(availableParallelism(), jobs.length) - 1
}

/** The calling thread works too, and has begun before the others have started. */
async function hashInThreads(list: HashList, count: number): Promise<void> {
  const workers = Array.from({ length: count }, () => startWorker(list))
  try {
    workOff(list)
    const isDone = list.jobs.every((_, index) => digestOf(list, index, 0))
    if (!isDone) await Promise.all(workers.map(({ ended }) => ended))
  } finally {
    for (const { worker } of workers) void worker.terminate()
  }
}

/** A thread that cannot start or breaks down leaves its work to the others. */
function startWorker(workerData: HashList) {
  const worker = new Worker(new URL('./hash-worker.js', import.meta.url), { workerData })
  worker.unref()
  const ended = new Promise<void>((resolve) => {
    for (const event of ['message', 'error', 'exit']) worker.on(event, () => resolve())
  })
  return { worker, ended }
}

/** In this thread, and with errors that say what is wrong. */
async function hashHere(content: MeasuredContent, bank: PcrBank): Promise<Uint8Array> {
  const digest = startDigest(bank)
  for await (const bytes of readContent(content)) digest.update(bytes)
  return digest.finish()
}

async function* readContent({ source, offset, size, zeros }: MeasuredContent) {
  for (let done = 0; done < size; done += CHUNK_SIZE) {
    yield await source.read(offset + done, Math.min(CHUNK_SIZE, size - done))
  }
  for (let done = 0; done < zeros; done += CHUNK_SIZE) {
    yield new Uint8Array(Math.min(CHUNK_SIZE, zeros - done))
  }
}
