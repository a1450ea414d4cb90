/** The body of a thread that hashes: works off the list it was given, and says when it is done. */

import { parentPort, workerData } from 'node:worker_threads'
import { type HashList, workOff } from './hash-job.ts'

// The border between threads has no types; only hash-contents.ts starts this.
workOff(workerData as HashList)
parentPort?.postMessage('done')
