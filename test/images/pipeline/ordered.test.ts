import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ordered } from '../../../src/images/pipeline/ordered.ts'

const unhandled: unknown[] = []
const listen = (reason: unknown) => unhandled.push(reason)
beforeEach(() => process.on('unhandledRejection', listen))
afterEach(() => {
  process.off('unhandledRejection', listen)
  expect(unhandled.splice(0)).toEqual([])
})

/** Turns of the event loop that each item takes; a negative number fails after as many. */
async function run(turns: number): Promise<number> {
  for (let left = Math.abs(turns); left > 0; left--) await turn()
  if (turns < 0) throw new RangeError(`failed after ${-turns}`)
  return turns
}

async function collect(items: readonly number[], window: number, start = run): Promise<number[]> {
  const results: number[] = []
  for await (const { result } of ordered(items, window, start)) results.push(result)
  return results
}

test('yields results in the order of the items, never more than the window unfinished', async () => {
  let unfinished = 0
  let most = 0
  const results = await collect([9, 1, 5, 0, 7, 2, 2, 8], 3, async (turns) => {
    most = Math.max(most, ++unfinished)
    return run(turns).finally(() => unfinished--)
  })
  expect(results).toEqual([9, 1, 5, 0, 7, 2, 2, 8])
  expect(most).toBe(3)
})

test.each([1, 2, 3, 40])(
  'a failure is thrown when nothing runs any more, window %i',
  async (window) => {
    let unfinished = 0
    const start = async (turns: number) => {
      unfinished++
      return run(turns).finally(() => unfinished--)
    }
    const failing = collect([20, -1, 3, -2, 30, 1, -5], window, start)
    await expect(failing).rejects.toThrow('failed after 1')
    expect(unfinished).toBe(0)
  },
)

test('failures behind a slow item, or of a slow caller, are no unhandled rejections', async () => {
  const results = ordered([50, -1, -1, -1], 4, run)
  await expect(results.next()).resolves.toMatchObject({ value: { result: 50 } })
  for (let turns = 0; turns < 50; turns++) await turn()
  await expect(results.next()).rejects.toThrow('failed after 1')
})

test('a caller that stops waits for what runs', async () => {
  let unfinished = 0
  const start = async (turns: number) => {
    unfinished++
    return run(turns).finally(() => unfinished--)
  }
  for await (const _ of ordered([1, 30, -2, 10], 4, start)) break
  expect(unfinished).toBe(0)
})

test('an item that cannot be made ends the work', async () => {
  const items = (function* () {
    yield 30
    yield -3
    throw new SyntaxError('no third item')
  })()
  const failing = (async () => {
    for await (const _ of ordered(items, 5, run));
  })()
  await expect(failing).rejects.toThrow('no third item')
})
