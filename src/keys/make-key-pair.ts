/**
 * A new key and its self-signed certificate, in memory, through pkijs with @peculiar/webcrypto as
 * its engine. The engine takes 100 ms to load: import this module only to make keys.
 */

import { Crypto } from '@peculiar/webcrypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { copySecret } from '../bytes/secret.ts'
import {
  type CertificateContent,
  encodeCertificate,
  encodeTbsCertificate,
} from '../formats/x509/encode.ts'
import { formatPem } from '../formats/x509/pem.ts'

export type KeyAlgorithm = 'rsa4096' | 'rsa3072' | 'rsa2048' | 'p256' | 'p384'

/** PBKDF2 rounds with HMAC-SHA256 over the passphrase of a key. */
const PBKDF2_ITERATIONS = 600_000

export interface KeyPairInput extends Omit<CertificateContent, 'publicKeyDer'> {
  readonly algorithm: KeyAlgorithm
  /** Encrypts the private key: PBES2 with AES-256-CBC. */
  readonly passphrase?: Uint8Array | undefined
}

export interface KeyPair {
  /** PKCS#8 in PEM. Overwrite it when it has been written. */
  readonly privateKeyPem: Uint8Array
  /** DER. */
  readonly certificate: Uint8Array
}

/** Makes a key pair and its certificate. */
export async function makeKeyPair(input: KeyPairInput): Promise<KeyPair> {
  const engine = new pkijs.CryptoEngine({ name: 'webcrypto', crypto: new Crypto() })
  const { generate, sign } = ALGORITHMS[input.algorithm]
  const pair = await engine.generateKey(generate, true, ['sign', 'verify'])

  const publicKeyDer = new Uint8Array(await engine.exportKey('spki', pair.publicKey))
  const { commonName, serial, notBefore, notAfter } = input
  const content = { commonName, serial, notBefore, notAfter, publicKeyDer }
  const tbs = encodeTbsCertificate(content)
  const signature = await engine.signWithPrivateKey(tbs, pair.privateKey, { algorithm: sign })

  const pkcs8 = await engine.exportKey('pkcs8', pair.privateKey)
  try {
    return {
      privateKeyPem: await formatPrivateKey(pkcs8, input.passphrase, engine),
      certificate: encodeCertificate(content, new Uint8Array(signature)),
    }
  } finally {
    new Uint8Array(pkcs8).fill(0)
  }
}

const rsa = (modulusLength: number) => ({
  generate: {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    modulusLength,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  sign: { name: 'RSASSA-PKCS1-v1_5', hash: { name: 'SHA-256' } },
})

const ec = (namedCurve: string) => ({
  generate: { name: 'ECDSA', namedCurve },
  sign: { name: 'ECDSA', hash: { name: 'SHA-256' } },
})

const ALGORITHMS = {
  rsa4096: rsa(4096),
  rsa3072: rsa(3072),
  rsa2048: rsa(2048),
  p256: ec('P-256'),
  p384: ec('P-384'),
} satisfies { readonly [algorithm in KeyAlgorithm]: unknown }

/** PKCS#8 in PEM: as it is, or as EncryptedPrivateKeyInfo (RFC 5958 §3). */
async function formatPrivateKey(
  pkcs8: ArrayBuffer,
  passphrase: Uint8Array | undefined,
  engine: pkijs.CryptoEngine,
): Promise<Uint8Array> {
  if (!passphrase) return pemBytes('PRIVATE KEY', new Uint8Array(pkcs8))
  const password = copySecret(passphrase)
  const encrypted = await engine
    .encryptEncryptedContentInfo({
      password: password.buffer,
      contentEncryptionAlgorithm: { name: 'AES-CBC', length: 256 },
      hmacHashAlgorithm: 'SHA-256',
      iterationCount: PBKDF2_ITERATIONS,
      contentToEncrypt: pkcs8,
      contentType: pkijs.ContentInfo.DATA,
    })
    .finally(() => password.fill(0))
  const info = new asn1js.Sequence({
    value: [
      encrypted.contentEncryptionAlgorithm.toSchema(),
      new asn1js.OctetString({ valueHex: encrypted.getEncryptedContent() }),
    ],
  })
  return pemBytes('ENCRYPTED PRIVATE KEY', new Uint8Array(info.toBER()))
}

function pemBytes(label: string, der: Uint8Array): Uint8Array {
  return new TextEncoder().encode(formatPem(label, der))
}
