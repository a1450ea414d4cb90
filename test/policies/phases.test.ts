import { describe, expect, test } from 'vitest'
import {
  DEFAULT_PHASES,
  findImpossibility,
  impossiblePhases,
  normalizePhases,
  ordinaryPhases,
  PHASE_WORDS,
} from '../../src/policies/phases.ts'

test('paths lose empty words and repetitions, and are sorted by bytes', () => {
  expect(normalizePhases(['b:a', ':', '::a::', 'a:b', 'a', '', 'é', 'z'])).toEqual([
    '',
    'a',
    'a:b',
    'b:a',
    'z',
    'é',
  ])
})

test('an ordinary boot goes through these', () => {
  const phases = ordinaryPhases()
  expect(phases[0]).toBe('')
  expect(phases).toEqual(expect.arrayContaining([...DEFAULT_PHASES, 'sysinit:ready']))
  expect(phases.every((phase) => findImpossibility(phase) === undefined)).toBe(true)
})

describe('a boot', () => {
  test.each([
    ['leave-initrd', 'leave-initrd never follows on the start of the kernel'],
    ['enter-initrd:sysinit', 'sysinit never follows on enter-initrd'],
    ['sysinit:ready:sysinit', 'sysinit never follows on ready'],
    ['ready', 'ready never follows on the start of the kernel'],
    ['enter-initrd:enter-initrd', 'enter-initrd never follows on enter-initrd'],
  ])('never gets to %s', (path, reason) => {
    expect(findImpossibility(path)).toBe(reason)
  })

  test.each([
    '',
    'sysinit',
    'factory-reset',
    'enter-initrd:factory-reset:leave-initrd',
    'mine:yours',
  ])('may get to %j', (path) => expect(findImpossibility(path)).toBeUndefined())
})

test('what somebody may have signed by mistake is impossible, all of it', () => {
  const paths = impossiblePhases()
  expect(paths).toContain('leave-initrd')
  expect(paths).not.toContain('enter-initrd')
  expect(new Set(paths).size).toBe(paths.length)
  expect(paths.length).toBeLessThan(PHASE_WORDS.length ** 3)
})
