/**
 * Runs `start` for each item with up to `window` of them unfinished, and yields the results in the
 * order of the items.
 */
export async function* ordered<Item, Result>(
  items: Iterable<Item>,
  window: number,
  start: (item: Item) => Promise<Result>,
): AsyncGenerator<{ readonly item: Item; readonly result: Result }> {
  const running: { item: Item; result: Promise<Result> }[] = []
  try {
    for (const item of items) {
      running.push({ item, result: start(item) })
      if (running.length < window) continue
      const first = running.shift()!
      yield { item: first.item, result: await first.result }
    }
    for (let first = running.shift(); first; first = running.shift()) {
      yield { item: first.item, result: await first.result }
    }
  } finally {
    // A failure ends the loop early; the others must not be reported as unhandled.
    await Promise.allSettled(running.map(({ result }) => result))
  }
}
