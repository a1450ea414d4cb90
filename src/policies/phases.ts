/**
 * Boot phases: the words that userspace measures into PCR 11 on its way from the initrd to a system
 * that is ready.
 *
 * See systemd-pcrphase.service(8) and systemd src/measure/measure-tool.c.
 */

import { compareBytes } from '../bytes/equal.ts'
import { encodeUtf8 } from '../bytes/utf8.ts'

/** The phases policies are made for where nothing else is asked: every state of a usual boot. */
export const DEFAULT_PHASES: readonly string[] = [
  'enter-initrd',
  'enter-initrd:leave-initrd',
  'enter-initrd:leave-initrd:sysinit',
  'enter-initrd:leave-initrd:sysinit:ready',
]

/** Every word that units of systemd measure. */
export const PHASE_WORDS: readonly string[] = [
  'enter-initrd',
  'leave-initrd',
  'sysinit',
  'ready',
  'shutdown',
  'final',
  'factory-reset',
  'storage-target-mode-start',
  'storage-target-mode-stop',
]

/** The words of a phase path `enter-initrd:leave-initrd`; none of `:` and of nothing. */
export function phaseWords(path: string): readonly string[] {
  return path.split(':').filter((word) => word !== '')
}

/** Phase paths without empty words, each once, in the order of their bytes, as systemd-measure does. */
export function normalizePhases(paths: readonly string[]): readonly string[] {
  const unique = new Set(paths.map((path) => phaseWords(path).join(':')))
  return [...unique].sort((a, b) => compareBytes(encodeUtf8(a), encodeUtf8(b)))
}

/** Words that units of special boots measure, at whatever time. */
const SPECIAL_WORDS: readonly string[] = PHASE_WORDS.slice(6)

/** What may follow on a word; an initrd without systemd says nothing, and neither does none. */
const FOLLOWING: ReadonlyMap<string, readonly string[]> = new Map([
  ['', ['enter-initrd', 'sysinit']],
  ['enter-initrd', ['leave-initrd']],
  ['leave-initrd', ['sysinit']],
  ['sysinit', ['ready', 'final']],
  ['ready', ['shutdown']],
  ['shutdown', ['final']],
  ['final', []],
])

/**
 * Why no boot of systemd ever gets to a phase, or undefined where one may. Words of others than
 * systemd may come at any time.
 */
export function findImpossibility(path: string): string | undefined {
  const words = phaseWords(path).filter(
    (word) => PHASE_WORDS.includes(word) && !SPECIAL_WORDS.includes(word),
  )
  for (const [index, word] of words.entries()) {
    const before = words[index - 1] ?? ''
    if (FOLLOWING.get(before)?.includes(word)) continue
    return `${word} never follows on ${before || 'the start of the kernel'}`
  }
  return undefined
}

/** Every phase of an ordinary boot, the start of the kernel first. */
export function ordinaryPhases(): readonly string[] {
  const follow = (path: string): readonly string[] => {
    const last = phaseWords(path).at(-1) ?? ''
    const next = (FOLLOWING.get(last) ?? []).map((word) => (path === '' ? word : `${path}:${word}`))
    return [path, ...next.flatMap(follow)]
  }
  return follow('')
}

/** Paths of up to three words in an order that no boot has: what somebody may have signed by mistake. */
export function impossiblePhases(): readonly string[] {
  const extend = (path: readonly string[]): readonly (readonly string[])[] =>
    PHASE_WORDS.filter((word) => !path.includes(word)).map((word) => [...path, word])
  const one = extend([])
  const two = one.flatMap(extend)
  return [...one, ...two, ...two.flatMap(extend)]
    .map((words) => words.join(':'))
    .filter((path) => findImpossibility(path) !== undefined)
}
