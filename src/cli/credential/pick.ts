/** The one credential that is meant, of a file that may be a unit with several. */

import type { CredentialFile, HeldCredential } from '../../formats/credential/credential-file.ts'
import { UsageError } from '../errors.ts'
import { printable } from '../terminal.ts'

/**
 * The only one that systemd uses, or the one that the unit calls `name`.
 *
 * @throws UsageError where that is none, or more than one.
 */
export function pickCredential(
  { credentials }: CredentialFile,
  path: string,
  name: string | undefined,
): HeldCredential {
  const used = credentials.filter(({ setting }) => setting?.replacedIn === undefined)
  const [only] = used
  if (only !== undefined && used.length === 1) return only
  const called = used.filter(({ setting }) => setting?.unitName === name)
  // What the unit calls by a specifier may have any name.
  const open = used.filter(({ setting }) => setting?.unitName === undefined)
  const [found, ...others] = name && called.length === 0 ? open : name ? called : []
  if (found !== undefined && others.length === 0) return found
  const names = used.map(({ setting }) => printable(setting?.written ?? '')).join(', ')
  throw new UsageError(
    used.length === 0
      ? `${path}: later lines of the unit replace all of its credentials`
      : `${path}: which of its ${used.length} credentials is meant?`,
    { hint: used.length === 0 ? undefined : `--name is one of: ${names}` },
  )
}
