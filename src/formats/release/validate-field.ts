/** What may stand in the fields of an extension-release file (os-release(5), UAPI.4). */

import { isArchitecture, suggestArchitecture } from './architecture.ts'
import { parseBoolean } from './booleans.ts'
import type { ExtensionKind } from './kind.ts'
import { KINDS } from './kind.ts'

export const SCOPES: readonly string[] = ['system', 'initrd', 'portable']

export interface FieldProblem {
  /** What is wrong, to be read after `KEY=value`. */
  readonly problem: string
  readonly hint?: string
  /** No target merges an image with this field. */
  readonly fitsNowhere?: true
}

/**
 * Why a field with this value is a mistake, or undefined where it is none. systemd would ignore the
 * image without saying so, or worse, merge it where it does not fit.
 */
export function findFieldProblem(
  kind: ExtensionKind,
  key: string,
  value: string,
): FieldProblem | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  if (/[\0-\x1f\x7f]/.test(value)) return { problem: 'has a control character' }
  const { prefix } = KINDS[kind]
  switch (key) {
    case 'ID':
      // os-release(5) asks for lower case; openEuler and others do not comply, and match all the same.
      return value === ''
        ? { problem: 'is empty', fitsNowhere: true }
        : findWordProblem(value, /^[A-Za-z0-9._-]+$/, 'letters')
    case `${prefix}_LEVEL`:
      return findWordProblem(value, /^[a-z0-9._-]+$/, 'lower-case letters')
    case 'VERSION_ID':
      return value === '' ? { problem: 'is empty' } : undefined
    case `${prefix}_SCOPE`:
      return findScopeProblem(value)
    case 'ARCHITECTURE':
      return findArchitectureProblem(value)
    case 'EXTENSION_RELOAD_MANAGER':
      return parseBoolean(value) === undefined
        ? { problem: 'is no truth value', hint: 'write 1 or 0' }
        : undefined
    default:
      return undefined
  }
}

function findWordProblem(
  value: string,
  allowed: RegExp,
  letters: string,
): FieldProblem | undefined {
  if (value === '') return { problem: 'is empty' }
  if (allowed.test(value)) return undefined
  return {
    problem: 'has characters that are not allowed there',
    hint: `use ${letters}, digits, dot, underscore and dash`,
  }
}

function findScopeProblem(value: string): FieldProblem | undefined {
  const scopes = value.split(/\s+/).filter((word) => word !== '')
  const hint = `the scopes are ${SCOPES.join(', ')}`
  if (scopes.length === 0) {
    return { problem: 'is empty, so the image is merged nowhere', hint, fitsNowhere: true }
  }
  const unknown = scopes.filter((scope) => !SCOPES.includes(scope))
  if (unknown.length === 0) return undefined
  const problem = `has the unknown scope ${unknown[0]}`
  return { problem, hint, ...(unknown.length === scopes.length && { fitsNowhere: true }) }
}

function findArchitectureProblem(value: string): FieldProblem | undefined {
  if (value === '_any' || isArchitecture(value)) return undefined
  if (value === '') return { problem: 'is empty', hint: 'leave it out, or write _any' }
  const suggestion = suggestArchitecture(value)
  return {
    problem: 'never matches a machine',
    fitsNowhere: true,
    ...(suggestion && { hint: `systemd calls it ${suggestion}` }),
  }
}
