/** `--private-key`, `--certificate`, `--passphrase-file` and `--unsigned`, made into a signer. */

import type { Signing } from '../images/options.ts'
import { type FileSigner, fileSigner } from '../keys/file-signer.ts'
import { readPassphraseFile } from '../keys/passphrase.ts'
import type { ValuesOf } from './arguments.ts'
import type { signingOptions } from './build-options.ts'
import { UsageError, UsageErrors } from './errors.ts'

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
export async function loadSigning(values: SigningValues, now: Date): Promise<LoadedSigning> {
  const { privateKey, certificate, passphraseFile } = values
  const mistakes = findMistakes(values)
  if (mistakes.length > 0) throw new UsageErrors(mistakes)
  if (privateKey === undefined || certificate === undefined) {
    return { signing: undefined, warnings: [], forget: () => undefined }
  }
  const passphrase =
    passphraseFile === undefined ? undefined : await readPassphraseFile(passphraseFile)
  try {
    const signer = await fileSigner({ privateKey, certificate, passphrase: passphrase?.bytes })
    return {
      signing: { signer, certificate: signer.certificate.der },
      warnings: [
        ...(passphrase?.warnings ?? []),
        ...signer.warnings,
        ...findValidityWarnings(signer, certificate, now),
      ],
      forget: () => signer.forget(),
    }
  } finally {
    passphrase?.bytes.fill(0)
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

/** Neither kernel nor systemd look at the dates; people who read them do. */
function findValidityWarnings({ certificate }: FileSigner, path: string, now: Date): string[] {
  const { notBefore, notAfter } = certificate
  if (now < notBefore) return [`certificate ${path} is not valid before ${day(notBefore)}`]
  if (now > notAfter) return [`certificate ${path} expired on ${day(notAfter)}`]
  return []
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
