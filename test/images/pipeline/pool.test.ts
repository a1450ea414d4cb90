/** Threads that cannot start, break down or answer with errors. */

import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { Job } from '../../../src/images/pipeline/job.ts'
import { packPieces } from '../../../src/images/pipeline/pieces.ts'
import { runJob } from '../../../src/images/pipeline/run-job.ts'

const SALT = new Uint8Array(32)
const created: FakeWorker[] = []
/** How many workers can be made, and what each does with its messages. */
let room = 0
let behave: (worker: FakeWorker, job: Job, count: number) => void = answer

class FakeWorker extends EventEmitter {
  #received = 0
  isReferenced = true

  constructor() {
    super()
    if (created.length === room) throw new Error('ERR_WORKER_INIT_FAILED: EAGAIN')
    created.push(this)
  }

  postMessage(job: Job): void {
    const count = this.#received++
    setImmediate(() => behave(this, job, count))
  }

  ref(): void {
    this.isReferenced = true
  }

  unref(): void {
    this.isReferenced = false
  }

  async terminate(): Promise<number> {
    this.emit('exit', 1)
    return 1
  }

  end(error?: Error): void {
    if (error) this.emit('error', error)
    setImmediate(() => this.emit('exit', 1))
  }
}

vi.doMock('node:worker_threads', () => ({ Worker: FakeWorker }))
const { createPool } = await import('../../../src/images/pipeline/pool.ts')

async function answer(worker: FakeWorker, job: Job, count: number): Promise<void> {
  if (count === 0) worker.emit('message', { ready: true })
  worker.emit('message', { result: await runJob(job) })
}

afterEach(() => {
  created.length = 0
  behave = answer
})

function job(size: number): Job {
  const bytes = new Uint8Array(size)
  const content = { kind: 'bytes', size, bytes } as const
  return { kind: 'digest', salt: SALT, pieces: packPieces([{ content, start: 0, size, at: 0 }]) }
}

const SIZES = [1, 4096, 5000, 100_000, 3]
const COUNTS = SIZES.map((size) => Math.ceil(size / 4096) * 32)

async function runAll(threads: number, jobs = SIZES.map(job)) {
  const pool = createPool(threads)
  const settled = await Promise.allSettled(jobs.map((each) => pool.run(each)))
  const { window } = pool
  await pool.close()
  const counts = settled.map((each) =>
    each.status === 'fulfilled' ? each.value.digests.length : each.reason.code,
  )
  return { counts, window, referenced: created.filter(({ isReferenced }) => isReferenced).length }
}

test('threads share the work', async () => {
  room = 3
  expect(await runAll(3)).toEqual({ counts: COUNTS, window: 40, referenced: 0 })
  expect(created).toHaveLength(3)
})

test.each([0, 1, 2])('with room for %i of four threads the work is done', async (threads) => {
  room = threads
  expect(await runAll(4)).toMatchObject({ counts: COUNTS, window: threads === 0 ? 1 : 40 })
  expect(created).toHaveLength(threads)
})

test('threads that break down before they can begin leave their work to the caller', async () => {
  room = 4
  behave = (worker) => worker.end(new Error("Cannot find module 'worker.js'"))
  expect(await runAll(2)).toEqual({ counts: COUNTS, window: 1, referenced: 2 })
})

test('a thread without an error of its own is missed too', async () => {
  room = 1
  behave = (worker) => worker.end()
  expect(await runAll(1)).toMatchObject({ counts: COUNTS })
})

test('a thread that breaks down in the middle fails one job, others take the rest', async () => {
  room = 1
  behave = (worker, each, count) => {
    if (count < 2) return answer(worker, each, count)
    if (count === 2) worker.end(new Error('terminated due to reaching memory limit'))
  }
  const [first, second, , fourth, fifth] = COUNTS
  const counts = [first, second, 'THREAD_LOST', fourth, fifth]
  expect(await runAll(1)).toMatchObject({ counts, window: 1 })
})

test('a thread that is not there any more is asked for nothing', async () => {
  room = 1
  const pool = createPool(1)
  await pool.run(job(1))
  created[0]!.end(new Error('out of memory'))
  await expect(pool.run(job(5000))).resolves.toMatchObject({ digests: { length: 64 } })
})

test('no thread is tried again once there was no room for it', async () => {
  room = 0
  const pool = createPool(undefined)
  for (let count = 0; count < 10; count++) pool.expect(1e9)
  room = 10
  pool.expect(1e9)
  await expect(pool.run(job(1))).resolves.toBeDefined()
  expect(created).toHaveLength(0)
})

test('closing fails what has not been answered', async () => {
  room = 1
  behave = () => undefined
  const pool = createPool(1)
  const waiting = pool.run(job(1))
  await Promise.all([expect(waiting).rejects.toThrow('the pool was closed'), pool.close()])
})

test('the error of a job that the calling thread does is its own', async () => {
  room = 0
  const pool = createPool(2)
  const path = join(import.meta.dirname, 'no-such-file')
  const identity = { device: 1n, inode: 1n, mtimeNs: 0n, ctimeNs: 0n }
  const content = { kind: 'file', size: 10, path, identity } as const
  const pieces = packPieces([{ content, start: 0, size: 10, at: 0 }])
  const failing = pool.run({ kind: 'digest', salt: SALT, pieces })
  await expect(failing).rejects.toMatchObject({ name: 'TreeError', code: 'CHANGED' })
  await expect(pool.run(job(1))).resolves.toBeDefined()
})
