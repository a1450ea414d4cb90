/** `extsign keys inspect`: what key files are, whether they belong together, and who accepts them. */

import { createPublicKey, type KeyObject } from 'node:crypto'
import { toHex } from '../bytes/hex.ts'
import { sha256 } from '../crypto/sha256.ts'
import { FormatError, KeyError } from '../errors.ts'
import { readDer } from '../formats/x509/der.ts'
import { describePublicKey, readPublicKey } from '../formats/x509/public-key.ts'
import { type LoadedCertificate, parseCertificateFile } from './certificate.ts'
import { type Door, judgeCertificate, judgePcrSigning } from './doors.ts'
import { forgetKeys, readMaterial } from './key-material.ts'
import { findUnsuitability, parsePrivateKeyFile, readableWarning } from './private-key.ts'
import { readKeyFile } from './read-key-file.ts'

export interface InspectedCertificate {
  readonly kind: 'certificate'
  readonly path: string
  /** `RSA 4096`, `EC P-256`, … */
  readonly algorithm: string
  /** SHA-256 of the DER. */
  readonly fingerprint: string
  /** SHA-256 of SubjectPublicKeyInfo, the same for key and certificate. */
  readonly publicKeyFingerprint: string
  readonly subject: string
  readonly issuer: string
  /** Hexadecimal. */
  readonly serial: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly validity: 'valid' | 'expired' | 'not-yet-valid'
  readonly doors: readonly Door[]
  readonly warnings: readonly string[]
}

export interface InspectedKey {
  readonly kind: 'private-key'
  readonly path: string
  readonly encrypted: boolean
  /** Absent where the key is encrypted and no passphrase was given. */
  readonly algorithm?: string
  readonly publicKeyFingerprint?: string
  /** Only PCR signing: the other doors are for certificates. */
  readonly doors: readonly Door[]
  readonly warnings: readonly string[]
}

export type InspectedItem = InspectedCertificate | InspectedKey

export interface KeyReport {
  /** In the order of the files; a file with a key and a certificate gives both. */
  readonly items: readonly InspectedItem[]
  /** Every private key that could be opened with every certificate. */
  readonly pairs: readonly {
    readonly privateKey: string
    readonly certificate: string
    readonly belongTogether: boolean
  }[]
}

export interface InspectOptions {
  /** The clock, for validity. */
  readonly now: Date
  /** Tried on encrypted keys. */
  readonly passphrase?: Uint8Array | undefined
}

/**
 * Inspects certificates and private keys.
 *
 * @throws KeyError NOT_FOUND, UNREADABLE, NOT_A_KEY where a file holds neither, WRONG_PASSPHRASE
 */
export async function inspectKeys(
  paths: readonly string[],
  options: InspectOptions,
): Promise<KeyReport> {
  const items: InspectedItem[] = []
  for (const path of paths) items.push(...(await inspectFile(path, options)))
  const keys = items.filter((item) => item.kind === 'private-key')
  const certificates = items.filter((item) => item.kind === 'certificate')
  const pairs = keys.flatMap((key) =>
    key.publicKeyFingerprint === undefined
      ? []
      : certificates.map((certificate) => ({
          privateKey: key.path,
          certificate: certificate.path,
          belongTogether: certificate.publicKeyFingerprint === key.publicKeyFingerprint,
        })),
  )
  return { items, pairs }
}

async function inspectFile(path: string, options: InspectOptions): Promise<InspectedItem[]> {
  const { bytes, readableByOthers } = await readKeyFile(path, 'key file')
  try {
    const kinds = findKinds(bytes, path)
    const items: InspectedItem[] = []
    if (kinds.includes('private-key') || kinds.includes('encrypted-private-key')) {
      const warnings = readableByOthers ? [readableWarning(path)] : []
      const encrypted = kinds.includes('encrypted-private-key')
      const closed = encrypted && !options.passphrase
      const key = closed ? undefined : parsePrivateKeyFile(bytes, path, options.passphrase)
      items.push({ kind: 'private-key', path, encrypted, ...describeKey(key, warnings) })
    }
    if (kinds.includes('certificate')) {
      items.push(inspectCertificate(parseCertificateFile(bytes, path), options.now))
    }
    if (items.length === 0) {
      throw new KeyError('NOT_A_KEY', `${path} holds neither a private key nor a certificate`)
    }
    return items
  } finally {
    bytes.fill(0)
  }
}

function findKinds(bytes: Uint8Array, path: string) {
  try {
    const material = readMaterial(bytes)
    if (material.some(({ encoding }) => encoding === 'pem')) forgetKeys(material)
    return material.map(({ kind }) => kind)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new KeyError('NOT_A_KEY', `${path} cannot be read: ${error.message}`)
  }
}

function describeKey(key: KeyObject | undefined, warnings: readonly string[]) {
  if (!key) return { doors: [], warnings: [...warnings, 'encrypted: not looked into'] }
  const der = publicKeyDer(key)
  const publicKey = readPublicKey(readDer('public key', der))
  const problem = findUnsuitability(key)
  return {
    algorithm: describePublicKey(publicKey),
    publicKeyFingerprint: toHex(sha256(der)),
    doors: [judgePcrSigning(publicKey)],
    warnings: problem ? [...warnings, problem] : warnings,
  }
}

function inspectCertificate(certificate: LoadedCertificate, now: Date): InspectedCertificate {
  const { notBefore, notAfter, certificatesInFile, sourceFile } = certificate
  return {
    kind: 'certificate',
    path: sourceFile,
    algorithm: describePublicKey(certificate.publicKey),
    fingerprint: certificate.fingerprint,
    publicKeyFingerprint: toHex(sha256(normalizedPublicKey(certificate))),
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: toHex(certificate.serial),
    notBefore,
    notAfter,
    validity: now < notBefore ? 'not-yet-valid' : now > notAfter ? 'expired' : 'valid',
    doors: judgeCertificate(certificate, { path: sourceFile, encoding: certificate.encoding }),
    warnings:
      certificatesInFile > 1
        ? [`the file holds ${certificatesInFile} certificates, of which readers take the first`]
        : [],
  }
}

/** As OpenSSL writes it, so that two spellings of one key have one fingerprint. */
function normalizedPublicKey({ publicKeyDer: der }: LoadedCertificate): Uint8Array {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
    return publicKeyDer(key)
  } catch {
    // A type of key OpenSSL does not know: its own bytes are all there is.
    return der
  }
}

function publicKeyDer(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'public' ? key : createPublicKey(key)
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))
}
