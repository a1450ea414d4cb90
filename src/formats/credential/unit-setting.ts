/**
 * `SetCredentialEncrypted=` in a unit: systemd.exec(5), and what `systemd-analyze verify` of systemd
 * 257 and 262 says of it.
 */

import { fromBase64 } from '../../bytes/base64.ts'
import { FormatError } from '../../errors.ts'
import { PROCESS_SECTIONS, readUnitFile, type UnitSetting } from '../unit-file.ts'
import { FORMAT } from './layout.ts'
import { findNameProblem } from './name.ts'
import type { Run } from './refill.ts'

const ENCRYPTED = 'SetCredentialEncrypted'
/** One list with the encrypted ones: the last of a name counts, and nothing resets both. */
const PLAIN = 'SetCredential'
/** Text whose escapes are those of C, with `\\s` for a blank. */
const ESCAPED =
  /^(?:[^\\]|\\(?:[abfnrtvs\\"']|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}))*$/

/** A credential in a unit. */
export interface UnitCredential {
  readonly bytes: Uint8Array
  /** From 1. */
  readonly line: number
  /** What the unit calls it; undefined where that depends on the unit (`%i`). */
  readonly unitName: string | undefined
  /** The name as it is written. */
  readonly written: string
  /** The line of the setting that takes its place; undefined: systemd uses it. */
  readonly replacedIn: number | undefined
  readonly runs: readonly Run[]
}

export interface UnitCredentials {
  /** Whether it looks like a unit at all, with or without credentials. */
  readonly isUnit: boolean
  readonly credentials: readonly UnitCredential[]
  /** Settings that systemd ignores. */
  readonly notes: readonly string[]
}

/**
 * The credentials of a unit file, of a drop-in, or of settings without a section.
 *
 * @param text a character is a byte
 * @param sections those that systemd looks for in this file; undefined where its name does not tell,
 *   which is then also one of settings that are to be put into a unit
 * @throws FormatError where systemd would ignore a credential because of how it is written, or refuse
 *   the file.
 */
export function readUnitCredentials(
  text: string,
  sections: readonly string[] | undefined,
): UnitCredentials {
  const lines = [...readUnitFile(text)].filter(
    ({ key }) => key === undefined || key === ENCRYPTED || key === PLAIN,
  )
  const hasSections = lines.some(({ key }) => key === undefined)
  const isFragment = sections === undefined && !hasSections
  const meant = sections ?? PROCESS_SECTIONS
  const credentials: UnitCredential[] = []
  const notes: string[] = []
  const inUse = new Map<string, number>()
  const replace = (name: string, line: number) => {
    const earlier = inUse.get(name)
    inUse.delete(name)
    if (earlier === undefined) return
    credentials[earlier] = { ...credentials[earlier]!, replacedIn: line }
  }
  for (const setting of lines) {
    if (setting.key === undefined) continue
    const { key, value, line, section } = setting
    if (!isFragment && !meant.includes(section ?? '')) {
      const where = place(section, meant)
      if (key === ENCRYPTED) notes.push(`line ${line}: systemd ignores ${key}= ${where}`)
      continue
    }
    if (value === '') {
      for (const name of [...inUse.keys()]) replace(name, line)
      continue
    }
    const { written, end } = splitName(value)
    if (key === PLAIN && !isPlainTaken(value, written, end)) continue
    const id = resolveName(written) ?? written
    replace(id, line)
    if (key === PLAIN) continue
    inUse.set(id, credentials.length)
    credentials.push(readCredential(setting, written, end))
  }
  const isUnit = sections !== undefined || hasSections || lines.some(({ key }) => key === ENCRYPTED)
  return { isUnit, credentials, notes }
}

function place(section: string | undefined, meant: readonly string[]): string {
  const found = section === undefined ? 'in front of all sections' : `in [${section}]`
  const names = meant.map((name) => `[${name}]`)
  if (names.length === 0) return `${found}: a unit of this type has no processes`
  return `${found}; it goes into ${names.length === 1 ? names[0] : `one of ${names.join(', ')}`}`
}

/** What is in front of the colon, without the backslashes that systemd takes away. */
function splitName(value: string): { readonly written: string; readonly end: number } {
  let written = ''
  for (let at = 0; at < value.length; at++) {
    if (value[at] === ':') return { written, end: at + 1 }
    if (value[at] === '\\') at++
    written += value[at] ?? ''
  }
  return { written, end: value.length }
}

/** Whether systemd takes a `SetCredential=`, which else takes the place of nothing. */
function isPlainTaken(value: string, written: string, end: number): boolean {
  const name = resolveName(written)
  const isName = name === undefined || findNameProblem(name) === undefined
  return isName && end < value.length && ESCAPED.test(value.slice(end))
}

function readCredential(setting: UnitSetting, written: string, end: number): UnitCredential {
  const { value, line, offsetOf } = setting
  const refuse = (fact: string) => {
    const message = `line ${line}: ${fact}, and systemd ignores the setting`
    return new FormatError(FORMAT, 'BAD_VALUE', message)
  }
  const unitName = resolveName(written)
  const problem = unitName === undefined ? undefined : findNameProblem(unitName)
  if (problem !== undefined) throw refuse(`'${unitName}' cannot be the name: ${problem}`)
  if (value.length === end) throw refuse(`${ENCRYPTED}= has no NAME:BASE64`)
  const strange = value.slice(end).search(/[^A-Za-z0-9+/=_\- \t\r\n]/)
  if (strange >= 0) {
    throw refuse(`the value is not base64 at byte ${offsetOf(end + strange)} of the file`)
  }
  const words = [...value.slice(end).matchAll(/[^ \t\r\n]+/g)].map(({ 0: word, index }) => ({
    word,
    start: offsetOf(end + index),
  }))
  // systemd takes the alphabet of URLs too.
  const base64 = words
    .map(({ word }) => word)
    .join('')
    .replaceAll('-', '+')
    .replaceAll('_', '/')
  const bytes = fromBase64(base64)
  if (bytes === undefined) throw refuse('the base64 of the value is incomplete')
  const runs = words.map(({ word, start }) => ({ start, end: start + word.length }))
  return { bytes, line, unitName, written, replacedIn: undefined, runs }
}

/** `%%` is a percent sign; what else follows one is known only where the unit is loaded. */
function resolveName(written: string): string | undefined {
  const name = written.replaceAll('%%', '')
  return /%./.test(name) ? undefined : written.replaceAll('%%', '%')
}

/** What a unit reads as `name`: blanks in front, backslashes and percent signs are not taken as they are. */
export function escapeName(name: string): string {
  return name.replaceAll('\\', '\\\\').replaceAll('%', '%%').replace(/^ /, '\\ ')
}
