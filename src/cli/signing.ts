/** `--private-key`, `--certificate`, `--passphrase-file` and `--unsigned`, made into a signer. */

import { KeyError } from '../errors.ts'
import type { Signing } from '../images/options.ts'
import { findValidityWarning } from '../keys/certificate.ts'
import { type FileSigner, type FileSignerOptions, fileSigner } from '../keys/file-signer.ts'
import { readPassphraseFile } from '../keys/passphrase.ts'
import type { ValuesOf } from './arguments.ts'
import type { signingOptions } from './build-options.ts'
import type { Context } from './context.ts'
import { UsageError, UsageErrors } from './errors.ts'
import { printable } from './terminal.ts'

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
 * @throws UsageErrors where the options do not say how to sign; KeyError from the files.
 */
export async function loadSigning(values: SigningValues, context: Context): Promise<LoadedSigning> {
  const { privateKey, certificate, passphraseFile } = values
  const mistakes = findMistakes(values)
  if (mistakes.length > 0) throw new UsageErrors(mistakes)
  if (privateKey === undefined || certificate === undefined) {
    return { signing: undefined, warnings: [], forget: () => undefined }
  }
  const passphrase =
    passphraseFile === undefined ? undefined : await readPassphraseFile(passphraseFile)
  try {
    const signer = await openSigner(
      { privateKey, certificate, passphrase: passphrase?.bytes },
      context,
    )
    const validity = findValidityWarning(signer.certificate, context.now(), certificate)
    return {
      signing: { signer, certificate: signer.certificate.der },
      warnings: [
        ...(passphrase?.warnings ?? []),
        ...signer.warnings,
        ...(validity === undefined ? [] : [validity]),
      ],
      forget: () => signer.forget(),
    }
  } finally {
    passphrase?.bytes.fill(0)
  }
}

/** Asks for the passphrase of an encrypted key when none was given and somebody is there. */
async function openSigner(options: FileSignerOptions, context: Context): Promise<FileSigner> {
  try {
    return await fileSigner(options)
  } catch (error) {
    const isLocked = error instanceof KeyError && error.code === 'PASSPHRASE_NEEDED'
    if (!isLocked || context.askPassphrase === undefined) throw error
  }
  const question = `Passphrase of ${printable(options.privateKey)}: `
  const passphrase = await context.askPassphrase(question)
  try {
    return await fileSigner({ ...options, passphrase })
  } finally {
    passphrase.fill(0)
  }
}

function findMistakes(values: SigningValues): UsageError[] {
  const { privateKey, certificate, passphraseFile, unsigned } = values
  if (unsigned) {
    const given = Object.entries({
      '--private-key': privateKey,
      '--certificate': certificate,
      '--passphrase-file': passphraseFile,
    })
    return given.flatMap(([option, value]) =>
      value === undefined ? [] : [new UsageError(`--unsigned and ${option} exclude each other`)],
    )
  }
  if (privateKey !== undefined && certificate !== undefined) return []
  if (privateKey !== undefined) {
    return [
      new UsageError('--certificate is missing: readers find the key by its certificate', {
        hint: 'extsign keys new makes a key and its certificate',
      }),
    ]
  }
  return [
    new UsageError('--private-key is missing: there is nothing to sign with', {
      hint: 'extsign keys new makes a key; --unsigned builds without a signature',
    }),
  ]
}
