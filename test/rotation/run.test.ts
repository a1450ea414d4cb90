import { describe, expect, test } from 'vitest'
import { KeyError } from '../../src/errors.ts'
import type { Carrier, KeyState } from '../../src/rotation/carrier.ts'
import { planRotation } from '../../src/rotation/plan.ts'
import { runRotation } from '../../src/rotation/run.ts'

interface Fake extends Carrier {
  state: KeyState
}

/** A carrier in memory; `fails` throws when it is moved. */
function fake(path: string, state: KeyState, { holdsBoth = false, fails = false } = {}): Fake {
  const carrier: Fake = {
    kind: holdsBoth ? 'policies' : 'image',
    path,
    holdsBoth,
    state,
    examine: async () => ({ state: carrier.state }),
    tidy: async () => undefined,
    async move(to) {
      if (fails) throw new KeyError('MISMATCH', `${path} does not move`, { hint: 'push' })
      carrier.state = to
    },
  }
  return carrier
}

const steps = (plan: Awaited<ReturnType<typeof planRotation>>) =>
  plan.steps.map(({ path, action }) => `${action} ${path}`)

test('additions come first, then replacements, then what is dropped', async () => {
  const carriers = [fake('image', 'old'), fake('policies', 'old', { holdsBoth: true })]
  const keep = await planRotation({ carriers, keepOld: true })
  expect(steps(keep)).toEqual(['add policies', 'replace image'])
  const finish = await planRotation({ carriers, keepOld: false })
  expect(steps(finish)).toEqual(['add policies', 'replace image', 'drop policies'])
})

test('what is done already is no step', async () => {
  const carriers = [
    fake('a', 'new'),
    fake('b', 'both', { holdsBoth: true }),
    fake('c', 'new', { holdsBoth: true }),
    fake('d', 'neither'),
  ]
  expect(steps(await planRotation({ carriers, keepOld: true }))).toEqual([])
  expect(steps(await planRotation({ carriers, keepOld: false }))).toEqual(['drop b'])
})

test('what can hold one key only is replaced, also where it holds both', async () => {
  const carriers = [fake('a', 'both')]
  expect(steps(await planRotation({ carriers, keepOld: true }))).toEqual(['replace a'])
})

test('planning changes nothing, and running does what was planned', async () => {
  const carriers = [fake('a', 'old'), fake('b', 'old', { holdsBoth: true })]
  const plan = await planRotation({ carriers, keepOld: false })
  expect(carriers.map(({ state }) => state)).toEqual(['old', 'old'])
  const results = await runRotation(plan)
  expect(results.map(({ path, action }) => `${action} ${path}`)).toEqual(steps(plan))
  expect(results.every(({ outcome }) => outcome === 'done')).toBe(true)
  expect(carriers.map(({ state }) => state)).toEqual(['new', 'new'])
  expect(steps(await planRotation({ carriers, keepOld: false }))).toEqual([])
})

describe('an old key is not dropped', () => {
  const shared = () => fake('shared', 'old', { holdsBoth: true })

  test('after a step that failed, and the others are done all the same', async () => {
    const carriers = [shared(), fake('a', 'old', { fails: true }), fake('b', 'old')]
    const results = await runRotation(await planRotation({ carriers, keepOld: false }))
    expect(results.map(({ path, outcome, error }) => [path, outcome, error])).toEqual([
      ['shared', 'done', undefined],
      ['a', 'failed', 'a does not move (push)'],
      ['b', 'done', undefined],
      ['shared', 'waiting', undefined],
    ])
    expect(carriers.map(({ state }) => state)).toEqual(['both', 'old', 'new'])
  })

  test.each(['neither', undefined] as const)('while something is %s', async (state) => {
    const other = fake('other', state ?? 'old')
    const unreadable: Carrier = {
      ...other,
      examine: async () => {
        throw new KeyError('UNREADABLE', 'it cannot be read')
      },
    }
    const carriers = [shared(), state === undefined ? unreadable : other]
    const plan = await planRotation({ carriers, keepOld: false })
    expect(plan.carriers[1]?.error).toBe(state === undefined ? 'it cannot be read' : undefined)
    expect((await runRotation(plan)).map(({ outcome }) => outcome)).toEqual(['done', 'waiting'])
  })
})

test('an interruption ends it between two steps', async () => {
  const carriers = [fake('a', 'old'), fake('b', 'old')]
  const controller = new AbortController()
  const results = await runRotation(await planRotation({ carriers, keepOld: true }), {
    signal: controller.signal,
    onResult: () => controller.abort(),
  })
  expect(results.map(({ path, outcome }) => [path, outcome])).toEqual([
    ['a', 'done'],
    ['b', 'interrupted'],
  ])
  expect(carriers.map(({ state }) => state)).toEqual(['new', 'old'])
})

test('a bug is not taken for a file that failed', async () => {
  const broken: Carrier = {
    ...fake('a', 'old'),
    move: async () => {
      throw new TypeError('bug')
    },
  }
  const plan = await planRotation({ carriers: [broken], keepOld: true })
  await expect(runRotation(plan)).rejects.toThrow('bug')
})
