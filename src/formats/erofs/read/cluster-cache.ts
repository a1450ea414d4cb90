/** Remembers the clusters decoded last: files that share a cluster are often read in a row. */

import type { EncodedExtent } from './extent.ts'

/** Clusters kept, whatever they decode to: 12 MiB each at most, and far less in practice. */
const CAPACITY = 4

/** Bytes up to which more of them are kept. */
const ROOM = 16 * 1024 * 1024

export class ClusterCache {
  readonly #clusters = new Map<string, { content: Promise<Uint8Array>; size: number }>()
  #size = 0

  /** The content of `extent`, from `decode` where it is not remembered. */
  get(extent: EncodedExtent, decode: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const { address, encodedSize, size, offset, algorithm } = extent
    const key = [address, encodedSize, size, offset, algorithm].join(':')
    const known = this.#clusters.get(key)
    if (known) return known.content
    const content = decode()
    this.#clusters.set(key, { content, size })
    this.#size += size
    content.catch(() => this.#forget(key))
    for (const oldest of this.#clusters.keys()) {
      if (this.#clusters.size <= CAPACITY || this.#size <= ROOM) break
      this.#forget(oldest)
    }
    return content
  }

  #forget(key: string): void {
    this.#size -= this.#clusters.get(key)?.size ?? 0
    this.#clusters.delete(key)
  }
}
