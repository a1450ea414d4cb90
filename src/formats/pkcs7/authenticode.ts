/**
 * What an Authenticode signature is over: the attributes of a message (RFC 5652 §5.3), and the
 * SpcIndirectDataContent whose digest is in them. See Microsoft's "Windows Authenticode Portable
 * Executable Signature Format".
 */

import { concat } from '../../bytes/concat.ts'
import { equalBytes } from '../../bytes/equal.ts'
import { fromHex } from '../../bytes/hex.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { FormatError } from '../../errors.ts'
import { readDer, Tag } from '../x509/der.ts'
import { Fields, readExplicit, readOid } from '../x509/der-values.ts'
import { Oid } from '../x509/oids.ts'
import { GENERALIZED_TIME_FROM, readTime } from '../x509/time.ts'

export interface ImageAttributes {
  /** SHA-256 of the content of the SpcIndirectDataContent, without its tag and length. */
  readonly messageDigest: Uint8Array
  readonly signingTime?: Date
  /** The empty list of S/MIME capabilities that systemd-sbsign writes since 262. */
  readonly hasCapabilities?: boolean
}

const FORMAT = 'authenticode'
const DIGEST_SIZE = 32
const MAX_ATTRIBUTES = 256
const CAPABILITIES = '1.2.840.113549.1.9.15'
const SIGNING_TIME = '1.2.840.113549.1.9.5'

const hex = (digits: string) => fromHex(digits)!
const element = (tag: number, ...contents: readonly Uint8Array[]) => {
  const content = concat(...contents)
  if (content.length > 127) throw new RangeError(`${content.length} bytes in one element`)
  return concat(Uint8Array.of(tag, content.length), content)
}
const sequence = (...contents: readonly Uint8Array[]) => element(Tag.sequence, ...contents)
const attribute = (type: string, value: Uint8Array) =>
  sequence(element(Tag.oid, hex(type)), element(Tag.set, value))

/** SPC_INDIRECT_DATA_OBJID, 1.3.6.1.4.1.311.2.1.4 */
const INDIRECT_DATA = element(Tag.oid, hex('2b060104018237020104'))
/** SPC_PE_IMAGE_DATA_OBJID, 1.3.6.1.4.1.311.2.1.15 */
const IMAGE_DATA = element(Tag.oid, hex('2b06010401823702010f'))
const SHA256 = sequence(element(Tag.oid, hex('608648016503040201')), element(Tag.null))
const OBSOLETE = hex([...'<<<Obsolete>>>'].map((c) => `00${c.charCodeAt(0).toString(16)}`).join(''))

/** The three forms of SpcPeImageData that signing tools write: its flags, and the name of no file. */
const FORMS = [
  ['00', OBSOLETE],
  ['0780', OBSOLETE],
  ['00', new Uint8Array()],
] as const

const CONTENTS = FORMS.map(([flags, name]) => {
  const file = element(0xa0, element(0xa2, element(0x80, name)))
  const data = sequence(IMAGE_DATA, sequence(element(Tag.bitString, hex(flags)), file))
  const digest = sequence(SHA256, element(Tag.octetString, new Uint8Array(DIGEST_SIZE)))
  return sequence(data, digest)
})

/**
 * The SpcIndirectDataContent of a program, as sbsign and systemd-sbsign write it.
 *
 * @param imageHash Authenticode SHA-256, 32 bytes
 */
export function indirectData(imageHash: Uint8Array): Uint8Array {
  return concat(CONTENTS[0]!.subarray(0, -DIGEST_SIZE), imageHash)
}

/** The Authenticode SHA-256 in an SpcIndirectDataContent; undefined where it is no such thing. */
export function readImageHash(content: Uint8Array): Uint8Array | undefined {
  const isOf = (form: Uint8Array) =>
    form.length === content.length &&
    equalBytes(form.subarray(0, -DIGEST_SIZE), content.subarray(0, -DIGEST_SIZE))
  return CONTENTS.some(isOf) ? content.slice(-DIGEST_SIZE) : undefined
}

/**
 * The attributes as a SET OF in DER: the bytes that are signed.
 *
 * @throws RangeError for a time that the format does not have.
 */
export function encodeSignedAttributes(attributes: ImageAttributes): Uint8Array {
  const { messageDigest, signingTime, hasCapabilities = false } = attributes
  // DER orders a SET OF by its encodings: here by their lengths.
  return element(
    Tag.set,
    ...(hasCapabilities ? [attribute('2a864886f70d01090f', sequence())] : []),
    attribute('2a864886f70d010903', INDIRECT_DATA),
    ...(signingTime ? [attribute('2a864886f70d010905', encodeTime(signingTime))] : []),
    attribute('2a864886f70d010904', element(Tag.octetString, messageDigest)),
  )
}

/** The attributes in such bytes; undefined where they are not exactly what is encoded above. */
export function readSignedAttributes(der: Uint8Array): ImageAttributes | undefined {
  if (der.length > MAX_ATTRIBUTES) return undefined
  try {
    const attributes = decodeAttributes(der)
    return equalBytes(encodeSignedAttributes(attributes), der) ? attributes : undefined
  } catch (error) {
    if (error instanceof FormatError || error instanceof RangeError) return undefined
    throw error
  }
}

function decodeAttributes(der: Uint8Array): ImageAttributes {
  const values = new Map(
    readDer(FORMAT, der).children.map((each) => {
      const fields = new Fields(each, 'attribute')
      const type = readOid(fields.next('type'), 'attribute type')
      return [type, readExplicit(fields.next('values', Tag.set), 'values')] as const
    }),
  )
  const time = values.get(SIGNING_TIME)
  return {
    messageDigest: values.get(Oid.messageDigest)?.content.slice(0, DIGEST_SIZE) ?? new Uint8Array(),
    ...(time && { signingTime: readTime(time, 'signing time') }),
    hasCapabilities: values.has(CAPABILITIES),
  }
}

/** UTCTime up to 2049, GeneralizedTime after (RFC 5652 §11.3). */
function encodeTime(time: Date): Uint8Array {
  if (!(time.getUTCFullYear() >= 1950 && time.getUTCFullYear() <= 9999)) {
    throw new RangeError('a signing time is of 1950 to 9999')
  }
  const digits = `${time.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`
  return time.getTime() < GENERALIZED_TIME_FROM
    ? element(0x17, encodeUtf8(digits.slice(2)))
    : element(0x18, encodeUtf8(digits))
}
