/** One worker thread of a pool, as the calling thread sees it. */

import { Worker } from 'node:worker_threads'
import { ImageError } from '../../errors.ts'
import type { ChunkCompression, Job, JobResult } from './job.ts'
import { type PlainError, restoreError } from './transfer-error.ts'

/** What a worker posts: that it can begin, then an answer for each job in their order. */
export type Reply =
  | { readonly ready: true }
  | { readonly result: JobResult }
  | { readonly error: PlainError }

export interface WorkerOwner {
  /** Called when the thread takes no more jobs. */
  onLost(): void
  /** Runs a job that this thread will not begin. */
  runElsewhere(job: Job): Promise<JobResult>
}

/** A job that has been posted and not answered. */
interface Waiting {
  readonly job: Job
  resolve(result: JobResult | Promise<JobResult>): void
  reject(error: unknown): void
}

export class PoolWorker {
  readonly #worker: Worker
  readonly #owner: WorkerOwner
  #waiting: Waiting[] = []
  #isReady = false
  #isClosed = false
  /** Why the thread broke down. */
  #failure: Error | undefined

  /** A new thread, or undefined where the system has no room for one. */
  static start(compression: ChunkCompression | undefined, owner: WorkerOwner) {
    try {
      const url = new URL('./worker.js', import.meta.url)
      return new PoolWorker(new Worker(url, { workerData: compression }), owner)
    } catch {
      return undefined
    }
  }

  private constructor(worker: Worker, owner: WorkerOwner) {
    this.#worker = worker
    this.#owner = owner
    // Threads without work keep no process alive.
    worker.unref()
    worker.on('message', (reply: Reply) => this.#receive(reply))
    worker.on('messageerror', (error) => this.#settle((first) => first.reject(error)))
    // The thread still runs then: only its exit says that it leaves the memory of its jobs alone.
    worker.on('error', (error) => {
      this.#failure = error
      owner.onLost()
    })
    worker.on('exit', (code) => this.#lose(code))
  }

  /** Jobs that are not answered. */
  get load(): number {
    return this.#waiting.length
  }

  run(job: Job): Promise<JobResult> {
    return new Promise((resolve, reject) => {
      this.#worker.ref()
      this.#waiting.push({ job, resolve, reject })
      this.#worker.postMessage(job)
    })
  }

  /** Ends the thread, and with an error the jobs that it has not answered. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#worker.terminate()
  }

  #receive(reply: Reply): void {
    if ('ready' in reply) this.#isReady = true
    else if ('result' in reply) this.#settle((first) => first.resolve(reply.result))
    else this.#settle((first) => first.reject(restoreError(reply.error)))
  }

  /** Answers the first of the jobs that wait. */
  #settle(answer: (first: Waiting) => void): void {
    const first = this.#waiting.shift()
    if (first) answer(first)
    if (this.load === 0) this.#worker.unref()
  }

  /** The thread is gone, called for or not. */
  #lose(code: number): void {
    this.#owner.onLost()
    const waiting = this.#waiting
    this.#waiting = []
    for (const [index, { job, resolve, reject }] of waiting.entries()) {
      // A thread that came to its first job may have broken down because of it.
      if (this.#isClosed) reject(new Error('the pool was closed'))
      else if (this.#isReady && index === 0) reject(this.#describeLoss(code))
      else resolve(this.#owner.runElsewhere(job))
    }
  }

  #describeLoss(code: number): ImageError {
    const reason = this.#failure?.message ?? `exit code ${code}`
    const message = `a worker thread ended in the middle of its work: ${reason}`
    return new ImageError('THREAD_LOST', message, {
      hint: 'it may lack memory: --threads takes fewer, 0 works without',
      cause: this.#failure,
    })
  }
}
