/** Who signed a message, in words. */

import { toHex } from '../../bytes/hex.ts'
import { FormatError } from '../../errors.ts'
import type { SignedData, SignerInfo } from '../../formats/pkcs7/decode.ts'
import { type Certificate, decodeCertificate } from '../../formats/x509/decode.ts'
import { readDer } from '../../formats/x509/der.ts'
import { readName } from '../../formats/x509/name.ts'

/** How a message names a signer. */
export interface SignerName {
  /** Text of the issuer's name; undefined where the signer is named by key identifier. */
  readonly issuer: string | undefined
  /** Hexadecimal: serial number, or key identifier. */
  readonly serial: string
}

/** The name of a signer as its message gives it. */
export function nameSigner({ identifier }: SignerInfo): SignerName {
  if (identifier.kind === 'subject-key-id') {
    return { issuer: undefined, serial: toHex(identifier.keyIdentifier) }
  }
  const { content } = readDer('pkcs7', identifier.serial)
  return { issuer: issuerText(identifier.issuer), serial: toHex(content) }
}

/** `CN=release, serial 01ab`. */
export function describeSigner(signer: SignerInfo): string {
  const { issuer, serial } = nameSigner(signer)
  return issuer === undefined ? `key identifier ${serial}` : `issuer ${issuer}, serial ${serial}`
}

/** Those of the embedded certificates that can be read. */
export function embeddedCertificates({
  certificates,
}: Pick<SignedData, 'certificates'>): Certificate[] {
  return certificates.flatMap((der) => {
    try {
      return [decodeCertificate(der)]
    } catch (error) {
      if (error instanceof FormatError) return []
      throw error
    }
  })
}

function issuerText(der: Uint8Array): string {
  try {
    return readName(readDer('pkcs7', der), 'issuer').text
  } catch (error) {
    if (error instanceof FormatError) return 'that cannot be read'
    throw error
  }
}
