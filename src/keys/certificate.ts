/** Certificates in files: PEM or DER, the first one of a bundle, as systemd reads them. */

import { toHex } from '../bytes/hex.ts'
import { sha256 } from '../crypto/sha256.ts'
import { FormatError, KeyError } from '../errors.ts'
import { type Certificate, decodeCertificate } from '../formats/x509/decode.ts'
import { forgetKeys, type MaterialKind, readMaterial } from './key-material.ts'
import { readKeyFile } from './read-key-file.ts'

/** A certificate and where it came from. */
export interface LoadedCertificate extends Certificate {
  /** SHA-256 of the DER, 64 lower-case hexadecimal digits. */
  readonly fingerprint: string
  readonly sourceFile: string
  readonly encoding: 'pem' | 'der'
  /** How many certificates the file holds; only the first one counts. */
  readonly certificatesInFile: number
}

/**
 * Reads the first certificate of a file.
 *
 * @throws KeyError NOT_FOUND, UNREADABLE, NOT_A_CERTIFICATE
 */
export async function loadCertificate(path: string): Promise<LoadedCertificate> {
  const { bytes } = await readKeyFile(path, 'certificate')
  let loaded: LoadedCertificate | undefined
  try {
    loaded = parseCertificateFile(bytes, path)
    return loaded
  } finally {
    // There may be a key beside it, or instead of it. A certificate in DER is these very bytes.
    if (loaded?.encoding !== 'der') bytes.fill(0)
  }
}

/**
 * The first certificate in the bytes of a file; `path` is for errors.
 *
 * @throws KeyError NOT_A_CERTIFICATE, with what the file holds instead.
 */
export function parseCertificateFile(bytes: Uint8Array, path: string): LoadedCertificate {
  try {
    const material = readMaterial(bytes)
    if (material.some(({ encoding }) => encoding === 'pem')) forgetKeys(material)
    const certificates = material.filter(({ kind }) => kind === 'certificate')
    const first = certificates[0]
    if (!first) throw notACertificate(path, material[0]?.kind)
    return {
      ...decodeCertificate(first.der),
      fingerprint: fingerprintOf(first.der),
      sourceFile: path,
      encoding: first.encoding,
      certificatesInFile: certificates.length,
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new KeyError('NOT_A_CERTIFICATE', `${path} cannot be read: ${error.message}`, {
      cause: error,
    })
  }
}

/** SHA-256 of a certificate's DER in lower-case hexadecimal: systemd's `certificateFingerprint`. */
export function fingerprintOf(der: Uint8Array): string {
  return toHex(sha256(der))
}

/**
 * What to tell about a certificate at the time `now`, or undefined within its validity. Neither
 * the kernel nor systemd look at the dates; people who read them do.
 */
export function findValidityWarning(
  { notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>,
  now: Date,
  name: string,
): string | undefined {
  const day = (date: Date) => date.toISOString().slice(0, 10)
  if (now < notBefore) return `certificate ${name} is not valid before ${day(notBefore)}`
  if (now > notAfter) return `certificate ${name} expired on ${day(notAfter)}`
  return undefined
}

function notACertificate(path: string, found: MaterialKind | undefined): KeyError {
  if (found === undefined) {
    return new KeyError('NOT_A_CERTIFICATE', `${path} is no certificate, neither PEM nor DER`)
  }
  const fact = {
    certificate: 'a certificate',
    'private-key': 'a private key',
    'encrypted-private-key': 'an encrypted private key',
    'public-key': 'a bare public key',
    'certificate-request': 'a certificate request',
    unknown: 'something else',
  }[found]
  const hint = found.endsWith('private-key')
    ? 'private key and certificate may have been swapped'
    : found === 'certificate-request'
      ? 'a request becomes a certificate when somebody signs it'
      : undefined
  return new KeyError('NOT_A_CERTIFICATE', `${path} holds ${fact}, not a certificate`, { hint })
}
