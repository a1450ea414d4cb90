/** A source that remembers what was read lately, for many small reads close to one another. */

import { concat } from './concat.ts'
import type { Source } from './source.ts'

const PAGE_SIZE = 64 * 1024

/** Reads from the cache after which other work has its turn: signals, timers. */
const TURN = 1024

/**
 * `source` behind a cache of the `pages` most recently used pages of 64 KiB. Reads larger than a
 * page go past the cache.
 */
export function cachedSource(source: Source, pages = 32): Source {
  const cache = new Map<number, Promise<Uint8Array>>()

  function page(number: number): Promise<Uint8Array> {
    const cached = cache.get(number)
    // Deleting and setting again moves the page to the end: the first key is the oldest.
    cache.delete(number)
    const offset = number * PAGE_SIZE
    const wanted = cached ?? source.read(offset, Math.min(PAGE_SIZE, source.size - offset))
    cache.set(number, wanted)
    if (!cached) {
      wanted.catch(() => cache.delete(number))
      if (cache.size > pages) cache.delete(cache.keys().next().value ?? number)
    }
    return wanted
  }

  let reads = 0

  return {
    size: source.size,
    async read(offset, length) {
      // What is in the cache comes without a turn of the event loop, however often it is asked for.
      if (++reads % TURN === 0) await new Promise((resolve) => setTimeout(resolve))
      if (length > PAGE_SIZE) return source.read(offset, length)
      if (length === 0) return new Uint8Array(0)
      const first = Math.floor(offset / PAGE_SIZE)
      const last = Math.floor((offset + length - 1) / PAGE_SIZE)
      const start = offset - first * PAGE_SIZE
      const head = (await page(first)).subarray(start, start + length)
      if (first === last) return head
      return concat(head, (await page(last)).subarray(0, length - head.length))
    },
  }
}
