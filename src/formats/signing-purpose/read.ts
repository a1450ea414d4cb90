/**
 * The parsers of what each purpose signs. A byte string that one of them admits is admitted by no
 * other, and no reader takes it for anything else; SECURITY.md has the argument.
 */

import { equalBytes } from '../../bytes/equal.ts'
import { decodeUtf8 } from '../../bytes/utf8.ts'
import { sha256 } from '../../crypto/sha256.ts'
import { FormatError } from '../../errors.ts'
import { decodeSignatureLists } from '../efi-signature-list/decode.ts'
import { decodeVariablePayload } from '../efi-variable/decode.ts'
import { SECURE_BOOT_VARIABLES } from '../efi-variable/layout.ts'
import { policyPayload } from '../pcr-signature-document.ts'
import { readImageHash, readSignedAttributes } from '../pkcs7/authenticode.ts'
import { extendPolicyPcr, POLICY_SIZE } from '../tpm2/policy.ts'
import { parsePolicyKey } from '../tpm2/policy-key.ts'
import type {
  ImageParts,
  PolicyEvidence,
  PolicyParts,
  PurposeBytes,
  RootHashParts,
  SignedParts,
  VariableParts,
} from './parts.ts'

const FORMAT = 'what is signed'
const MAX_REFERENCE = 4096
/** Content of the object identifier of messageDigest (RFC 5652 §11.2), without which no reader takes attributes. */
const MESSAGE_DIGEST = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04)

/**
 * What the bytes consist of.
 *
 * @throws FormatError where they are not what the purpose signs, or nothing shows that they are.
 */
export function readSignedParts(bytes: PurposeBytes): SignedParts {
  switch (bytes.purpose) {
    case 'verity-root-hash':
      return readRootHash(bytes.payload)
    case 'pcr-policy':
      return readPolicy(bytes.payload, bytes.policy)
    case 'authenticode':
      return readImage(bytes.payload, bytes.content)
    case 'uefi-variable':
      return readVariable(bytes.payload)
  }
}

function readRootHash(payload: Uint8Array): RootHashParts {
  const rootHash = decodeUtf8(payload) ?? ''
  if (!isRootHash(rootHash)) {
    throw bad('verity-root-hash', 'the 64 hexadecimal digits of a root hash')
  }
  return { purpose: 'verity-root-hash', rootHash }
}

/**
 * A digest says nothing about what it is of, and 32 bytes of an attacker's choice are enough for
 * firmware, which looks only at the end of what an Authenticode signature is over. So the digest is
 * computed here from the values of the PCRs, and nothing can be found that has the same digest.
 */
function readPolicy(payload: Uint8Array, evidence: PolicyEvidence | undefined): PolicyParts {
  const { bank, reference, values, approval } = evidence ?? {}
  if (bank === undefined || (values === undefined) === (approval === undefined)) {
    throw bad('pcr-policy', 'a policy beside the values of its PCRs')
  }
  if (reference !== undefined) assertReference(reference)
  const policy = values ? computePolicy({ bank, values }) : payload.slice(0, POLICY_SIZE)
  if (policy.length !== POLICY_SIZE || !equalBytes(payload, policyPayload({ policy, reference }))) {
    throw bad('pcr-policy', 'the digest of the policy, and that of its reference where it has one')
  }
  if (holdsMessageDigest(payload) || isRootHash(decodeUtf8(payload) ?? '')) {
    throw bad('pcr-policy', 'a policy, and neither attributes of a PKCS#7 message nor a root hash')
  }
  return {
    purpose: 'pcr-policy',
    policy,
    bank,
    ...(reference !== undefined && { reference }),
    ...(values && { values }),
    ...(approval && { approvedBy: parsePolicyKey(approval.publicKeyPem).fingerprint }),
  }
}

/**
 * A reference is words for people. The content of no message that a signature could be over is: not
 * the digits of a root hash, not DER, not a program.
 */
function assertReference(reference: string): void {
  const isText = !/[\p{Cc}\p{Cs}]/u.test(reference)
  if (isText && reference !== '' && reference.length <= MAX_REFERENCE && !isRootHash(reference)) {
    return
  }
  throw bad(
    'pcr-policy',
    `a policy whose reference is text of 1 to ${MAX_REFERENCE} characters, and no root hash`,
  )
}

function computePolicy({ bank, values }: Required<Pick<PolicyEvidence, 'bank' | 'values'>>) {
  if (!values || values.size === 0) throw bad('pcr-policy', 'a policy over one PCR or more')
  try {
    return extendPolicyPcr(new Uint8Array(POLICY_SIZE), { bank, values })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw bad('pcr-policy', `over PCRs that there are: ${error.message}`)
  }
}

function readImage(payload: Uint8Array, content: Uint8Array | undefined): ImageParts {
  const imageHash = content && readImageHash(content)
  if (!imageHash) {
    throw bad('authenticode', 'attributes with the SpcIndirectDataContent that they are of')
  }
  const attributes = readSignedAttributes(payload)
  // The content is short, so that its tag and length are two bytes, which the digest leaves out.
  if (!attributes || !equalBytes(attributes.messageDigest, sha256(content.subarray(2)))) {
    throw bad('authenticode', 'the attributes, in DER, of the SpcIndirectDataContent beside them')
  }
  const { signingTime } = attributes
  return { purpose: 'authenticode', imageHash, ...(signingTime && { signingTime }) }
}

function readVariable(payload: Uint8Array): VariableParts {
  const expected = 'a change of PK, KEK, db or dbx'
  try {
    const { variable, append = false, time, data } = decodeVariablePayload(payload)
    const lists = decodeSignatureLists(data)
    const digestsOf = (kind: string) =>
      lists.filter(({ type }) => type === kind).flatMap(({ entries }) => entries)
    const others = lists.filter(({ type }) => type !== 'x509' && type !== 'sha256')
    return {
      purpose: 'uefi-variable',
      variable,
      guid: SECURE_BOOT_VARIABLES[variable],
      append,
      time,
      certificates: digestsOf('x509').map((entry) => sha256(entry.data)),
      hashes: digestsOf('sha256').map((entry) => entry.data),
      others: others.map(({ type, entries }) => ({ type, count: entries.length })),
    }
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw bad('uefi-variable', `${expected}: ${cause.message}`, { cause })
  }
}

function isRootHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

function holdsMessageDigest(bytes: Uint8Array): boolean {
  const last = bytes.length - MESSAGE_DIGEST.length
  return bytes.some(
    (_, at) =>
      at <= last && equalBytes(bytes.subarray(at, at + MESSAGE_DIGEST.length), MESSAGE_DIGEST),
  )
}

function bad(
  purpose: string,
  expected: string,
  options: { readonly hint?: string; readonly cause?: unknown } = {},
): FormatError {
  return new FormatError(FORMAT, 'BAD_VALUE', `for ${purpose} it must be ${expected}`, options)
}
