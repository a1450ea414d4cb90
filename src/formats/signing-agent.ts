/**
 * What is said to a signing agent and what it answers: one line of JSON each, then the connection
 * ends. See docs/formats/signing-agent.md.
 */

import { fromBase64, toBase64 } from '../bytes/base64.ts'
import { decodeUtf8 } from '../bytes/utf8.ts'
import { FormatError } from '../errors.ts'
import { parseJson } from './json.ts'
import { isPurpose, PURPOSES, type PurposeBytes } from './signing-purpose/parts.ts'
import { policyFields, readPolicyFields } from './signing-purpose/policy-fields.ts'

/** A question: sign these bytes, for this purpose, with the key of this certificate. */
export interface AgentRequest extends PurposeBytes {
  readonly digest: 'sha256'
  readonly subject: string
  /** SHA-256 of the certificate's DER, lower-case hexadecimal. */
  readonly certificate: string
}

export type AgentResponse =
  | { readonly kind: 'signature'; readonly signature: Uint8Array }
  | { readonly kind: 'refusal'; readonly message: string }

const FORMAT = 'signing agent'
const VERSION = 1
/** Longest line either side reads, its newline included. */
export const MAX_AGENT_LINE = 1024 * 1024
const MAX_SUBJECT = 4096

export function formatAgentRequest(request: AgentRequest): string {
  const { purpose, digest, payload, subject, certificate, policy, content } = request
  return line({
    version: VERSION,
    ...{ purpose, digest, payload: toBase64(payload), subject, certificate },
    ...(policy && policyFields(policy)),
    ...(content && { content: toBase64(content) }),
  })
}

export function formatAgentResponse(response: AgentResponse): string {
  return response.kind === 'signature'
    ? line({ version: VERSION, signature: toBase64(response.signature) })
    : line({ version: VERSION, error: response.message })
}

/** Reads a question. @throws FormatError */
export function parseAgentRequest(bytes: Uint8Array): AgentRequest {
  const object = parseLine(bytes)
  if (object.digest !== 'sha256') throw bad('digest', 'sha256')
  const purpose = readText(object, 'purpose', 64)
  if (!isPurpose(purpose)) throw bad('purpose', `one of ${PURPOSES.join(', ')}`)
  const payload = readBytes(object, 'payload')
  const subject = readText(object, 'subject', MAX_SUBJECT)
  const certificate = readText(object, 'certificate', 64)
  if (!/^[0-9a-f]{64}$/.test(certificate)) throw bad('certificate', '64 hexadecimal digits')
  return {
    ...{ purpose, digest: 'sha256', payload, subject, certificate },
    ...(purpose === 'pcr-policy' && { policy: readPolicyFields(object, bad) }),
    ...(purpose === 'authenticode' && { content: readBytes(object, 'content') }),
  }
}

/** Reads an answer. @throws FormatError */
export function parseAgentResponse(bytes: Uint8Array): AgentResponse {
  const object = parseLine(bytes)
  if (object.error !== undefined) {
    return { kind: 'refusal', message: readText(object, 'error', MAX_SUBJECT) }
  }
  return { kind: 'signature', signature: readBytes(object, 'signature') }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

function parseLine(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const text = decodeUtf8(bytes)
  const refuse = (fault: string) => new FormatError(FORMAT, 'BAD_VALUE', `line is ${fault}`)
  const value = parseJson(text ?? '', refuse)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FormatError(FORMAT, 'BAD_VALUE', 'line is not a JSON object')
  }
  const object: Readonly<Record<string, unknown>> = { ...value }
  if (object.version !== VERSION) throw bad('version', `${VERSION}`)
  return object
}

function readText(object: Readonly<Record<string, unknown>>, name: string, most: number): string {
  const value = object[name]
  if (typeof value !== 'string') throw bad(name, 'a string')
  if (value.length > most) throw bad(name, `at most ${most} characters`)
  return value
}

function readBytes(object: Readonly<Record<string, unknown>>, name: string): Uint8Array {
  const bytes = fromBase64(readText(object, name, MAX_AGENT_LINE))
  if (bytes && bytes.length > 0) return bytes
  throw bad(name, 'bytes in base64')
}

function bad(field: string, expected: string): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', `field ${field} must be ${expected}`)
}
