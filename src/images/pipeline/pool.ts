/** The threads that run jobs, or the calling thread where there are none. */

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { ChunkCompression, Job, JobResult } from './job.ts'
import { runJob } from './run-job.ts'
import { type PlainError, restoreError } from './transfer-error.ts'

export interface Pool {
  /** Jobs to keep unfinished so that no thread waits. */
  readonly window: number
  /** Announces work, so that threads can start while it is still being found out. */
  expect(bytes: number): void
  run(job: Job): Promise<JobResult>
  close(): Promise<void>
}

/** Bytes of work from which starting threads pays. */
export const THREADS_ABOVE = 4 * 1024 * 1024
/** Jobs for each thread, and for all of them: this thread may be busy for 50 ms in between. */
const JOBS_PER_THREAD = 3
const MIN_JOBS = 40

/** What a worker posts back. */
export type Reply = { readonly result: JobResult } | { readonly error: PlainError }

/**
 * @param threads worker threads, 0 to work in the calling thread; by default as many as there are
 *   processors, once that much work is announced
 * @param compression what the threads should be ready for
 */
export function createPool(threads: number | undefined, compression?: ChunkCompression): Pool {
  const workers: PoolWorker[] = []
  let expected = 0
  const start = (count: number) => {
    while (workers.length < count) workers.push(new PoolWorker(compression))
  }
  if (threads !== undefined) start(threads)
  return {
    get window() {
      return workers.length === 0 ? 1 : Math.max(MIN_JOBS, workers.length * JOBS_PER_THREAD)
    },
    expect(bytes) {
      expected += bytes
      if (threads === undefined && expected > THREADS_ABOVE) start(availableParallelism())
    },
    run(job) {
      const [first, ...others] = workers
      if (!first) return runJob(job)
      return others.reduce((a, b) => (b.load < a.load ? b : a), first).run(job)
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()))
    },
  }
}

class PoolWorker {
  readonly #worker: Worker
  /** Jobs are answered in the order they were posted. */
  readonly #waiting: { resolve(result: JobResult): void; reject(error: unknown): void }[] = []

  /** Why it does no more work. */
  #failure: unknown

  constructor(compression: ChunkCompression | undefined) {
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: compression })
    // Threads without work keep no process alive.
    this.#worker.unref()
    this.#worker.on('message', (reply: Reply) => {
      const job = this.#waiting.shift()
      if (this.load === 0) this.#worker.unref()
      if ('result' in reply) job?.resolve(reply.result)
      else job?.reject(restoreError(reply.error))
    })
    this.#worker.on('error', (error) => {
      this.#failure = error
      for (const job of this.#waiting.splice(0)) job.reject(error)
    })
  }

  get load(): number {
    return this.#waiting.length
  }

  run(job: Job): Promise<JobResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      if (this.load === 0) this.#worker.ref()
      this.#waiting.push({ resolve, reject })
      this.#worker.postMessage(job)
    })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
    const abandoned = new Error('the pool was closed')
    for (const job of this.#waiting.splice(0)) job.reject(abandoned)
  }
}
