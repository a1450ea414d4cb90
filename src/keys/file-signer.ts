/** A signer whose key is in a file. */

import { X509Certificate } from 'node:crypto'
import { KeyError } from '../errors.ts'
import { type LoadedCertificate, loadCertificate } from './certificate.ts'
import { type HeldKey, holdKey } from './held-key.ts'
import { loadPrivateKey } from './private-key.ts'

export interface FileSignerOptions {
  /** Path of the private key. */
  readonly privateKey: string
  /** Path of the certificate that belongs to it. */
  readonly certificate: string
  /** Passphrase of an encrypted key; see `readPassphraseFile`. */
  readonly passphrase?: Uint8Array | undefined
}

/** A signer, the certificate that names its key, and what to tell the user about the files. */
export interface FileSigner extends HeldKey {
  readonly certificate: LoadedCertificate
  readonly warnings: readonly string[]
}

/**
 * Opens a private key and its certificate, and checks that they belong together before anything
 * is built for them.
 *
 * @throws KeyError as `loadPrivateKey` and `loadCertificate`, and MISMATCH.
 */
export async function fileSigner(options: FileSignerOptions): Promise<FileSigner> {
  const certificate = await loadCertificate(options.certificate)
  const loaded = await loadPrivateKey(options.privateKey, options.passphrase)
  if (!isPair(certificate.der, loaded.key)) {
    throw new KeyError(
      'MISMATCH',
      `certificate ${options.certificate} is for another key than ${options.privateKey}`,
      { hint: 'extsign keys inspect shows which files belong together' },
    )
  }
  const held = holdKey(loaded.key, options.privateKey)
  return { ...held, certificate, warnings: loaded.warnings }
}

function isPair(certificate: Uint8Array, key: Parameters<X509Certificate['checkPrivateKey']>[0]) {
  try {
    return new X509Certificate(certificate).checkPrivateKey(key)
  } catch {
    // OpenSSL throws where the types differ or it cannot read the certificate's key.
    return false
  }
}
