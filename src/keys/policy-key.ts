/** Public keys that approve of PCR policies: which they are, and whether a signature is theirs. */

import { constants, createPublicKey, verify } from 'node:crypto'
import { encodeUtf8 } from '../bytes/utf8.ts'
import { FormatError, KeyError } from '../errors.ts'
import { parsePolicyKey } from '../formats/tpm2/policy-key.ts'
import { formatPem } from '../formats/x509/pem.ts'
import { loadCertificate } from './certificate.ts'
import { readKeyFile } from './read-key-file.ts'

/** An RSA key that a TPM can check signatures of PCR policies with. */
export interface PolicyPublicKey {
  /** SubjectPublicKeyInfo, as `.pcrpkey` holds it. */
  readonly pem: Uint8Array
  /** `pkfp` of the signature JSON: SHA-256 of the key in PKCS#1 form. */
  readonly fingerprint: Uint8Array
  /** Where it came from, for errors. */
  readonly name: string
}

/**
 * A public key in PEM.
 *
 * @param name what it is called in errors: a path, or a section
 * @throws KeyError UNSUPPORTED for EC keys and others that never unlock anything, UNREADABLE
 */
export function policyPublicKey(pem: Uint8Array, name: string): PolicyPublicKey {
  try {
    return { pem, fingerprint: parsePolicyKey(pem).fingerprint, name }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const code = error.code === 'UNSUPPORTED' ? 'UNSUPPORTED' : 'UNREADABLE'
    throw new KeyError(code, `${name}: ${error.message}`, { hint: error.hint, cause: error })
  }
}

/** Reads a public key in PEM. @throws KeyError as {@link policyPublicKey}, and NOT_FOUND */
export async function loadPolicyPublicKey(path: string): Promise<PolicyPublicKey> {
  const { bytes } = await readKeyFile(path, 'public key')
  return policyPublicKey(bytes, path)
}

/** The key of a certificate. @throws KeyError as `loadCertificate` and {@link policyPublicKey} */
export async function loadPolicyCertificate(path: string): Promise<PolicyPublicKey> {
  return policyKeyOfDer((await loadCertificate(path)).publicKeyDer, path)
}

/** A SubjectPublicKeyInfo in DER. @throws KeyError as {@link policyPublicKey} */
export function policyKeyOfDer(der: Uint8Array, name: string): PolicyPublicKey {
  return policyPublicKey(encodeUtf8(formatPem('PUBLIC KEY', der)), name)
}

/** Whether `signature` is this key's, over `payload`: RSASSA-PKCS1-v1_5 with SHA-256 as every TPM is asked. */
export function isPolicySignatureValid(
  key: PolicyPublicKey,
  payload: Uint8Array,
  signature: Uint8Array,
  digest: 'sha1' | 'sha256' | 'sha384' | 'sha512' = 'sha256',
): boolean {
  const publicKey = createPublicKey({ key: Buffer.from(key.pem), format: 'pem' })
  return verify(
    digest,
    payload,
    { key: publicKey, padding: constants.RSA_PKCS1_PADDING },
    signature,
  )
}
