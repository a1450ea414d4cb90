/** Remembers the clusters decoded last: files that share a cluster are often read in a row. */

import type { EncodedExtent } from './extent.ts'

/** Clusters kept. Each decodes to 12 MiB at most, and to far less in practice. */
const CAPACITY = 4

export class ClusterCache {
  readonly #clusters = new Map<string, Promise<Uint8Array>>()

  /** The content of `extent`, from `decode` where it is not remembered. */
  get(extent: EncodedExtent, decode: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const { address, encodedSize, size, offset, algorithm } = extent
    const key = [address, encodedSize, size, offset, algorithm].join(':')
    const known = this.#clusters.get(key)
    if (known) return known
    const content = decode()
    this.#clusters.set(key, content)
    content.catch(() => this.#clusters.delete(key))
    const [oldest] = this.#clusters.keys()
    if (this.#clusters.size > CAPACITY && oldest !== undefined) this.#clusters.delete(oldest)
    return content
  }
}
