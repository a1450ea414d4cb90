/**
 * Hashing ranges of files for several banks, in as many threads as there are: each takes the next
 * job off a common list until there is none left.
 */

import { type DigestAlgorithm, startDigest } from '../crypto/digest.ts'
import { readAt } from '../files/read.ts'

/** A range of a file, zeros behind it, and the banks to hash them for: read once for all of them. */
export interface HashJob {
  /** A descriptor that stays open. */
  readonly file: number
  readonly offset: number
  readonly size: number
  readonly zeros: number
  /** At most four. */
  readonly algorithms: readonly DigestAlgorithm[]
}

/** A list of jobs and where results go, shared between threads. */
export interface HashList {
  readonly jobs: readonly HashJob[]
  /** The number of the next job nobody has taken, then 1 for each that is done. */
  readonly progress: SharedArrayBuffer
  /** {@link DIGEST_ROOM} bytes for each of the four algorithms a job may have. */
  readonly digests: SharedArrayBuffer
}

/** Bytes of the largest digest. */
const DIGEST_ROOM = 64
const JOB_ROOM = 4 * DIGEST_ROOM

/** Read at once to be hashed: what was read is still in the cache by then. */
const CHUNK_SIZE = 256 * 1024

/** A list of which nothing is done. */
export function createHashList(jobs: readonly HashJob[]): HashList {
  return {
    jobs,
    progress: new SharedArrayBuffer((1 + jobs.length) * Int32Array.BYTES_PER_ELEMENT),
    digests: new SharedArrayBuffer(jobs.length * JOB_ROOM),
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
      for (const [position, digest] of runHashJob(job, buffer).entries()) {
        new Uint8Array(digests, index * JOB_ROOM + position * DIGEST_ROOM).set(digest)
      }
      Atomics.store(counters, index + 1, 1)
    } catch {
      // Left undone.
    }
  }
}

/** Whether a job is done. */
export function isDone({ progress }: HashList, index: number): boolean {
  return Atomics.load(new Int32Array(progress), index + 1) === 1
}

/** A digest of a job that is done, `size` bytes, by the position of its algorithm. */
export function digestOf(
  { digests }: HashList,
  index: number,
  position: number,
  size: number,
): Uint8Array {
  return new Uint8Array(digests, index * JOB_ROOM + position * DIGEST_ROOM, size).slice()
}

/** The digest of a range for each algorithm. @throws where it cannot be read to its end. */
export function runHashJob(
  job: HashJob,
  buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE),
): readonly Uint8Array[] {
  const running = job.algorithms.map(startDigest)
  const update = (bytes: Uint8Array) => {
    for (const digest of running) digest.update(bytes)
  }
  for (let done = 0; done < job.size; ) {
    const wanted = buffer.subarray(0, Math.min(buffer.length, job.size - done))
    const count = readAt(job.file, wanted, job.offset + done)
    if (count === 0) throw new RangeError(`the file ends at byte ${job.offset + done}`)
    update(buffer.subarray(0, count))
    done += count
  }
  if (job.zeros > 0) buffer.fill(0)
  for (let done = 0; done < job.zeros; done += buffer.length) {
    update(buffer.subarray(0, Math.min(buffer.length, job.zeros - done)))
  }
  return running.map((digest) => digest.finish())
}
