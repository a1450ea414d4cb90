import { randomFillSync } from 'node:crypto'
import { allocateSecret, copySecret } from '../bytes/secret.ts'

/**
 * Random bytes, handed down by whoever has them: a test hands down others. Each call gives an array
 * of its own, which whoever asked may overwrite.
 */
export type Random = (size: number) => Uint8Array

/** The random numbers of OpenSSL inside Node, fit for keys. */
export const randomBytes: Random = (size) => randomFillSync(allocateSecret(size))

const POOL = 4096

/**
 * The bytes of `random` in their order, fetched for many small requests at once: asking takes longer
 * than the bytes. What has been handed out is overwritten here.
 */
export function pooled(random: Random): Random {
  let pool: Uint8Array = new Uint8Array(0)
  let used = 0
  return (size) => {
    if (size > POOL) return random(size)
    if (size > pool.length - used) {
      pool = random(POOL)
      used = 0
    }
    const bytes = copySecret(pool.subarray(used, used + size))
    pool.fill(0, used, used + size)
    used += size
    return bytes
  }
}
