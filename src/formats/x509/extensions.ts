/** The certificate extensions that decide who accepts a certificate, RFC 5280 §4.2.1. */

import { type Element, readDer, Tag } from './der.ts'
import {
  assertTag,
  bad,
  Fields,
  readBitString,
  readBoolean,
  readMany,
  readOid,
  readSmallInteger,
} from './der-values.ts'
import { EXTENDED_KEY_USAGES, nameOfOid, Oid } from './oids.ts'

/** The bits of KeyUsage in their order. */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof KEY_USAGES)[number]

/** What the extensions of a certificate say; absent ones are undefined. */
export interface Extensions {
  readonly basicConstraints?: {
    readonly critical: boolean
    readonly certificateAuthority: boolean
    /** CA:FALSE written out, which DER forbids and Linux refuses. */
    readonly explicitFalse: boolean
    readonly pathLength?: number
  }
  readonly keyUsage?: { readonly critical: boolean; readonly usages: readonly KeyUsage[] }
  /** Names where known, else dotted object identifiers. */
  readonly extendedKeyUsage?: readonly string[]
  readonly subjectKeyIdentifier?: Uint8Array
  /** The key identifier of the issuer, where the extension has that form. */
  readonly authorityKeyIdentifier?: Uint8Array
  /** Object identifiers of all extensions, in order. */
  readonly present: readonly string[]
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const MAX_EXTENSIONS = 64

/** Reads Extensions, the content of the field [3] of a certificate. */
export function readExtensions(element: Element): Extensions {
  assertTag(element, Tag.sequence, 'extensions')
  const extensions: Mutable<Extensions> = { present: [] }
  const present: string[] = []
  for (const item of readMany(element, 'extensions', MAX_EXTENSIONS)) {
    const fields = new Fields(item, 'extension')
    const oid = readOid(fields.next('identifier'), 'extension identifier')
    const criticalField = fields.optional(Tag.boolean)
    const critical = criticalField ? readBoolean(criticalField, 'critical') : false
    const value = fields.next('value', Tag.octetString)
    fields.end()
    if (present.includes(oid)) throw bad(item, `extension ${oid} appears twice`)
    present.push(oid)
    READERS.get(oid)?.(extensions, readDer(element.format, value.content), critical)
  }
  return { ...extensions, present }
}

type Reader = (into: Mutable<Extensions>, value: Element, critical: boolean) => void

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [
    Oid.basicConstraints,
    (into, value, critical) => {
      const fields = new Fields(value, 'basic constraints')
      const flag = fields.optional(Tag.boolean)
      const certificateAuthority = flag ? readBoolean(flag, 'cA') : false
      const path = fields.optional(Tag.integer)
      fields.end()
      into.basicConstraints = {
        critical,
        certificateAuthority,
        explicitFalse: flag !== undefined && !certificateAuthority,
        ...(path ? { pathLength: readSmallInteger(path, 'path length') } : {}),
      }
    },
  ],
  [
    Oid.keyUsage,
    (into, value, critical) => {
      const { bytes } = readBitString(value, 'key usage')
      const usages = KEY_USAGES.filter(
        (_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0,
      )
      into.keyUsage = { critical, usages }
    },
  ],
  [
    Oid.extendedKeyUsage,
    (into, value) => {
      assertTag(value, Tag.sequence, 'extended key usage')
      into.extendedKeyUsage = readMany(value, 'extended key usages', MAX_EXTENSIONS).map(
        (purpose) => nameOfOid(EXTENDED_KEY_USAGES, readOid(purpose, 'extended key usage')),
      )
    },
  ],
  [
    Oid.subjectKeyIdentifier,
    (into, value) => {
      assertTag(value, Tag.octetString, 'subject key identifier')
      into.subjectKeyIdentifier = value.content
    },
  ],
  [
    Oid.authorityKeyIdentifier,
    (into, value) => {
      const fields = new Fields(value, 'authority key identifier')
      const key = fields.optional(0x80)
      if (key) into.authorityKeyIdentifier = key.content
    },
  ],
])
