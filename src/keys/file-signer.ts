/** A signer whose key is in a file. */

import { constants, sign, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import { KeyError } from '../errors.ts'
import { type LoadedCertificate, loadCertificate } from './certificate.ts'
import { loadPrivateKey } from './private-key.ts'
import type { Signer } from './signer.ts'

export interface FileSignerOptions {
  /** Path of the private key. */
  readonly privateKey: string
  /** Path of the certificate that belongs to it. */
  readonly certificate: string
  /** Passphrase of an encrypted key; see `readPassphraseFile`. */
  readonly passphrase?: Uint8Array | undefined
}

/** A signer, the certificate that names its key, and what to tell the user about the files. */
export interface FileSigner extends Signer {
  readonly certificate: LoadedCertificate
  readonly warnings: readonly string[]
  /** Drops the key. Signing afterwards is an error. */
  forget(): void
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
  let key: typeof loaded.key | undefined = loaded.key
  return {
    certificate,
    warnings: loaded.warnings,
    async sign(request) {
      if (!key) throw new KeyError('UNREADABLE', `private key ${options.privateKey} was dropped`)
      const input = { key, padding: constants.RSA_PKCS1_PADDING, dsaEncoding: 'der' as const }
      // Off the main thread, so that several signatures are made at once.
      return new Uint8Array(await signAside(request.digest, request.payload, input))
    },
    forget() {
      key = undefined
    },
  }
}

const signAside = promisify(sign)

function isPair(certificate: Uint8Array, key: Parameters<X509Certificate['checkPrivateKey']>[0]) {
  try {
    return new X509Certificate(certificate).checkPrivateKey(key)
  } catch {
    // OpenSSL throws where the types differ or it cannot read the certificate's key.
    return false
  }
}
