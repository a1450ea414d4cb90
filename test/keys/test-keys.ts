/** Throw-away keys made in memory, with certificates of our own encoder. */

import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import {
  type CertificateContent,
  encodeCertificate,
  encodeTbsCertificate,
} from '../../src/formats/x509/encode.ts'
import { formatPem } from '../../src/formats/x509/pem.ts'

export type TestAlgorithm = 'rsa2048' | 'p256' | 'p384'

export interface TestKey {
  readonly key: KeyObject
  /** DER. */
  readonly certificate: Uint8Array
  readonly certificatePem: string
  /** PKCS#8. */
  readonly keyPem: string
}

/** Makes a key and its certificate; `content` overrides what the certificate says. */
export function makeTestKey(
  algorithm: TestAlgorithm,
  content: Partial<CertificateContent> = {},
): TestKey {
  const { privateKey, publicKey } =
    algorithm === 'rsa2048'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: algorithm === 'p256' ? 'P-256' : 'P-384' })
  const full: CertificateContent = {
    commonName: `TEST-DO-NOT-USE ${algorithm}`,
    serial: new Uint8Array(16).fill(0x7b),
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2036-01-01T00:00:00Z'),
    publicKeyDer: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
    ...content,
  }
  const signature = signRaw(privateKey, encodeTbsCertificate(full))
  const certificate = encodeCertificate(full, signature)
  return {
    key: privateKey,
    certificate,
    certificatePem: formatPem('CERTIFICATE', certificate),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** A raw signature with SHA-256 in the form of a `Signer`. */
export function signRaw(key: KeyObject, message: Uint8Array): Uint8Array {
  const options = { key, padding: constants.RSA_PKCS1_PADDING, dsaEncoding: 'der' as const }
  return new Uint8Array(sign('sha256', message, options))
}
