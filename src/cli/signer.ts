/** `--private-key`, `--certificate` and what goes with them, made into a signer. */

import { KeyError } from '../errors.ts'
import { findValidityWarning, loadCertificate } from '../keys/certificate.ts'
import { type Passphrase, readPassphraseFile } from '../keys/passphrase.ts'
import type { LoadedSigner } from '../keys/signers/checked-signer.ts'
import { type OpenSignerOptions, openSigner } from '../keys/signers/open-signer.ts'
import type { ValuesOf } from './arguments.ts'
import type { Context } from './context.ts'
import { UsageError, UsageErrors } from './errors.ts'
import { PIN_VARIABLE, programEnvironment } from './program-environment.ts'
import { readSecretVariable } from './secret-variable.ts'
import { DEFAULT_PATIENCE, type signerOptions } from './signer-options.ts'
import { printable } from './terminal.ts'

/** A signer, and what to tell the user about it. */
export interface OpenedSigner {
  readonly signer: LoadedSigner
  readonly warnings: readonly string[]
}

type SignerValues = ValuesOf<typeof signerOptions>

/**
 * The signer that the options name. Forget it as soon as it is not needed any more.
 *
 * @throws UsageErrors where the options do not say how to sign; KeyError from the key.
 */
export async function loadSigner(values: SignerValues, context: Context): Promise<OpenedSigner> {
  const { privateKey, certificate, privateKeySource: source = 'file' } = values
  const mistakes = findSignerMistakes(values)
  if (mistakes.length > 0 || privateKey === undefined || certificate === undefined) {
    throw new UsageErrors(mistakes)
  }
  const given = await readSecret(values, context)
  try {
    const options: OpenSignerOptions = {
      source,
      privateKey,
      certificate,
      passphrase: given?.bytes,
      environment: programEnvironment(context),
      patience: (values.signingTimeout ?? DEFAULT_PATIENCE) * 1000,
    }
    const signer = await openOrAsk(options, context)
    const validity = findValidityWarning(signer.certificate, context.now(), certificate)
    return {
      signer,
      warnings: [
        ...(given?.warnings ?? []),
        ...signer.warnings,
        ...(validity === undefined ? [] : [validity]),
      ],
    }
  } finally {
    given?.bytes.fill(0)
  }
}

/**
 * A signer that knows the certificate and nothing else, for a dry run: no key is opened, no program
 * started, no passphrase read, no agent or token asked.
 *
 * @throws UsageErrors as {@link loadSigner}; KeyError from the certificate.
 */
export async function loadSignerUnopened(
  values: SignerValues,
  context: Context,
): Promise<OpenedSigner> {
  const mistakes = findSignerMistakes(values)
  const path = values.certificate
  if (mistakes.length > 0 || path === undefined) throw new UsageErrors(mistakes)
  const certificate = await loadCertificate(path)
  const validity = findValidityWarning(certificate, context.now(), path)
  const warnings = validity === undefined ? [] : [validity]
  const sign = async () => {
    throw new Error('a dry run signs nothing')
  }
  const signer = { certificate, isConcurrent: true, warnings, sign, forget: () => undefined }
  return { signer, warnings }
}

/** What keeps the options from naming a key. */
export function findSignerMistakes(values: SignerValues): UsageError[] {
  const { privateKey, certificate, privateKeySource: source = 'file' } = values
  const mistakes: UsageError[] = []
  if (privateKey === undefined) {
    mistakes.push(
      new UsageError('--private-key is missing: there is nothing to sign with', {
        hint: 'extsign keys new makes a key',
      }),
    )
  } else if (certificate === undefined) {
    mistakes.push(
      new UsageError('--certificate is missing: readers find the key by its certificate', {
        hint: 'extsign keys new makes a key and its certificate',
      }),
    )
  }
  const useless = {
    '--passphrase-file': values.passphraseFile !== undefined && !takesSecret(source),
    '--signing-timeout': values.signingTimeout !== undefined && takesSecret(source),
  }
  for (const [option, isUseless] of Object.entries(useless)) {
    if (!isUseless) continue
    mistakes.push(new UsageError(`${option} says nothing to --private-key-source=${source}`))
  }
  return mistakes
}

function takesSecret(source: string): boolean {
  return source === 'file' || source === 'pkcs11'
}

async function readSecret(
  { passphraseFile, privateKeySource }: SignerValues,
  context: Context,
): Promise<Passphrase | undefined> {
  if (passphraseFile !== undefined) return readPassphraseFile(passphraseFile)
  if (privateKeySource !== 'pkcs11') return undefined
  const pin = readSecretVariable(context, PIN_VARIABLE)
  return pin?.length ? { bytes: pin, warnings: [] } : undefined
}

/** Asks for the passphrase or PIN when none was given and somebody is there. */
async function openOrAsk(options: OpenSignerOptions, context: Context): Promise<LoadedSigner> {
  try {
    return await openSigner(options)
  } catch (error) {
    const isLocked = error instanceof KeyError && error.code === 'PASSPHRASE_NEEDED'
    if (!isLocked || context.askPassphrase === undefined) throw error
  }
  const what = options.source === 'pkcs11' ? 'PIN' : 'Passphrase'
  const passphrase = await context.askPassphrase(`${what} of ${printable(options.privateKey)}: `)
  try {
    return await openSigner({ ...options, passphrase })
  } finally {
    passphrase.fill(0)
  }
}
