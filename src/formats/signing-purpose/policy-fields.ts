/** What a policy was computed from, as fields of the JSON of requests and of agents. */

import { fromBase64, toBase64 } from '../../bytes/base64.ts'
import { fromHex, toHex } from '../../bytes/hex.ts'
import { PCR_BANKS, PCR_COUNT } from '../tpm2/pcr.ts'
import type { PolicyApproval, PolicyEvidence } from './parts.ts'

type Fields = Readonly<Record<string, unknown>>

const MAX_REFERENCE = 4096
/** Most bytes of a key or signature; RSA of 32768 bits, which no TPM takes, has 4096. */
const MAX_KEY = 8192

/** The fields, in the order in which they are written. */
export function policyFields({ bank, reference, values, approval }: PolicyEvidence): Fields {
  const ascending = [...(values ?? [])].sort(([a], [b]) => a - b)
  return {
    bank,
    ...(values && {
      pcrs: ascending.map(([pcr]) => pcr),
      values: ascending.map(([, value]) => toHex(value)),
    }),
    ...(reference !== undefined && { ref: reference }),
    ...(approval && {
      approval: {
        publicKey: toBase64(approval.publicKeyPem),
        signature: toBase64(approval.signature),
      },
    }),
  }
}

/**
 * Reads the fields. Whether they lead to the bytes that are to be signed is another question.
 *
 * @param fail makes the error for a field, from its name and what it has to be
 */
export function readPolicyFields(
  fields: Fields,
  fail: (name: string, expected: string) => Error,
): PolicyEvidence {
  const bank = PCR_BANKS.find((name) => name === fields.bank)
  if (!bank) throw fail('bank', `one of ${PCR_BANKS.join(', ')}`)
  const { ref } = fields
  if (ref !== undefined && (typeof ref !== 'string' || ref.length > MAX_REFERENCE)) {
    throw fail('ref', `text of at most ${MAX_REFERENCE} characters`)
  }
  return {
    bank,
    ...(ref !== undefined && { reference: ref }),
    ...(fields.approval === undefined
      ? { values: readValues(fields, fail) }
      : { approval: readApproval(fields.approval, fail) }),
  }
}

function readValues(
  { pcrs, values }: Fields,
  fail: (name: string, expected: string) => Error,
): ReadonlyMap<number, Uint8Array> {
  const isPcr = (pcr: unknown): pcr is number =>
    Number.isInteger(pcr) && Number(pcr) >= 0 && Number(pcr) < PCR_COUNT
  if (!Array.isArray(pcrs) || pcrs.length > PCR_COUNT || !pcrs.every(isPcr)) {
    throw fail('pcrs', `a list of numbers from 0 to ${PCR_COUNT - 1}`)
  }
  const expected = 'a list of the values of pcrs, in hexadecimal'
  if (!Array.isArray(values) || values.length !== pcrs.length) throw fail('values', expected)
  return new Map(
    pcrs.map((pcr, index) => {
      const text: unknown = values[index]
      const value = typeof text === 'string' ? fromHex(text) : undefined
      if (!value || pcrs.indexOf(pcr) !== index) throw fail('values', expected)
      return [pcr, value] as const
    }),
  )
}

function readApproval(
  value: unknown,
  fail: (name: string, expected: string) => Error,
): PolicyApproval {
  const { publicKey, signature }: Fields =
    typeof value === 'object' && value !== null ? { ...value } : {}
  const read = (name: string, text: unknown) => {
    const bytes = typeof text === 'string' ? fromBase64(text) : undefined
    if (bytes && bytes.length > 0 && bytes.length <= MAX_KEY) return bytes
    throw fail(`approval.${name}`, 'bytes in base64')
  }
  return { publicKeyPem: read('publicKey', publicKey), signature: read('signature', signature) }
}
