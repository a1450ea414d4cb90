/**
 * Threads for those who verify one image after the other, or several at once: starting them takes as
 * long as hashing fifty megabytes.
 */

import { createPool, type Pool, THREADS_ABOVE } from './pool.ts'

/** Milliseconds that threads wait for the next image. They keep no process alive. */
const PATIENCE = 1000

interface Shared {
  readonly pool: Pool
  users: number
  timer?: NodeJS.Timeout
}

const pools = new Map<number | undefined, Shared>()

/**
 * A pool that others may be using too. Close it as if it was one's own.
 *
 * @param threads as for `createPool`
 */
export function borrowPool(threads: number | undefined): Pool {
  const shared = pools.get(threads) ?? { pool: createPool(threads), users: 0 }
  pools.set(threads, shared)
  clearTimeout(shared.timer)
  shared.users += 1
  const { pool } = shared
  let expected = 0
  return {
    get window() {
      return pool.window
    },
    expect(bytes) {
      expected += bytes
      // Many small images are no reason for threads.
      if (expected > THREADS_ABOVE) pool.expect(expected)
    },
    run: (job) => pool.run(job),
    async close() {
      shared.users -= 1
      if (shared.users > 0) return
      shared.timer = setTimeout(() => {
        pools.delete(threads)
        void pool.close()
      }, PATIENCE).unref()
    },
  }
}
