/** Whether an image has the signature already that it shall get. */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { findDeviations } from '../../formats/pkcs7/deviation.ts'
import type { LoadedCertificate } from '../../keys/certificate.ts'
import { verifySignedData } from '../../keys/verify-signature.ts'
import { resultOf } from '../read/attempt.ts'
import type { FoundSignature, RootHashes } from '../read/root-hash-claims.ts'

/** Every signature there is, and one in a partition, is by this certificate and as we write it. */
export function isSignedWith(
  { signatures, partition }: RootHashes,
  certificate: LoadedCertificate,
  embedCertificate: boolean,
): boolean {
  return (
    resultOf(partition)?.certificateFingerprint !== undefined &&
    signatures.every((found) => isBy(found, certificate, embedCertificate))
  )
}

/** Every signature there is verifies with this certificate, or there is none. */
export function isSignedBy(
  { signatures, partition }: RootHashes,
  certificate: LoadedCertificate,
): boolean {
  if (partition && !resultOf(partition)) return false
  return signatures.every(({ message, rootHash }) => {
    const value = resultOf(message)
    if (!value || !rootHash) return false
    return verifySignedData(value, encodeUtf8(toHex(rootHash)), [certificate]).kind === 'valid'
  })
}

function isBy(found: FoundSignature, certificate: LoadedCertificate, embed: boolean): boolean {
  const message = resultOf(found.message)
  const { rootHash, certificateFingerprint: stated } = found
  if (!message || !rootHash || message.signers.length !== 1) return false
  if (stated && toHex(stated) !== certificate.fingerprint) return false
  const [embedded, ...others] = message.certificates
  if (others.length > 0 || embed !== (embedded !== undefined)) return false
  if (embedded && !equalBytes(embedded, certificate.der)) return false
  const { kind } = verifySignedData(message, encodeUtf8(toHex(rootHash)), [certificate])
  return kind === 'valid' && findDeviations(message).length === 0
}
