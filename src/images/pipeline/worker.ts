/** The body of a worker thread: one job in, one result out, in order. */

import { parentPort } from 'node:worker_threads'
import type { Job } from './job.ts'
import type { Reply } from './pool.ts'
import { runJob } from './run-job.ts'
import { describeError } from './transfer-error.ts'

let done: Promise<void> = Promise.resolve()

parentPort?.on('message', (job: Job) => {
  done = done.then(() => answer(job))
})

async function answer(job: Job): Promise<void> {
  try {
    const result = await runJob(job)
    const digests = result.digests.buffer as ArrayBuffer
    parentPort?.postMessage({ result } satisfies Reply, [result.buffer, digests])
  } catch (error) {
    parentPort?.postMessage({ error: describeError(error) } satisfies Reply)
  }
}
