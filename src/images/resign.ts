/** A finished image changes hands: the signature of a new key in the place of the old one. */

import { parseCertificateFile } from '../keys/certificate.ts'
import type { Signing } from './options.ts'
import {
  type ReplaceOptions,
  type ReplaceResult,
  replaceSignature,
} from './sealing/replace-signature.ts'
import { signRootHash } from './sign.ts'

export interface ResignOptions extends Omit<ReplaceOptions, 'certificate' | 'embedCertificate'> {
  readonly signing: Signing
  /** What the signature is for, shown to whoever approves it. Default: the path of the image. */
  readonly subject?: string | undefined
  /** The clock: with it, an expired or not yet valid certificate gives a warning. */
  readonly now?: Date | undefined
}

export type ResignResult = ReplaceResult

/**
 * Signs the root hash of a finished image, ours or systemd-repart's, and puts the signature into its
 * place. Root hash and data stay as they are; a few KiB are written. An image without a signature
 * partition gets one.
 *
 * @example
 * const signer = await fileSigner({ privateKey: 'new.key', certificate: 'new.crt' })
 * const { action } = await resignImage({
 *   image: 'hello.sysext.raw',
 *   signing: { signer, certificate: signer.certificate.der },
 *   oldCertificates: [await loadCertificate('old.crt')],
 * })
 *
 * @throws ImageError NOT_VERIFIED where the image is not in order before or would not be afterwards,
 *   KeyError from the signer, FileError where it cannot be written. Nothing is written then.
 */
export async function resignImage(options: ResignOptions): Promise<ResignResult> {
  const { signing, subject = options.image, now, ...rest } = options
  const { embedCertificate } = signing
  const certificate = parseCertificateFile(signing.certificate, 'the new certificate')
  return replaceSignature({ ...rest, certificate, embedCertificate }, (rootHash) =>
    signRootHash(rootHash, signing, subject, now),
  )
}
