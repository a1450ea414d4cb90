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
