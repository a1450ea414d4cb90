/** `--private-key`, `--public-key`, `--certificate` and what goes with them, made into keys. */

import { KeyError } from '../../errors.ts'
import { readPassphraseFile } from '../../keys/passphrase.ts'
import {
  loadPolicyCertificate,
  loadPolicyPublicKey,
  type PolicyPublicKey,
} from '../../keys/policy-key.ts'
import {
  type PolicySigner,
  type PolicySignerOptions,
  policySigner,
} from '../../keys/policy-signer.ts'
import type { ValuesOf } from '../arguments.ts'
import type { Context } from '../context.ts'
import { printWarnings, UsageError } from '../errors.ts'
import { loadSigner as loadAnySigner } from '../signer.ts'
import { printable } from '../terminal.ts'
import type { privateKeyOptions, publicKeyOptions } from './options.ts'

type PublicKeyValues = ValuesOf<typeof publicKeyOptions>

/** The public key that the options name, if they do. */
export async function loadPublicKey({
  publicKey,
  certificate,
}: PublicKeyValues): Promise<PolicyPublicKey | undefined> {
  if (publicKey !== undefined && certificate !== undefined) {
    throw new UsageError('--public-key and --certificate exclude each other')
  }
  if (publicKey !== undefined) return loadPolicyPublicKey(publicKey)
  return certificate === undefined ? undefined : loadPolicyCertificate(certificate)
}

/**
 * Opens the private key before anything is measured for it.
 *
 * @throws UsageError where none is named; KeyError from the files.
 */
export async function loadSigner(
  values: PublicKeyValues & ValuesOf<typeof privateKeyOptions>,
  context: Context,
): Promise<PolicySigner> {
  const { privateKey, passphraseFile, privateKeySource = 'file' } = values
  if (privateKey === undefined) {
    throw new UsageError('--private-key is missing: there is nothing to sign with', {
      hint: 'extsign pcr policy-digest prints what a key that is elsewhere has to sign',
    })
  }
  if (privateKeySource !== 'file') return loadSignerElsewhere(values, context)
  if (values.signingTimeout !== undefined) {
    throw new UsageError('--signing-timeout says nothing to --private-key-source=file')
  }
  const publicKey = await loadPublicKey(values)
  const passphrase =
    passphraseFile === undefined ? undefined : await readPassphraseFile(passphraseFile)
  try {
    const options = { privateKey, publicKey, passphrase: passphrase?.bytes }
    const signer = await openSigner(options, context)
    printWarnings([...(passphrase?.warnings ?? []), ...signer.warnings], context.stderr)
    return signer
  } finally {
    passphrase?.bytes.fill(0)
  }
}

/** A command, an agent or a token: its answers are held against the certificate. */
async function loadSignerElsewhere(
  values: PublicKeyValues & ValuesOf<typeof privateKeyOptions>,
  context: Context,
): Promise<PolicySigner> {
  const { certificate, publicKey, privateKeySource } = values
  if (certificate === undefined || publicKey !== undefined) {
    throw new UsageError(`--private-key-source=${privateKeySource} needs the key's --certificate`)
  }
  const policyKey = await loadPolicyCertificate(certificate)
  const { signer, warnings } = await loadAnySigner(values, context)
  printWarnings(warnings, context.stderr)
  return {
    publicKey: policyKey,
    warnings,
    sign: (request) => signer.sign(request),
    forget: () => signer.forget(),
  }
}

/** Asks for the passphrase of an encrypted key when none was given and somebody is there. */
async function openSigner(options: PolicySignerOptions, context: Context): Promise<PolicySigner> {
  try {
    return await policySigner(options)
  } catch (error) {
    const isLocked = error instanceof KeyError && error.code === 'PASSPHRASE_NEEDED'
    if (!isLocked || context.askPassphrase === undefined) throw error
  }
  const question = `Passphrase of ${printable(options.privateKey)}: `
  const passphrase = await context.askPassphrase(question)
  try {
    return await policySigner({ ...options, passphrase })
  } finally {
    passphrase.fill(0)
  }
}
