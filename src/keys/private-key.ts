/**
 * Private keys in files: PKCS#8, PKCS#1 and SEC1, PEM or DER, encrypted or not. OpenSSL inside
 * Node reads them; here its errors get words, and keys no reader would accept are refused early.
 */

import { createPrivateKey, type KeyObject } from 'node:crypto'
import { FormatError, KeyError } from '../errors.ts'
import { forgetKeys, type Material, readMaterial, viewOf } from './key-material.ts'
import { readKeyFile } from './read-key-file.ts'

/** A private key. Keep it for as long as it is used and no longer. */
export interface LoadedPrivateKey {
  readonly key: KeyObject
  readonly warnings: readonly string[]
}

/** Smaller RSA keys are not worth a signature that shall last. */
const MIN_RSA_BITS = 2048

/**
 * Reads the private key of a file, which may hold certificates beside it.
 *
 * @throws KeyError NOT_FOUND, UNREADABLE, NOT_A_KEY, PASSPHRASE_NEEDED, WRONG_PASSPHRASE, UNSUPPORTED
 */
export async function loadPrivateKey(
  path: string,
  passphrase?: Uint8Array,
): Promise<LoadedPrivateKey> {
  const { bytes, readableByOthers } = await readKeyFile(path, 'private key')
  try {
    const key = parsePrivateKeyFile(bytes, path, passphrase)
    const problem = findUnsuitability(key)
    if (problem) throw new KeyError('UNSUPPORTED', `private key ${path}: ${problem}`, { hint: USE })
    return { key, warnings: readableByOthers ? [readableWarning(path)] : [] }
  } finally {
    bytes.fill(0)
  }
}

/**
 * The private key in the bytes of a file, of whatever type; `path` is for errors. Bytes in DER are
 * overwritten.
 *
 * @throws KeyError NOT_A_KEY, PASSPHRASE_NEEDED, WRONG_PASSPHRASE
 */
export function parsePrivateKeyFile(
  bytes: Uint8Array,
  path: string,
  passphrase?: Uint8Array,
): KeyObject {
  const material = readMaterialOf(bytes, path)
  try {
    return openPrivateKey(bytes, findPrivateKey(material, path), path, passphrase)
  } finally {
    forgetKeys(material)
  }
}

/** What to tell about a key that others can read. */
export function readableWarning(path: string): string {
  return `private key ${path} can be read by other users (chmod 600 it)`
}

const USE = 'use RSA with 2048 to 4096 bits, or EC on P-256 or P-384'

/** Why no reader of root-hash signatures accepts this key, or undefined. */
export function findUnsuitability(key: KeyObject): string | undefined {
  const details = key.asymmetricKeyDetails
  switch (key.asymmetricKeyType) {
    case 'rsa': {
      const bits = details?.modulusLength ?? 0
      return bits < MIN_RSA_BITS ? `RSA keys of ${bits} bits are too small` : undefined
    }
    case 'ec': {
      const curve = details?.namedCurve ?? 'explicit parameters'
      const known = ['prime256v1', 'secp384r1', 'secp521r1'].includes(curve)
      return known ? undefined : `EC keys on ${curve} are unknown to the kernel`
    }
    case 'rsa-pss':
      return 'RSA-PSS keys cannot make the PKCS#1 v1.5 signatures that readers expect'
    case 'ed25519':
    case 'ed448':
      return 'EdDSA keys cannot sign a PKCS#7 message, neither for the kernel nor for systemd'
    default:
      return `keys of type ${key.asymmetricKeyType ?? 'unknown'} cannot sign a PKCS#7 message`
  }
}

function readMaterialOf(bytes: Uint8Array, path: string): Material[] {
  try {
    return readMaterial(bytes)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw new KeyError('NOT_A_KEY', `${path} cannot be read: ${error.message}`)
  }
}

function findPrivateKey(material: readonly Material[], path: string): Material {
  const found = material.find(({ kind }) => kind.endsWith('private-key'))
  if (found) return found
  const [first] = material
  if (!first) throw new KeyError('NOT_A_KEY', `${path} is no private key, neither PEM nor DER`)
  const isCertificate = first.kind === 'certificate'
  throw new KeyError(
    'NOT_A_KEY',
    isCertificate
      ? `${path} holds a certificate and no private key`
      : first.kind === 'public-key'
        ? `${path} holds a public key and no private key`
        : `${path} holds no private key in a known format`,
    isCertificate ? { hint: 'private key and certificate may have been swapped' } : {},
  )
}

function openPrivateKey(
  bytes: Uint8Array,
  material: Material,
  path: string,
  passphrase: Uint8Array | undefined,
): KeyObject {
  const encrypted = material.kind === 'encrypted-private-key'
  if (encrypted && !passphrase) {
    throw new KeyError('PASSPHRASE_NEEDED', `private key ${path} is encrypted`, {
      hint: 'give its passphrase with --passphrase-file',
    })
  }
  try {
    return createPrivateKey({
      // OpenSSL frees what it makes of PEM without overwriting it: it gets DER where it can be.
      ...(material.keyType === undefined
        ? { key: viewOf(bytes), format: 'pem' as const }
        : { key: viewOf(material.der), format: 'der' as const, type: material.keyType }),
      ...(encrypted && passphrase ? { passphrase: viewOf(passphrase) } : {}),
    })
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    if (encrypted && reason === 'ERR_OSSL_EVP_UNSUPPORTED') {
      throw new KeyError('UNSUPPORTED', `private key ${path} is encrypted with a retired cipher`, {
        hint: 'openssl pkcs8 -topk8 -v2 aes-256-cbc encrypts it anew',
      })
    }
    // About one wrong passphrase in 256 decrypts to valid padding and fails only afterwards.
    if (encrypted) {
      throw new KeyError('WRONG_PASSPHRASE', `the passphrase does not open private key ${path}`)
    }
    // No cause: nothing that has seen the key goes into an error.
    throw new KeyError('NOT_A_KEY', `private key ${path} cannot be read (${reason})`)
  }
}
