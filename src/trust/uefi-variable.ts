/**
 * Signing a variable of the firmware: what must be signed, the signature, the signed thing. The
 * platform key signs PK and KEK, a key exchange key signs db and dbx.
 */

import { equalBytes } from '../bytes/equal.ts'
import { KeyError } from '../errors.ts'
import { decodeSignatureLists } from '../formats/efi-signature-list/decode.ts'
import { decodeVariableUpdate } from '../formats/efi-variable/decode.ts'
import { encodeVariableUpdate, variablePayload } from '../formats/efi-variable/encode.ts'
import type { VariableUpdate } from '../formats/efi-variable/layout.ts'
import { unwrapSignedData } from '../formats/pkcs7/bare.ts'
import { decodeBareSignedData } from '../formats/pkcs7/decode.ts'
import { decodeCertificate } from '../formats/x509/decode.ts'
import { describePublicKey } from '../formats/x509/public-key.ts'
import type { Signing } from '../images/options.ts'
import { loadEncoder } from '../images/sign.ts'
import { askSigner } from '../keys/purpose.ts'
import type { SigningRequest } from '../keys/signer.ts'
import { isSignatureValid, verifySignedData } from '../keys/verify-signature.ts'

/**
 * What must be signed.
 *
 * @throws FormatError where the data is no signature lists; RangeError where the time does not fit.
 */
export function requestVariableSignature(update: VariableUpdate): SigningRequest {
  const entries = decodeSignatureLists(update.data).reduce(
    (sum, list) => sum + list.entries.length,
    0,
  )
  const what = `${entries} ${entries === 1 ? 'entry' : 'entries'}`
  const { variable, append, time } = update
  return {
    purpose: 'uefi-variable',
    payload: variablePayload(update),
    digest: 'sha256',
    subject: `UEFI variable ${variable}: ${append ? 'add' : 'set to'} ${what}, as of ${time.toISOString()}`,
  }
}

/**
 * The signed update, the content of an `.auth` file. The certificate is inside, because firmware
 * looks for it there.
 *
 * @param certificate of the key that signed, DER
 * @throws KeyError BAD_SIGNATURE where the signature does not verify; FormatError where the key
 *   cannot sign in this format.
 */
export async function attachVariableSignature(
  update: VariableUpdate,
  certificate: Uint8Array,
  signature: Uint8Array,
): Promise<Uint8Array> {
  const { payload, digest } = requestVariableSignature(update)
  const signer = decodeCertificate(certificate)
  if (!isSignatureValid(signer, digest, payload, signature)) {
    const key = describePublicKey(signer.publicKey)
    throw new KeyError(
      'BAD_SIGNATURE',
      `the signature does not verify against the certificate of ${signer.subject.text} (${key})`,
      { hint: 'it must be raw: PKCS#1 v1.5 for RSA, DER for EC' },
    )
  }
  const { encodeSignedData } = await loadEncoder()
  const message = encodeSignedData({ certificate: signer.der, signature })
  const signed = encodeVariableUpdate(update, unwrapSignedData(message))
  assertReadable(signed, update, payload, signer)
  return signed
}

/** Request, signature and attachment in one, for a key that is at hand. */
export async function signVariable(
  update: VariableUpdate,
  { signer, certificate }: Pick<Signing, 'signer' | 'certificate'>,
): Promise<Uint8Array> {
  const signature = await askSigner(signer, requestVariableSignature(update))
  return attachVariableSignature(update, certificate, signature)
}

/** What firmware would not take must not be written. */
function assertReadable(
  signed: Uint8Array,
  update: VariableUpdate,
  payload: Uint8Array,
  signer: ReturnType<typeof decodeCertificate>,
): void {
  const { time, data, message } = decodeVariableUpdate(signed)
  const verification = verifySignedData(decodeBareSignedData(message), payload, [signer])
  const isFaithful = time.getTime() === update.time.getTime() && equalBytes(data, update.data)
  if (verification.kind !== 'valid' || !isFaithful) {
    throw new Error('a signed variable cannot be read back')
  }
}
