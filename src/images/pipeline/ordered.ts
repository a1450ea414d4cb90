/**
 * Runs `start` for each item with up to `window` of them unfinished, and yields the results in the
 * order of the items.
 *
 * The first failure in that order is thrown, and only once none of the others runs any more: what
 * they read or write may be closed then.
 */
export async function* ordered<Item, Result>(
  items: Iterable<Item>,
  window: number,
  start: (item: Item) => Promise<Result>,
): AsyncGenerator<{ readonly item: Item; readonly result: Result }> {
  const running: { readonly item: Item; readonly result: Promise<Result> }[] = []
  try {
    for (const item of items) {
      const result = start(item)
      // One that fails before its turn comes has a handler already.
      result.catch(() => undefined)
      running.push({ item, result })
      if (running.length < window) continue
      const first = running.shift()!
      yield { item: first.item, result: await first.result }
    }
    for (let first = running.shift(); first; first = running.shift()) {
      yield { item: first.item, result: await first.result }
    }
  } finally {
    await Promise.allSettled(running.map(({ result }) => result))
  }
}
