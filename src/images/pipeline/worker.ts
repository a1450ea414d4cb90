/** The body of a worker thread: one job in, one result out, in order. */

import { parentPort, workerData } from 'node:worker_threads'
import type { ChunkCompression, Job } from './job.ts'
import type { Reply } from './pool-worker.ts'
import { prepareThread, runJob } from './run-job.ts'
import { describeError } from './transfer-error.ts'

/** What {@link createPool} was told; the border between threads has no types. */
const compression = workerData as ChunkCompression | undefined

let done = begin()

parentPort?.on('message', (job: Job) => {
  done = done.then(() => answer(job))
})

/** A failure ends the thread, and its jobs are run elsewhere. */
async function begin(): Promise<void> {
  if (compression) await prepareThread(compression)
  parentPort?.postMessage({ ready: true } satisfies Reply)
}

async function answer(job: Job): Promise<void> {
  try {
    parentPort?.postMessage({ result: await runJob(job) } satisfies Reply)
  } catch (error) {
    parentPort?.postMessage({ error: describeError(error) } satisfies Reply)
  }
}
