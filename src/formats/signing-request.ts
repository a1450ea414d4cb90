/**
 * What is to be signed by somebody else, and what comes back: two JSON files. See
 * docs/formats/signing-request.md.
 */

import { fromBase64, toBase64 } from '../bytes/base64.ts'
import { equalBytes } from '../bytes/equal.ts'
import { fromHex, toHex } from '../bytes/hex.ts'
import { decodeUtf8 } from '../bytes/utf8.ts'
import { sha256 } from '../crypto/sha256.ts'
import { FormatError } from '../errors.ts'
import { hasTwinFields, parseJson } from './json.ts'
import type { PolicyEvidence, PurposeBytes, SignedParts } from './signing-purpose/parts.ts'
import { policyFields, readPolicyFields } from './signing-purpose/policy-fields.ts'
import { readSignedParts } from './signing-purpose/read.ts'

interface Item {
  /** Bytes to sign, with SHA-256. */
  readonly payload: Uint8Array
  /** For whoever approves. */
  readonly subject: string
  /** The file the signature goes into, relative to a folder both sides know; `/` between its parts. */
  readonly path: string
}

/** The root hash of an image. */
export interface RootHashItem extends Item {
  readonly purpose: 'verity-root-hash'
}

/** A state of PCR 11 in which a UKI may open secrets. */
export interface PolicyItem extends Item {
  readonly purpose: 'pcr-policy'
  /** Digest of the policy, 32 bytes. */
  readonly policy: Uint8Array
  /** The PCRs with their values, and the reference. */
  readonly evidence: PolicyEvidence
  /** Path of the boot phase; empty for the start of the kernel. */
  readonly phase: string
  /** Profiles of the UKI in which it occurs, counted from 0. */
  readonly profiles: readonly number[]
}

export type RequestItem = RootHashItem | PolicyItem

export interface SigningRequestFile {
  readonly items: readonly RequestItem[]
}

/** An item with what somebody has made of it: a raw signature, or a PKCS#7 message. */
export type SignedItem = RequestItem & { readonly signature: Uint8Array }

export interface SigningResponseFile {
  /** DER of the certificate that the signatures are by. */
  readonly certificate: Uint8Array
  readonly items: readonly SignedItem[]
}

const FORMAT = 'signing request'
const REQUEST = 'extsign signing request'
const RESPONSE = 'extsign signing response'
const VERSION = 1
const MAX_ITEMS = 10_000
const MAX_TEXT = 4096
/** Room for as many items as there may be. */
export const MAX_REQUEST = 64 * 1024 * 1024

export function formatSigningRequest({ items }: SigningRequestFile): string {
  return document({ format: REQUEST, version: VERSION, items: items.map(itemObject) })
}

export function formatSigningResponse({ certificate, items }: SigningResponseFile): string {
  const list = items.map((item) => ({ ...itemObject(item), signature: toBase64(item.signature) }))
  const head = { format: RESPONSE, version: VERSION, certificate: toBase64(certificate) }
  return document({ ...head, items: list })
}

/** What the payload of an item consists of. @throws FormatError where it is not what its purpose signs. */
export function partsOfItem(item: RequestItem): SignedParts {
  return readSignedParts(bytesOfItem(item))
}

/** What is signed for an item. */
export function bytesOfItem(item: RequestItem): PurposeBytes {
  const { purpose, payload } = item
  return item.purpose === 'pcr-policy'
    ? { purpose, payload, policy: item.evidence }
    : { purpose, payload }
}

/** Reads a request. @throws FormatError, which for a response says that it is one. */
export function parseSigningRequest(bytes: Uint8Array): SigningRequestFile {
  const object = parseDocument(bytes)
  if (object.format === RESPONSE) throw bad('it is a response, signed already')
  if (object.format !== REQUEST) throw bad(`format is not "${REQUEST}"`)
  return { items: readItems(object).map(([item]) => item) }
}

/** Reads a response. @throws FormatError, which for a request says that it is one. */
export function parseSigningResponse(bytes: Uint8Array): SigningResponseFile {
  const object = parseDocument(bytes)
  if (object.format === REQUEST) throw bad('it is a request, which nobody has signed')
  if (object.format !== RESPONSE) throw bad(`format is not "${RESPONSE}"`)
  const items = readItems(object).map(([item, fields, where]): SignedItem => {
    return { ...item, signature: readBytes(fields, 'signature', where) }
  })
  return { certificate: readBytes(object, 'certificate', ''), items }
}

