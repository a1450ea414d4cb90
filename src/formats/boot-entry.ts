/**
 * Boot loader entries of type 1: lines of a key and a value.
 *
 * See https://uapi-group.org/specifications/specs/boot_loader_specification/ and systemd
 * src/boot/boot.c. Keys that say nothing about what a UKI is started with are passed over.
 */

import { trimEnd, trimStart } from '../bytes/trim.ts'
import { FormatError } from '../errors.ts'
import { decodeBoundedText } from './bounded-text.ts'

export interface BootEntry {
  /** The file that is started, as written. */
  readonly image: string
  /** All `options` with a blank between them, or undefined where there are none. */
  readonly options: string | undefined
  /** Profile of the UKI, where the entry names one. */
  readonly profile: number | undefined
  /** Files to hand over, as written, in order. */
  readonly extras: readonly string[]
}

const FORMAT = 'boot entry'
const MAX_SIZE = 1024 * 1024
const IMAGE_KEYS = ['uki', 'efi', 'linux']

/** Reads an entry. @throws FormatError where it starts no file, or a line of it is not usable. */
export function parseBootEntry(bytes: Uint8Array): BootEntry {
  const text = decodeBoundedText(bytes, FORMAT, MAX_SIZE)
  const lines = text.split('\n').flatMap((line, index) => parseLine(line, index + 1))
  const valuesOf = (key: string) => lines.filter((line) => line.key === key)
  const images = lines.filter(({ key }) => IMAGE_KEYS.includes(key))
  const image = images.at(-1)
  if (image === undefined) throw bad(`no line starts with ${IMAGE_KEYS.join(', ')}`)
  const options = valuesOf('options').map(({ value }) => value)
  const profile = valuesOf('profile').at(-1)
  if (profile && !/^\d{1,9}$/.test(profile.value)) {
    throw bad(`line ${profile.line}: '${profile.value}' is not the number of a profile`)
  }
  return {
    image: image.value,
    options: options.length > 0 ? options.join(' ') : undefined,
    profile: profile && Number(profile.value),
    extras: valuesOf('extra').map(({ value }) => value),
  }
}

function parseLine(line: string, number: number) {
  const trimmed = trimStart(trimEnd(line, ' \t\r'), ' \t')
  const match = /^([^#\s]\S*)[ \t]+(.+)$/s.exec(trimmed)
  return match ? [{ line: number, key: match[1]!, value: match[2]! }] : []
}

function bad(message: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', message)
}
