/**
 * PKCS#7 SignedData (RFC 5652 §5, the part of it that RFC 2315 knew) as a value, without judging:
 * who accepts such a message is the business of `deviation.ts`, `kernel.ts` and `userspace.ts`.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { FormatError } from '../../errors.ts'
import { type Element, readDerPrefix, Tag } from '../x509/der.ts'
import {
  type AlgorithmIdentifier,
  bad,
  Fields,
  readAlgorithm,
  readExplicit,
  readMany,
  readOid,
  readSerial,
  readSmallInteger,
} from '../x509/der-values.ts'
import { Oid } from '../x509/oids.ts'

/** A signed message. Nothing in it has been verified. */
export interface SignedData {
  /** 1 with signers named by issuer and serial number, 3 with key identifiers. */
  readonly version: number
  readonly digestAlgorithms: readonly AlgorithmIdentifier[]
  /** Object identifier of what was signed; id-data for a root hash. */
  readonly contentType: string
  /** Whether the signed content is elsewhere, as it must be here. */
  readonly detached: boolean
  /** DER of what is embedded as a certificate. Not looked into. */
  readonly certificates: readonly Uint8Array[]
  readonly hasRevocationLists: boolean
  readonly signers: readonly SignerInfo[]
  /** Bytes after the message, which some readers ignore. */
  readonly trailingBytes: number
}

export interface SignerInfo {
  readonly version: number
  readonly identifier: /** `issuer` is a Name and `serial` an INTEGER, both with tag and length. */
    | {
        readonly kind: 'issuer-and-serial'
        readonly issuer: Uint8Array
        readonly serial: Uint8Array
      }
    | { readonly kind: 'subject-key-id'; readonly keyIdentifier: Uint8Array }
  readonly digestAlgorithm: AlgorithmIdentifier
  readonly signatureAlgorithm: AlgorithmIdentifier
  readonly signature: Uint8Array
  /** Absent in our messages: then the signature is over the content itself. */
  readonly signedAttributes?: SignedAttributes
  readonly hasUnsignedAttributes: boolean
}

export interface SignedAttributes {
  /** What the signature is over: the attributes as a SET OF. */
  readonly der: Uint8Array
  readonly messageDigest?: Uint8Array
  readonly contentType?: string
}

const MAX_SIGNERS = 16
const MAX_CERTIFICATES = 64
const MAX_ATTRIBUTES = 64

/**
 * Reads a signed message.
 *
 * @throws FormatError where it is not DER or not SignedData.
 */
export function decodeSignedData(der: Uint8Array): SignedData {
  const { element, trailingBytes } = readDerPrefix('pkcs7', der)
  const contentInfo = new Fields(element, 'message')
  const typeField = contentInfo.next('content type')
  const type = readOid(typeField, 'content type')
  if (type !== Oid.signedData) {
    throw new FormatError('pkcs7', 'UNSUPPORTED', `message of type ${type}, not signed data`, {
      offset: typeField.offset,
    })
  }
  const content = readExplicit(contentInfo.next('content', 0xa0), 'content')
  contentInfo.end()
  return readSignedData(content, trailingBytes)
}

/**
 * Reads a signed message without ContentInfo around it, the form in which UEFI wants it.
 *
 * @throws FormatError where it is not DER or not SignedData.
 */
export function decodeBareSignedData(der: Uint8Array): SignedData {
  const { element, trailingBytes } = readDerPrefix('pkcs7', der)
  return readSignedData(element, trailingBytes)
}