function document(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

function itemObject(item: RequestItem) {
  const { purpose, subject, path, payload } = item
  const common = { purpose, subject, path, digest: 'sha256', payload: toBase64(payload) }
  const hash = toHex(sha256(payload))
  if (item.purpose === 'verity-root-hash') return { ...common, hash }
  const { phase, profiles, evidence, policy } = item
  return { ...common, hash, phase, profiles, ...policyFields(evidence), pol: toHex(policy) }
}

type Fields = Readonly<Record<string, unknown>>

function parseDocument(bytes: Uint8Array): Fields {
  const text = decodeUtf8(bytes) ?? ''
  const value = parseJson(text, (fault) => bad(`it is ${fault}`))
  if (hasTwinFields(text, value)) throw bad('an object in it has a field twice')
  const object = asObject(value, 'the document')
  if (object.version !== VERSION) throw bad(`version is not ${VERSION}`)
  return object
}

function readItems(object: Fields): readonly (readonly [RequestItem, Fields, string])[] {
  const { items } = object
  if (!Array.isArray(items) || items.length === 0 || items.length > MAX_ITEMS) {
    throw bad(`items is not a list of 1 to ${MAX_ITEMS}`)
  }
  return items.map((value: unknown, index) => {
    const where = `item ${index + 1} `
    const fields = asObject(value, `item ${index + 1}`)
    return [readItem(fields, where), fields, where] as const
  })
}

function readItem(fields: Fields, where: string): RequestItem {
  const payload = readBytes(fields, 'payload', where)
  const subject = readText(fields, 'subject', where)
  const path = readText(fields, 'path', where)
  if (!isInside(path)) throw bad(`${where}path leads out of the folder, or is no path`)
  if (fields.digest !== 'sha256') throw bad(`${where}digest is not sha256`)
  if (fields.hash !== toHex(sha256(payload))) throw bad(`${where}hash is not that of payload`)
  const item = { payload, subject, path }
  if (fields.purpose === 'verity-root-hash') {
    readParts({ purpose: fields.purpose, payload }, where)
    return { purpose: fields.purpose, ...item }
  }
  if (fields.purpose === 'pcr-policy') return readPolicy(fields, item, where)
  throw bad(`${where}purpose is neither verity-root-hash nor pcr-policy`)
}

/** Whether the payload is what the purpose signs is seen where it is read, and again where it is signed. */
function readParts(bytes: PurposeBytes, where: string): SignedParts {
  try {
    return readSignedParts(bytes)
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    throw bad(`${where}payload: ${error.fact}`)
  }
}

function readPolicy(fields: Fields, item: Item, where: string): PolicyItem {
  // Here nobody can say whose approval would count.
  if (fields.approval !== undefined) throw bad(`${where}approval: only agents take one`)
  const evidence = readPolicyFields(fields, (name, expected) =>
    bad(`${where}${name} is not ${expected}`),
  )
  const { payload } = item
  const parts = readParts({ purpose: 'pcr-policy', payload, policy: evidence }, where)
  const policy = fromHex(readText(fields, 'pol', where))
  if (parts.purpose !== 'pcr-policy' || !policy || !equalBytes(policy, parts.policy)) {
    throw bad(`${where}pol is not the policy of bank, pcrs and values`)
  }
  return {
    purpose: 'pcr-policy',
    ...item,
    policy,
    evidence,
    phase: readText(fields, 'phase', where),
    profiles: readNumbers(fields, 'profiles', where, 65_535),
  }
}

/** Relative, and without a way up: whoever wrote the file must not choose what we change. */
function isInside(path: string): boolean {
  const parts = path.split('/')
  return !/[\0\\]/.test(path) && parts.every((part) => !['', '.', '..'].includes(part))
}

function readText(fields: Fields, name: string, where: string): string {
  const value = fields[name]
  if (typeof value === 'string' && value.length <= MAX_TEXT) return value
  throw bad(`${where}${name} is not text of at most ${MAX_TEXT} characters`)
}

function readBytes(fields: Fields, name: string, where: string): Uint8Array {
  const value = fields[name]
  const bytes = typeof value === 'string' ? fromBase64(value) : undefined
  if (bytes && bytes.length > 0) return bytes
  throw bad(`${where}${name} is not bytes in base64`)
}

function readNumbers(fields: Fields, name: string, where: string, most: number): number[] {
  const value = fields[name]
  const isFine = (each: unknown): each is number =>
    typeof each === 'number' && Number.isInteger(each) && each >= 0 && each <= most
  if (Array.isArray(value) && value.length <= 1024 && value.every(isFine)) return value
  throw bad(`${where}${name} is not a list of numbers up to ${most}`)
}

function asObject(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw bad(`${what} is not an object`)
}

function bad(fact: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', fact)
}
