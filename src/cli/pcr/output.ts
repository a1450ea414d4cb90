/** Where the results of `pcr sign`, `policy-digest` and `join` go. */

import { encodeUtf8 } from '../../bytes/utf8.ts'
import { FileError } from '../../errors.ts'
import { createOutput } from '../../files/output.ts'
import { formatJsonText } from '../../formats/json-text.ts'
import type { PcrSignatureDocument } from '../../formats/pcr-signature-document.ts'
import type { UkiFile } from '../../policies/open-uki.ts'
import { type ProfileSignatures, placeSignatures } from '../../policies/place.ts'
import type { ValuesOf } from '../arguments.ts'
import type { Context } from '../context.ts'
import { blame, UsageError } from '../errors.ts'
import { formatPairs, printable } from '../terminal.ts'
import { formatAlways } from './json.ts'
import type { jsonOption, placementOptions } from './options.ts'

export type PlacementValues = ValuesOf<typeof placementOptions> & ValuesOf<typeof jsonOption>

/** What is wrong with the options for outputs, before any work is done for them. */
export function assertPlaceable(
  { output, signatures, force, stripAuthenticode }: PlacementValues,
  uki: string | undefined,
): void {
  if (output !== undefined && uki === undefined) {
    throw new UsageError('--output is for the UKI of --uki', {
      hint: '--signatures writes the JSON to a file',
    })
  }
  if (output === undefined && stripAuthenticode) {
    throw new UsageError('--strip-authenticode is about the UKI of --output')
  }
  if (output === undefined && signatures === undefined && force) {
    throw new UsageError('--force is about --output and --signatures')
  }
}

/** A UKI that is open, and what each of its profiles gets. */
export interface Placement {
  readonly uki: UkiFile
  readonly profiles: readonly ProfileSignatures[]
}

/**
 * Writes the JSON and the UKI where they are wanted, neither where the UKI has no room; what is wanted nowhere goes to standard output. */
export async function writeSignatures(
  document: PcrSignatureDocument,
  placement: Placement | undefined,
  values: PlacementValues,
  context: Context,
): Promise<void> {
  const { output, signatures, json } = values
  const text = `${formatJsonText(document, 'short')}\n`
  const made =
    signatures === undefined ? undefined : await createOutput(signatures, { force: values.force })
  try {
    await made?.write(encodeUtf8(text), 0)
    if (output !== undefined && placement) await place(placement, output, values)
    await made?.commit().catch((error) => {
      throw output === undefined ? error : alsoWritten(error, output)
    })
  } finally {
    await made?.abort()
  }
  if (output !== undefined && placement && json === undefined) {
    context.stdout.write(describePlaced(output, placement.profiles))
  }
  if ((output === undefined && signatures === undefined) || json !== undefined) {
    context.stdout.write(formatAlways(document, json, context))
  }
}

function describePlaced(output: string, profiles: readonly ProfileSignatures[]): string {
  const signatures = profiles.reduce((sum, each) => sum + each.signatures.length, 0)
  return `${printable(output)}: signatures of ${signatures} states\n${formatPairs([
    ['next', 'sign it for Secure Boot: its content has changed, and with it PCR 4'],
  ])}`
}

/** The UKI comes first, as it may have no room; it is not taken back. */
function alsoWritten(error: unknown, output: string): unknown {
  if (!(error instanceof FileError)) return error
  const { code, message, hint, cause } = error
  return new FileError(code, `${message}; ${output} is written`, { hint, cause })
}

async function place(
  { uki, profiles }: Placement,
  output: string,
  { force, stripAuthenticode }: PlacementValues,
): Promise<void> {
  const options = { output, force, stripAuthenticode }
  await placeSignatures(uki, profiles, options).catch(blame(uki.path))
}
