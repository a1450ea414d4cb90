/**
 * Whether systemd merges an extension on a host, and which rule decides.
 *
 * The rules and their order are those of `extension_release_validate` in systemd's
 * `src/shared/extension-util.c`. Every comparison is plain string equality; a field that is empty
 * counts as missing, except for the scope.
 */

import { FormatError } from '../../errors.ts'
import { type ExtensionKind, KINDS } from './kind.ts'

/** Fields of an os-release or extension-release file, as `parseEnvFile` reads them. */
export type Release = ReadonlyMap<string, string>

/** What the decision depends on besides the two files. */
export interface MergeTarget {
  readonly kind: ExtensionKind
  /** `system`, `initrd` or `portable`. Absent: not checked, as for a unit's `ExtensionImages=`. */
  readonly scope?: string | undefined
  /** The machine's name as in `ARCHITECTURES`. Absent: not checked. */
  readonly architecture?: string | undefined
  /** Whether the host's `ID_LIKE` counts, as in systemd 258 and late releases of 257. Default true. */
  readonly idLike?: boolean
}

export type RejectingRule =
  | 'empty'
  | 'scope'
  | 'architecture'
  | 'id-missing'
  | 'id'
  | 'level'
  | 'version-id'

export type AcceptingRule =
  | 'any-id'
  | 'host-without-version'
  | 'level'
  | 'version-id'
  | 'extension-without-level'

/** The first rule that keeps an extension from being merged. */
export interface Mismatch {
  readonly rule: RejectingRule
  /** Field of the extension's file, absent where the whole file is at fault. */
  readonly field?: string
  readonly expected: string
  readonly found: string
  readonly explanation: string
}

/** The rule by which an extension is merged. */
export interface Match {
  readonly rule: AcceptingRule
  readonly explanation: string
}

export type MergeDecision =
  | { readonly merges: true; readonly match: Match }
  | { readonly merges: false; readonly mismatch: Mismatch }

/** The first rule that keeps `extension` from being merged on `host`, or undefined when it fits. */
export function findMismatch(
  extension: Release,
  host: Release,
  target: MergeTarget,
): Mismatch | undefined {
  const decision = decideMerge(extension, host, target)
  return decision.merges ? undefined : decision.mismatch
}

/**
 * The whole decision, with the rule that makes it.
 *
 * @throws FormatError BAD_VALUE for a host without `ID`, on which systemd merges nothing at all.
 */
export function decideMerge(extension: Release, host: Release, target: MergeTarget): MergeDecision {
  const hostId = host.get('ID')
  if (!hostId) throw new FormatError('os-release', 'BAD_VALUE', 'ID is missing')
  const mismatch =
    findEmpty(extension) ??
    findScopeMismatch(extension, target) ??
    findArchitectureMismatch(extension, target)
  if (mismatch) return { merges: false, mismatch }

  const id = extension.get('ID')
  if (!id) {
    const explanation = 'the extension names no OS in ID'
    return reject({
      rule: 'id-missing',
      field: 'ID',
      expected: hostId,
      found: 'nothing',
      explanation,
    })
  }
  if (id === '_any') return accept('any-id', 'ID=_any fits every OS')
  const family = [hostId, ...(target.idLike === false ? [] : words(host.get('ID_LIKE') ?? ''))]
  if (!family.includes(id)) {
    const expected = family.join(' or ')
    const explanation = `the extension is made for ${id}, the host is ${expected}`
    return reject({ rule: 'id', field: 'ID', expected, found: id, explanation })
  }
  return decideByVersion(extension, host, `${KINDS[target.kind].prefix}_LEVEL`)
}

/** The rules that are left once the two are of one family. */
function decideByVersion(extension: Release, host: Release, levelField: string): MergeDecision {
  const hostLevel = host.get(levelField)
  const hostVersion = host.get('VERSION_ID')
  if (!hostLevel && !hostVersion) {
    return accept('host-without-version', `the host has neither VERSION_ID nor ${levelField}`)
  }
  const level = extension.get(levelField)
  if (hostLevel && level) {
    if (hostLevel === level) return accept('level', `${levelField} is ${level} on both sides`)
    const explanation = `${levelField} differs; it replaces VERSION_ID`
    return reject({
      rule: 'level',
      field: levelField,
      expected: hostLevel,
      found: level,
      explanation,
    })
  }
  if (!hostVersion) {
    return accept('extension-without-level', `only the host has ${levelField}, and no VERSION_ID`)
  }
  const version = extension.get('VERSION_ID')
  if (version === hostVersion) return accept('version-id', `VERSION_ID is ${version} on both sides`)
  return reject({
    rule: 'version-id',
    field: 'VERSION_ID',
    expected: hostVersion,
    found: version || 'nothing',
    explanation: level
      ? `the host has no ${levelField}, so VERSION_ID must be equal`
      : 'without a level on both sides VERSION_ID must be equal',
  })
}

function findEmpty(extension: Release): Mismatch | undefined {
  if (extension.size > 0) return undefined
  return {
    rule: 'empty',
    expected: 'at least one field',
    found: 'nothing',
    explanation: 'the extension-release file has no fields',
  }
}

function findScopeMismatch(extension: Release, target: MergeTarget): Mismatch | undefined {
  if (target.scope === undefined) return undefined
  const field = `${KINDS[target.kind].prefix}_SCOPE`
  const stated = extension.get(field)
  // A field that is there and empty names no scope at all.
  const scopes = stated === undefined ? ['system', 'portable'] : words(stated)
  if (scopes.includes(target.scope)) return undefined
  return {
    rule: 'scope',
    field,
    expected: target.scope,
    found: stated === undefined ? 'nothing' : stated || 'an empty list',
    explanation:
      stated === undefined
        ? `without ${field} an extension is for system and portable, not for ${target.scope}`
        : `${field} does not list ${target.scope}`,
  }
}

function findArchitectureMismatch(extension: Release, target: MergeTarget): Mismatch | undefined {
  const found = extension.get('ARCHITECTURE')
  const expected = target.architecture
  if (!found || found === '_any' || expected === undefined || found === expected) return undefined
  const explanation = `the extension is made for ${found}, the machine is ${expected}`
  return { rule: 'architecture', field: 'ARCHITECTURE', expected, found, explanation }
}

function accept(rule: AcceptingRule, explanation: string): MergeDecision {
  return { merges: true, match: { rule, explanation } }
}

function reject(mismatch: Mismatch): MergeDecision {
  return { merges: false, mismatch }
}

function words(text: string): readonly string[] {
  return text.split(/[ \t\n\r]+/).filter((word) => word !== '')
}
