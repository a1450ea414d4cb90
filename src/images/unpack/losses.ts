/** What of an image could not be restored: kinds of losses, each with a few of the paths. */

export type LossKind = 'owner' | 'set-id' | 'special' | 'xattr'

export interface Loss {
  /**
   * `owner`: belongs to whoever unpacked. `set-id`: lost set-user-ID or set-group-ID with its
   * owner. `special`: a device, fifo or socket that was not made. `xattr`: misses an attribute.
   */
  readonly kind: LossKind
  /** Why. */
  readonly reason: string
  /** Of attributes. */
  readonly name?: string
  readonly entries: number
  /** The first of the paths, escaped as in listings. */
  readonly examples: readonly string[]
}

const MAX_EXAMPLES = 10

/** Losses in the order they were first met. */
export class LossList {
  readonly #losses = new Map<string, { loss: Loss; examples: string[]; entries: number }>()

  add(kind: LossKind, reason: string, path: string, name?: string): void {
    const key = [kind, reason, name].join('\0')
    const known = this.#losses.get(key)
    const examples = known?.examples ?? []
    if (examples.length < MAX_EXAMPLES) examples.push(path)
    const entries = (known?.entries ?? 0) + 1
    const loss = { kind, reason, ...(name !== undefined && { name }), entries, examples }
    this.#losses.set(key, { loss, examples, entries })
  }

  list(): readonly Loss[] {
    return Array.from(this.#losses.values(), ({ loss }) => loss)
  }
}
