/** What was needed last, kept because it may be needed again; of a fleet not all is kept. */

const MAX_KEPT = 1000

export class Recent<Value> {
  readonly #kept = new Map<string, Value>()
  readonly #drop: (value: Value) => void

  /** @param drop is told of what is not kept any more */
  constructor(drop: (value: Value) => void) {
    this.#drop = drop
  }

  get(key: string): Value | undefined {
    const value = this.#kept.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: string, value: Value): void {
    this.#kept.delete(key)
    this.#kept.set(key, value)
    if (this.#kept.size <= MAX_KEPT) return
    const [oldest] = this.#kept
    if (oldest === undefined) return
    this.#kept.delete(oldest[0])
    this.#drop(oldest[1])
  }

  /** Nothing is kept any more. */
  clear(): readonly Value[] {
    const values = [...this.#kept.values()]
    this.#kept.clear()
    return values
  }
}
