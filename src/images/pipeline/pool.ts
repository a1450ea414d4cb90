/** The threads that run jobs, or the calling thread where there are none. */

import { Worker } from 'node:worker_threads'
import type { Job, JobResult } from './job.ts'
import { runJob } from './run-job.ts'
import { type PlainError, restoreError } from './transfer-error.ts'

export interface Pool {
  /** Jobs to keep unfinished so that no thread waits. */
  readonly window: number
  run(job: Job): Promise<JobResult>
  close(): Promise<void>
}

/** What a worker posts back. */
export type Reply = { readonly result: JobResult } | { readonly error: PlainError }

/** @param threads worker threads; 0 runs jobs in the calling thread */
export function createPool(threads: number): Pool {
  if (threads === 0) {
    return { window: 1, run: async (job) => runJob(job), close: async () => {} }
  }
  const workers = Array.from({ length: threads }, () => new PoolWorker())
  return {
    window: threads * 3,
    run: (job) => workers.reduce((a, b) => (b.load < a.load ? b : a)).run(job),
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()))
    },
  }
}

class PoolWorker {
  readonly #worker = new Worker(new URL('./worker.js', import.meta.url))
  /** Jobs are answered in the order they were posted. */
  readonly #waiting: { resolve(result: JobResult): void; reject(error: unknown): void }[] = []

  constructor() {
    this.#worker.on('message', (reply: Reply) => {
      const job = this.#waiting.shift()
      if ('result' in reply) job?.resolve(reply.result)
      else job?.reject(restoreError(reply.error))
    })
    this.#worker.on('error', (error) => {
      for (const job of this.#waiting.splice(0)) job.reject(error)
    })
  }

  get load(): number {
    return this.#waiting.length
  }

  run(job: Job): Promise<JobResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#worker.postMessage(job, 'buffer' in job ? [job.buffer] : [])
    })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
    const abandoned = new Error('the pool was closed')
    for (const job of this.#waiting.splice(0)) job.reject(abandoned)
  }
}
