/** A signer for an image, or the wish to have none: `--unsigned`, `--defer-signature`. */

import type { Signing } from '../images/options.ts'
import type { ValuesOf } from './arguments.ts'
import type { signingOptions } from './build-options.ts'
import type { Context } from './context.ts'
import { UsageError, UsageErrors } from './errors.ts'
import { loadSigner } from './signer.ts'

/** What to sign with, and what to tell the user about it. */
export interface LoadedSigning {
  readonly signing: Signing | undefined
  readonly warnings: readonly string[]
  /** Drops the key; the sooner the better. */
  readonly forget: () => void
}

type SigningValues = ValuesOf<typeof signingOptions>

/**
 * Opens key and certificate before any work is done for them.
 *
 * @throws UsageErrors where the options do not say how to sign; KeyError from the key.
 */
export async function loadSigning(values: SigningValues, context: Context): Promise<LoadedSigning> {
  const { unsigned, deferSignature } = values
  if (unsigned || deferSignature) {
    const mistakes = findContradictions(values)
    if (mistakes.length > 0) throw new UsageErrors(mistakes)
    return { signing: undefined, warnings: [], forget: () => undefined }
  }
  if (values.privateKey === undefined) {
    throw new UsageError('--private-key is missing: there is nothing to sign with', {
      hint: 'extsign keys new makes a key; --unsigned builds without a signature',
    })
  }
  const { signer, warnings } = await loadSigner(values, context)
  return {
    signing: { signer, certificate: signer.certificate.der },
    warnings,
    forget: () => signer.forget(),
  }
}

function findContradictions(values: SigningValues): UsageError[] {
  const without = values.unsigned ? '--unsigned' : '--defer-signature'
  const others = Object.entries({
    '--defer-signature': values.unsigned && values.deferSignature,
    '--private-key': values.privateKey,
    '--private-key-source': values.privateKeySource,
    '--certificate': values.certificate,
    '--passphrase-file': values.passphraseFile,
    '--signing-timeout': values.signingTimeout,
  })
  return others.flatMap(([option, value]) =>
    value === undefined || value === false
      ? []
      : [new UsageError(`${without} and ${option} exclude each other`)],
  )
}