function readSignedData(content: Element, trailingBytes: number): SignedData {
  const fields = new Fields(content, 'signed data')
  const version = readSmallInteger(fields.next('version'), 'version')
  const digestAlgorithms = fields.next('digest algorithms', Tag.set)
  const encapsulated = new Fields(fields.next('content info'), 'content info')
  const contentType = readOid(encapsulated.next('type'), 'content info type')
  const detached = encapsulated.optional(0xa0) === undefined
  encapsulated.end()
  const certificates = fields.optional(0xa0)
  const revocationLists = fields.optional(0xa1)
  const signers = fields.next('signers', Tag.set)
  fields.end()

  return {
    version,
    digestAlgorithms: readMany(digestAlgorithms, 'digest algorithms', MAX_SIGNERS).map((item) =>
      readAlgorithm(item, 'digest algorithm'),
    ),
    contentType,
    detached,
    certificates: certificates
      ? readMany(certificates, 'certificates', MAX_CERTIFICATES).map(({ raw }) => raw)
      : [],
    hasRevocationLists: revocationLists !== undefined,
    signers: readMany(signers, 'signers', MAX_SIGNERS).map(readSignerInfo),
    trailingBytes,
  }
}

/**
 * The one of `certificates` that a signer names, by issuer and serial number. Names are compared
 * by their bytes as Linux does; OpenSSL would also let differences of case and spacing pass.
 */
export function findSigner<
  C extends { readonly issuer: { readonly der: Uint8Array }; readonly serialDer: Uint8Array },
>(signer: SignerInfo, certificates: readonly C[]): C | undefined {
  const { identifier } = signer
  if (identifier.kind !== 'issuer-and-serial') return undefined
  return certificates.find(
    ({ issuer, serialDer }) =>
      equalBytes(issuer.der, identifier.issuer) && equalBytes(serialDer, identifier.serial),
  )
}

function readSignerInfo(element: Element): SignerInfo {
  const fields = new Fields(element, 'signer')
  const version = readSmallInteger(fields.next('version'), 'signer version')
  const identifier = readIdentifier(fields.next('identifier'))
  const digestAlgorithm = readAlgorithm(fields.next('digest algorithm'), 'signer digest algorithm')
  const attributes = fields.optional(0xa0)
  const signatureAlgorithm = readAlgorithm(
    fields.next('signature algorithm'),
    'signer signature algorithm',
  )
  const signature = fields.next('signature', Tag.octetString).content
  const unsignedAttributes = fields.optional(0xa1)
  fields.end()
  return {
    version,
    identifier,
    digestAlgorithm,
    signatureAlgorithm,
    signature,
    ...(attributes ? { signedAttributes: readSignedAttributes(attributes) } : {}),
    hasUnsignedAttributes: unsignedAttributes !== undefined,
  }
}

function readIdentifier(element: Element): SignerInfo['identifier'] {
  if (element.tag === 0x80) return { kind: 'subject-key-id', keyIdentifier: element.content }
  const fields = new Fields(element, 'signer identifier')
  const issuer = fields.next('issuer', Tag.sequence).raw
  const serialField = fields.next('serial number')
  readSerial(serialField, 'signer serial number')
  fields.end()
  return { kind: 'issuer-and-serial', issuer, serial: serialField.raw }
}

function readSignedAttributes(element: Element): SignedAttributes {
  // The signature is over a SET OF, the message holds [0] IMPLICIT: RFC 5652 §5.4.
  const der = Uint8Array.from(element.raw)
  der[0] = Tag.set
  let messageDigest: Uint8Array | undefined
  let contentType: string | undefined
  const seen = new Set<string>()
  for (const attribute of readMany(element, 'attributes', MAX_ATTRIBUTES)) {
    const fields = new Fields(attribute, 'attribute')
    const type = readOid(fields.next('type'), 'attribute type')
    const values = fields.next('values', Tag.set)
    fields.end()
    if (seen.has(type)) throw bad(attribute, `attribute ${type} appears twice`)
    seen.add(type)
    if (type === Oid.messageDigest) messageDigest = readExplicit(values, 'message digest').content
    if (type === Oid.contentType) {
      contentType = readOid(
        readExplicit(values, 'content type attribute'),
        'content type attribute',
      )
    }
  }
  return {
    der,
    ...(messageDigest ? { messageDigest } : {}),
    ...(contentType ? { contentType } : {}),
  }
}
