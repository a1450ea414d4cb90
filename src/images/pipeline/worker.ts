/** The body of a worker thread: one job in, one result out, in order. */

import { parentPort, workerData } from 'node:worker_threads'
import type { ChunkCompression, Job } from './job.ts'
import type { Reply } from './pool.ts'
import { prepareThread, runJob } from './run-job.ts'
import { describeError } from './transfer-error.ts'

/** What {@link createPool} was told; the border between threads has no types. */
const compression = workerData as ChunkCompression | undefined

let done = compression ? prepareThread(compression) : Promise.resolve()

parentPort?.on('message', (job: Job) => {
  done = done.then(() => answer(job))
})

async function answer(job: Job): Promise<void> {
  try {
    parentPort?.postMessage({ result: await runJob(job) } satisfies Reply)
  } catch (error) {
    parentPort?.postMessage({ error: describeError(error) } satisfies Reply)
  }
}
