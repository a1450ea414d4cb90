/** Where systemd-stub looks for the files of one UKI. */

import { PolicyError } from '../../errors.ts'

/** A path on the ESP as the names of its parts. */
export type EspPath = readonly string[]

/** `+3` or `+3-1` before a dot or the end: tries left and tries done. */
const COUNTER = /^\+\d{1,19}(?:-\d{1,19})?(?=\.|$)/

/** The parts of a path on the ESP, with slashes of either kind. @throws PolicyError BAD_PATH */
export function parseEspPath(path: string): EspPath {
  const parts = path.split(/[\\/]+/).filter((part) => part !== '' && part !== '.')
  if (parts.length > 0 && !parts.includes('..')) return parts
  throw new PolicyError('BAD_PATH', `'${path}' is no path of a file on the ESP`, {
    hint: 'a path starts at the root of the ESP: /EFI/Linux/linux.efi',
  })
}

/** The path as firmware writes it. */
export function formatEspPath(path: EspPath): string {
  return `\\${path.join('\\')}`
}

/**
 * The folder beside a UKI. Only the first `+` of the whole path is looked at: in
 * `\EFI\Linux\6.1+deb+3.efi` that is no counter, and the counter behind it stays.
 */
export function extraFolder(uki: EspPath, dropsCounter: boolean): EspPath {
  const path = uki.join('\\')
  const plus = path.indexOf('+')
  const counter = plus < 0 || !dropsCounter ? '' : (COUNTER.exec(path.slice(plus))?.[0] ?? '')
  const without = counter === '' ? path : path.slice(0, plus) + path.slice(plus + counter.length)
  return `${without}.extra.d`.split('\\')
}
