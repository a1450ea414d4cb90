/**
 * A detached PKCS#7 signature without attributes: the one shape that the kernel and systemd both
 * accept for a root hash, byte for byte what `openssl smime -sign -noattr -binary` writes.
 *
 * SignerInfo is filled by hand. pkijs' own `sign()` names the algorithm sha256WithRSAEncryption
 * there, which OpenSSL lets pass and Linux refuses. Imports pkijs: load this module lazily.
 */

import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { equalBytes } from '../../bytes/equal.ts'
import { FormatError } from '../../errors.ts'
import { type Certificate, decodeCertificate } from '../x509/decode.ts'
import { Oid } from '../x509/oids.ts'
import { describePublicKey } from '../x509/public-key.ts'
import { decodeSignedData } from './decode.ts'

export interface SignedDataInput {
  /** Certificate of the signing key, DER. */
  readonly certificate: Uint8Array
  /** Signature over the SHA-256 of the content: RSASSA-PKCS1-v1_5, or a DER ECDSA-Sig-Value. */
  readonly signature: Uint8Array
  /** Put the certificate into the message. Default true. */
  readonly embedCertificate?: boolean | undefined
}

/**
 * The message in DER. Whether the signature is right is for the caller to check before.
 *
 * @throws FormatError where the certificate is not DER, or its key cannot sign in this format.
 */
export function encodeSignedData(input: SignedDataInput): Uint8Array {
  const { certificate, signature, embedCertificate = true } = input
  if (
    last?.embedCertificate !== embedCertificate ||
    last.signatureLength !== signature.length ||
    !equalBytes(last.certificate, certificate)
  ) {
    const message = buildMessage(input)
    const [signatureLength, copy] = [signature.length, new Uint8Array(certificate)]
    last = { certificate: copy, embedCertificate, signatureLength, message }
  }
  const message = new Uint8Array(last.message)
  // The last field of the last structure.
  message.set(signature, message.length - signature.length)
  return message
}

/**
 * The last message: the next one by the same key differs in the signature alone, and pkijs takes
 * longer for a message than the key for its signature.
 */
let last: Template | undefined

interface Template {
  readonly certificate: Uint8Array
  readonly embedCertificate: boolean
  readonly signatureLength: number
  readonly message: Uint8Array
}

function buildMessage(input: SignedDataInput): Uint8Array {
  const certificate = decodeCertificate(input.certificate)
  const parsed = pkijs.Certificate.fromBER(owned(input.certificate))
  const signerInfo = new pkijs.SignerInfo({
    version: 1, // 1: signer named by issuer and serial number
    sid: new pkijs.IssuerAndSerialNumber({
      issuer: parsed.issuer,
      serialNumber: parsed.serialNumber,
    }),
    digestAlgorithm: sha256(),
    signatureAlgorithm: signatureAlgorithm(certificate),
    signature: new asn1js.OctetString({ valueHex: owned(input.signature) }),
  })
  const signedData = new pkijs.SignedData({
    version: 1,
    digestAlgorithms: [sha256()],
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: Oid.data }), // detached
    signerInfos: [signerInfo],
    ...(input.embedCertificate === false ? {} : { certificates: [parsed] }),
  })
  const message = new pkijs.ContentInfo({
    contentType: Oid.signedData,
    content: signedData.toSchema(true),
  })
  const der = new Uint8Array(message.toSchema().toBER())
  assertFaithful(der, certificate)
  return der
}

/** What pkijs parsed and wrote again must be the very bytes: readers compare them. */
function assertFaithful(der: Uint8Array, certificate: Certificate): void {
  const { signers, certificates } = decodeSignedData(der)
  const identifier = signers[0]?.identifier
  const faithful =
    identifier?.kind === 'issuer-and-serial' &&
    equalBytes(identifier.issuer, certificate.issuer.der) &&
    equalBytes(identifier.serial, certificate.serialDer) &&
    certificates.every((embedded) => equalBytes(embedded, certificate.der))
  if (!faithful) {
    throw new FormatError(
      'pkcs7',
      'UNSUPPORTED',
      'the certificate cannot be copied byte for byte',
      {
        hint: 'make another certificate for this key',
      },
    )
  }
}

function sha256(): pkijs.AlgorithmIdentifier {
  return algorithm(Oid.sha256, true)
}

function signatureAlgorithm({ publicKey }: Certificate): pkijs.AlgorithmIdentifier {
  if (publicKey.kind === 'rsa' && !publicKey.restrictedToPss) {
    return algorithm(Oid.rsaEncryption, true)
  }
  if (publicKey.kind === 'ec') return algorithm(Oid.ecdsaWithSha256, false)
  throw new FormatError(
    'pkcs7',
    'UNSUPPORTED',
    `a key of type ${describePublicKey(publicKey)} cannot sign a PKCS#7 message`,
  )
}

function algorithm(algorithmId: string, nullParameters: boolean): pkijs.AlgorithmIdentifier {
  return new pkijs.AlgorithmIdentifier(
    nullParameters ? { algorithmId, algorithmParams: new asn1js.Null() } : { algorithmId },
  )
}

/** asn1js takes exact ArrayBuffers only. */
function owned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}
