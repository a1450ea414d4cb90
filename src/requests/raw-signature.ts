/** What came back for an item, as a raw signature that is known to be right. */

import { FormatError, KeyError } from '../errors.ts'
import { decodeSignedData, type SignedData } from '../formats/pkcs7/decode.ts'
import type { SignedItem } from '../formats/signing-request.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'
import { findValidSignature } from '../keys/raw-signature.ts'

/**
 * The raw signature of an item that came back raw, or in a PKCS#7 message of one signer.
 *
 * @throws KeyError BAD_SIGNATURE where it is none by the key of the certificate; UNSUPPORTED for a
 *   message with authenticated attributes, whose signature is not over the bytes.
 */
export function rawSignatureOf(
  { payload, signature, subject }: SignedItem,
  certificate: LoadedCertificate,
): Uint8Array {
  const message = asMessage(signature)
  const [signer, ...others] = message?.signers ?? []
  if (message && (!signer || others.length > 0)) {
    throw new KeyError('UNSUPPORTED', `${subject}: the message has not one signer`)
  }
  if (signer?.signedAttributes) {
    throw new KeyError('UNSUPPORTED', `${subject}: the message has authenticated attributes`, {
      hint: 'openssl smime -sign -noattr -binary makes one without',
    })
  }
  const raw = signer?.signature ?? signature
  const valid = findValidSignature(certificate, 'sha256', payload, raw)
  if (valid) return valid
  const name = certificate.subject.text
  throw new KeyError('BAD_SIGNATURE', `${subject}: it is no signature of it by ${name}`, {
    hint: 'another key, another file, or a newline at the end of what was signed',
  })
}

function asMessage(bytes: Uint8Array): SignedData | undefined {
  try {
    return decodeSignedData(bytes)
  } catch (error) {
    // A raw signature is no message, and need not look like one.
    if (error instanceof FormatError) return undefined
    throw error
  }
}
