/** The kinds of values on a command line: each reads one text strictly or says what is wrong. */

import { parseUuid } from '../bytes/uuid.ts'
import { FormatError } from '../errors.ts'
import { parseImagePolicy } from '../formats/image-policy.ts'
import {
  ARCHITECTURES,
  isArchitecture,
  suggestArchitecture,
} from '../formats/release/architecture.ts'
import { SCOPES } from '../formats/release/validate-field.ts'
import type { Compression, CompressionAlgorithm } from '../images/options.ts'
import { UsageError } from './errors.ts'

export interface ValueType<T> {
  /** Stands for the value in help texts: `FILE`, `512|4096`. */
  readonly placeholder: string
  /** All the values there are, when they can be listed; also what a shell completes. */
  readonly choices?: readonly string[]
  /** What a shell completes otherwise. */
  readonly completes?: 'file' | 'directory'
  /** The files that a value of it names; absent where it names none. */
  readonly paths?: ((text: string) => readonly string[]) | undefined
  /** Throws a UsageError; the caller puts the option's name in front of its message. */
  readonly parse: (text: string) => T
}

export function text(placeholder: string): ValueType<string> {
  return { placeholder, parse: (value) => value }
}

const itself = (path: string) => [path]

export const file: ValueType<string> = {
  placeholder: 'FILE',
  completes: 'file',
  paths: itself,
  parse: (value) => value,
}

export const directory: ValueType<string> = {
  placeholder: 'DIR',
  completes: 'directory',
  paths: itself,
  parse: (value) => value,
}

/** The same type under another name in the help. */
export function named<T>(placeholder: string, type: ValueType<T>): ValueType<T> {
  return { ...type, placeholder }
}

/** Decimal digits only: `80abc`, `0x10`, `1e3` and `-1` are mistakes, not numbers. */
export function integer(
  placeholder: string,
  { from = 0, to = Number.MAX_SAFE_INTEGER }: { readonly from?: number; readonly to?: number } = {},
): ValueType<number> {
  return {
    placeholder,
    parse(value) {
      const number = /^(?:0|[1-9][0-9]{0,15})$/.test(value) ? Number(value) : Number.NaN
      if (Number.isSafeInteger(number) && number >= from && number <= to) return number
      const range = to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`
      throw new UsageError(`'${value}' is not a whole number ${range}`)
    },
  }
}

/** One of a few words. */
export function choice<const Words extends readonly string[]>(
  words: Words,
  placeholder: string = words.join('|'),
): ValueType<Words[number]> {
  return {
    placeholder,
    choices: words,
    parse(value) {
      const found = words.find((word) => word === value)
      if (found === undefined) {
        throw new UsageError(`'${value}' is not one of ${words.join(', ')}`)
      }
      return found
    },
  }
}

export const uuid: ValueType<string> = {
  placeholder: 'UUID',
  parse(value) {
    if (parseUuid(value) === undefined) {
      throw new UsageError(`'${value}' is not a UUID`, {
        hint: 'a UUID looks like 3f2a1c58-9f0e-4c7b-8d51-6a2b7c9d0e1f',
      })
    }
    return value.toLowerCase()
  },
}

/** `KEY=VALUE`, where only the key is judged here. */
export const property: ValueType<readonly [key: string, value: string]> = {
  placeholder: 'KEY=VALUE',
  parse(value) {
    const match = /^([A-Z][A-Z0-9_]*)=(.*)$/su.exec(value)
    if (match === null) {
      throw new UsageError(`'${value}' is not of the form KEY=VALUE`, {
        hint: 'keys are capital letters, digits and underscores: SYSEXT_PRETTY_NAME=Hello',
      })
    }
    return [match[1]!, match[2]!]
  },
}

/** A machine by systemd's name for it; the names of other tools never match on a host. */
export const architecture: ValueType<string> = {
  placeholder: 'ARCH',
  choices: ['x86-64', 'arm64', 'riscv64', 'loongarch64', 'ppc64-le', 's390x', 'x86', 'arm', '_any'],
  parse(value) {
    if (value === '_any' || isArchitecture(value)) return value
    const meant = suggestArchitecture(value)
    throw new UsageError(`'${value}' is not an architecture systemd knows`, {
      hint: meant === undefined ? `it knows ${ARCHITECTURES.join(', ')}` : `did you mean ${meant}?`,
    })
  },
}

/** One place an extension may be used in. */
export const scope: ValueType<string> = choice(SCOPES)

/** Where an extension may be used: words with commas or blanks between them. */
export const scopes: ValueType<readonly string[]> = {
  placeholder: 'SCOPE[,SCOPE…]',
  choices: SCOPES,
  parse: (value) => value.split(/[\s,]+/).map(choice(SCOPES).parse),
}

/** `none`, `lz4`, `zstd` or `zstd:LEVEL`. */
export const compression: ValueType<Compression> = {
  placeholder: 'none|lz4|zstd[:LEVEL]',
  choices: ['none', 'lz4', 'zstd'],
  parse(value) {
    const match = /^(none|lz4|zstd)(?::(.*))?$/s.exec(value)
    if (match === null) {
      throw new UsageError(`'${value}' is not one of none, lz4, zstd, zstd:LEVEL`)
    }
    const algorithm = match[1] as CompressionAlgorithm // the pattern allows no other word
    if (match[2] === undefined) return { algorithm }
    if (algorithm !== 'zstd') throw new UsageError(`${algorithm} has no levels`)
    return { algorithm, level: integer('LEVEL', { from: 1, to: 19 }).parse(match[2]) }
  },
}

/** A version of systemd as its tools print it. */
export const systemdVersion: ValueType<string> = {
  placeholder: 'VERSION',
  parse(value) {
    if (/^[1-9]\d{2}(?:\.\d{1,3}|~[a-z0-9]{1,8})?$/.test(value)) return value
    throw new UsageError(`'${value}' is not a version of systemd`, {
      hint: 'versions look like 257 and 255.4',
    })
  },
}

/** A policy of systemd.image-policy(7), as text that has been parsed once. */
export const imagePolicy: ValueType<string> = {
  placeholder: 'POLICY',
  parse(value) {
    try {
      parseImagePolicy(value)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      throw new UsageError(error.message, { hint: error.hint })
    }
    return value
  },
}

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ['K', 10],
  ['M', 20],
  ['G', 30],
  ['T', 40],
])

/** Bytes, or with one of the letters K, M, G, T behind the number powers of 1024. */
export const size: ValueType<number> = {
  placeholder: 'SIZE',
  parse(value) {
    const match = /^(0|[1-9][0-9]{0,15})([KMGT]?)$/.exec(value)
    const bytes = match ? Number(match[1]) * 2 ** (SIZE_UNITS.get(match[2]!) ?? 0) : Number.NaN
    if (Number.isSafeInteger(bytes)) return bytes
    throw new UsageError(`'${value}' is not a size`, { hint: 'a size is 4096, 512K, 64M or 2G' })
  },
}
