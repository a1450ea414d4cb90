/** The threads that run jobs, or the calling thread where there are none. */

import { availableParallelism } from 'node:os'
import { allOf } from '../../files/all-of.ts'
import type { ChunkCompression, Job, JobResult } from './job.ts'
import { PoolWorker } from './pool-worker.ts'
import { runJob } from './run-job.ts'

export interface Pool {
  /** Jobs to keep unfinished so that no thread waits. */
  readonly window: number
  /** Announces work, so that threads can start while it is still being found out. */
  expect(bytes: number): void
  /** @throws what {@link runJob} throws, ImageError THREAD_LOST where its thread broke down */
  run(job: Job): Promise<JobResult>
  close(): Promise<void>
}

/** Bytes of work from which starting threads pays. */
export const THREADS_ABOVE = 4 * 1024 * 1024
/** Jobs for each thread, and for all of them: this thread may be busy for 50 ms in between. */
const JOBS_PER_THREAD = 3
const MIN_JOBS = 40

/**
 * A pool whose threads may all fail to start, or end too soon: what they had not begun is done by
 * those that are left, or by the calling thread.
 *
 * @param threads worker threads, 0 to work in the calling thread; by default as many as there are
 *   processors, once that much work is announced
 * @param compression what the threads should be ready for
 */
export function createPool(threads: number | undefined, compression?: ChunkCompression): Pool {
  const workers = new Set<PoolWorker>()
  const runHere = createQueue()
  let hasStarted = false
  let expected = 0

  const start = (count: number) => {
    hasStarted = true
    while (workers.size < count) {
      const worker = PoolWorker.start(compression, {
        onLost: () => worker && workers.delete(worker),
        runElsewhere: run,
      })
      // No room for another thread (`ulimit -u`, a container's pids.max) will come by trying again.
      if (!worker) return
      workers.add(worker)
    }
  }
  function run(job: Job): Promise<JobResult> {
    const [first, ...others] = workers
    if (!first) return runHere(job)
    return others.reduce((a, b) => (b.load < a.load ? b : a), first).run(job)
  }

  if (threads !== undefined) start(threads)
  return {
    get window() {
      return workers.size === 0 ? 1 : Math.max(MIN_JOBS, workers.size * JOBS_PER_THREAD)
    },
    expect(bytes) {
      expected += bytes
      if (!hasStarted && expected > THREADS_ABOVE) start(availableParallelism())
    },
    run,
    async close() {
      await allOf(Array.from(workers, (worker) => worker.close()))
    },
  }
}

/** Runs jobs in the calling thread, one at a time, and lets it hear signals in between. */
function createQueue(): (job: Job) => Promise<JobResult> {
  let last: Promise<unknown> = Promise.resolve()
  return (job) => {
    const result = last.then(turn).then(() => runJob(job))
    last = result.catch(() => undefined)
    return result
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
