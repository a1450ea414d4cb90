/**
 * Hashing ranges of files for several banks, in as many threads as there are: each takes the next
 * job off a common list until there is none left.
 */

import { readSync } from 'node:fs'
import { type DigestAlgorithm, startDigest } from '../crypto/digest.ts'

/** A range of a file, zeros behind it, and one bank to hash them for. */
export interface HashJob {
  /** A descriptor that stays open. */
  readonly file: number
  readonly offset: number
  readonly size: number
  readonly zeros: number
  readonly algorithm: DigestAlgorithm
}

/** A list of jobs and where results go, shared between threads. */
export interface HashList {
  readonly jobs: readonly HashJob[]
  /** The number of the next job nobody has taken, then 1 for each that is done. */
  readonly progress: SharedArrayBuffer
  /** {@link DIGEST_ROOM} bytes for each job. */
  readonly digests: SharedArrayBuffer
}

/** Bytes of the largest digest. */
export const DIGEST_ROOM = 64

/** Read at once to be hashed: what was read is still in the cache by then. */
const CHUNK_SIZE = 256 * 1024

/** A list of which nothing is done. */
export function createHashList(jobs: readonly HashJob[]): HashList {
  return {
    jobs,
    progress: new SharedArrayBuffer((1 + jobs.length) * Int32Array.BYTES_PER_ELEMENT),
    digests: new SharedArrayBuffer(jobs.length * DIGEST_ROOM),
  }
}

/**
 * Does jobs until all are taken. One that fails stays undone: whoever needs it does it again and
 * sees why.
 */
export function workOff({ jobs, progress, digests }: HashList): void {
  const counters = new Int32Array(progress)
  const buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE)
  for (;;) {
    const index = Atomics.add(counters, 0, 1)
    const job = jobs[index]
    if (!job) return
    try {
      new Uint8Array(digests, index * DIGEST_ROOM).set(runHashJob(job, buffer))
      Atomics.store(counters, index + 1, 1)
    } catch {
      // Left undone.
    }
  }
}

/** The digest of a job that is done, or undefined. */
export function digestOf({ progress, digests }: HashList, index: number, size: number) {
  const isDone = Atomics.load(new Int32Array(progress), index + 1) === 1
  return isDone ? new Uint8Array(digests, index * DIGEST_ROOM, size).slice() : undefined
}

/** Hashes a range. @throws where it cannot be read to its end. */
export function runHashJob(job: HashJob, buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE)): Uint8Array {
  const digest = startDigest(job.algorithm)
  for (let done = 0; done < job.size; ) {
    const wanted = Math.min(buffer.length, job.size - done)
    const count = readSync(job.file, buffer, 0, wanted, job.offset + done)
    if (count === 0) throw new RangeError(`the file ends at byte ${job.offset + done}`)
    digest.update(buffer.subarray(0, count))
    done += count
  }
  if (job.zeros > 0) buffer.fill(0)
  for (let done = 0; done < job.zeros; done += buffer.length) {
    digest.update(buffer.subarray(0, Math.min(buffer.length, job.zeros - done)))
  }
  return digest.finish()
}
