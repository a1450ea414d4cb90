/** The kinds of values on a command line: each reads one text strictly or says what is wrong. */

import { parseUuid } from '../bytes/uuid.ts'
import { UsageError } from './errors.ts'

export interface ValueType<T> {
  /** Stands for the value in help texts: `FILE`, `512|4096`. */
  readonly placeholder: string
  /** All the values there are, when they can be listed; also what a shell completes. */
  readonly choices?: readonly string[]
  /** What a shell completes otherwise. */
  readonly completes?: 'file' | 'directory'
  /** Throws a UsageError; the caller puts the option's name in front of its message. */
  readonly parse: (text: string) => T
}

export function text(placeholder: string): ValueType<string> {
  return { placeholder, parse: (value) => value }
}

export const file: ValueType<string> = {
  placeholder: 'FILE',
  completes: 'file',
  parse: (value) => value,
}

export const directory: ValueType<string> = {
  placeholder: 'DIR',
  completes: 'directory',
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
