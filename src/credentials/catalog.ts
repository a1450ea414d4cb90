/** Finds well-known credentials by name, and judges a credential before it is sealed. */

import { CATALOG, type CatalogEntry } from './catalog-entries.ts'
import { findContentProblem } from './content.ts'
import { matchesGlob } from './glob.ts'

/** The entries whose names `pattern` covers, and those that cover it where it is a name. */
export function searchCatalog(pattern: string): readonly CatalogEntry[] {
  return CATALOG.filter(
    ({ name }) => matchesGlob(pattern, name) || (name !== pattern && matchesGlob(name, pattern)),
  )
}

/** The entry for the credential `name`: the one that says most about it. */
export function findCatalogEntry(name: string): CatalogEntry | undefined {
  const literal = ({ name: pattern }: CatalogEntry) => pattern.replaceAll('*', '').length
  return CATALOG.filter((entry) => matchesGlob(entry.name, name)).sort(
    (a, b) => literal(b) - literal(a),
  )[0]
}

/** Name spaces that belong to systemd: what begins like this and is unknown is a mistake. */
const RESERVED = [...new Set(CATALOG.map(({ name }) => /^[a-z0-9_]+\./.exec(name)?.[0] ?? ''))]

/**
 * What to tell whoever seals `secret` under `name`, with nothing of the secret in it.
 *
 * @param target version of systemd that shall read it, where that is known
 */
export function findWarnings(
  name: string | undefined,
  secret: Uint8Array,
  target?: number | undefined,
): readonly string[] {
  if (name === undefined) return []
  const entry = findCatalogEntry(name)
  if (entry === undefined) {
    const space = RESERVED.find((prefix) => prefix !== '' && name.startsWith(prefix))
    return space === undefined
      ? []
      : [`no program known to us reads '${name}', although systemd has credentials '${space}…'`]
  }
  const problem = findContentProblem(entry.kind, secret)
  return [
    ...(problem === undefined ? [] : [`${entry.consumer} cannot use '${name}': ${problem}`]),
    ...(target !== undefined && target < entry.since
      ? [`'${name}' is read since systemd ${entry.since}, and not by systemd ${target}`]
      : []),
  ]
}
