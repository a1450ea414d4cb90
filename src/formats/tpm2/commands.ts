/** The commands we send, as in the tables of TPM 2.0 Library part 3: parameters and what comes back. */

import { concat } from '../../bytes/concat.ts'
import { CommandCode } from './command-codes.ts'
import { Algorithm } from './constants.ts'
import { PcrSelections } from './pcr.ts'
import { SizedPublicArea, Symmetric } from './public-area.ts'
import { buffer, type Layout, list, nothing, only, record, sized, u8, u16, u32 } from './wire.ts'

/** A command; the order of handles is that of part 3. */
export interface Command<Parameters, Response> {
  readonly name: string
  readonly code: number
  readonly returnsHandle: boolean
  readonly parameters: Layout<Parameters>
  readonly response: Layout<Response>
}

const Digest = buffer(64)
const Data = buffer(128)
/** Private parts, seeds and tickets: opaque, and never larger than a message. */
const Opaque = buffer(4096)
const Name = buffer(66)

/** TPM2B_SENSITIVE_CREATE, part 2 §11.1.15. */
const SensitiveCreate = sized(record({ authValue: Digest, data: Data }))

const Creation = {
  sensitive: SensitiveCreate,
  publicArea: SizedPublicArea,
  outsideInfo: Data,
  creationPcrs: PcrSelections,
}

/** TPMT_TK_CREATION and TPMT_TK_VERIFIED, part 2 §10.7. */
const Ticket = record({ tag: u16, hierarchy: u32, digest: Digest })

/** TPMT_SIGNATURE with RSASSA and SHA-256, part 2 §11.3.4. */
const RsaSignature = record({
  scheme: only(u16, Algorithm.rsassa),
  hash: only(u16, Algorithm.sha256),
  signature: buffer(512),
})

/** Handle: a hierarchy. */
export const CreatePrimary = command({
  name: 'CreatePrimary',
  code: CommandCode.createPrimary,
  returnsHandle: true,
  parameters: record(Creation),
  response: record({
    publicArea: SizedPublicArea,
    creationData: Opaque,
    creationHash: Digest,
    creationTicket: Ticket,
    name: Name,
  }),
})

/** Handle: the parent. */
export const Create = command({
  name: 'Create',
  code: CommandCode.create,
  returnsHandle: false,
  parameters: record(Creation),
  response: record({
    private: Opaque,
    publicArea: SizedPublicArea,
    creationData: Opaque,
    creationHash: Digest,
    creationTicket: Ticket,
  }),
})

/** Handle: the parent. */
export const Load = command({
  name: 'Load',
  code: CommandCode.load,
  returnsHandle: true,
  parameters: record({ private: Opaque, publicArea: SizedPublicArea }),
  response: record({ name: Name }),
})

/** Handle: the parent. */
export const Import = command({
  name: 'Import',
  code: CommandCode.import,
  returnsHandle: false,
  parameters: record({
    encryptionKey: Data,
    publicArea: SizedPublicArea,
    duplicate: Opaque,
    seed: Opaque,
    symmetric: Symmetric,
  }),
  response: record({ private: Opaque }),
})

/** No handle. Only public parts are loaded here. */
export const LoadExternal = command({
  name: 'LoadExternal',
  code: CommandCode.loadExternal,
  returnsHandle: true,
  parameters: record({ private: buffer(0), publicArea: SizedPublicArea, hierarchy: u32 }),
  response: record({ name: Name }),
})

/** Handle: the object. */
export const Unseal = command({
  name: 'Unseal',
  code: CommandCode.unseal,
  returnsHandle: false,
  parameters: nothing,
  response: record({ data: Data }),
})

/** Handle: the object. */
export const ReadPublic = command({
  name: 'ReadPublic',
  code: CommandCode.readPublic,
  returnsHandle: false,
  parameters: nothing,
  response: record({ publicArea: SizedPublicArea, name: Name, qualifiedName: Name }),
})

/** Handles: a hierarchy, the object. */
export const EvictControl = command({
  name: 'EvictControl',
  code: CommandCode.evictControl,
  returnsHandle: false,
  parameters: record({ persistentHandle: u32 }),
  response: nothing,
})

/** No handle: what is flushed is a parameter. */
export const FlushContext = command({
  name: 'FlushContext',
  code: CommandCode.flushContext,
  returnsHandle: false,
  parameters: record({ handle: u32 }),
  response: nothing,
})

/** Handles: the key for the salt, the object to bind to. */
export const StartAuthSession = command({
  name: 'StartAuthSession',
  code: CommandCode.startAuthSession,
  returnsHandle: true,
  parameters: record({
    nonce: Digest,
    encryptedSalt: Opaque,
    type: u8, // 0 HMAC, 1 policy
    symmetric: Symmetric,
    hash: u16,
  }),
  response: record({ nonce: Digest }),
})

/** Handle: the policy session. */
export const PolicyPcr = command({
  name: 'PolicyPCR',
  code: CommandCode.policyPcr,
  returnsHandle: false,
  parameters: record({ digest: Digest, pcrs: PcrSelections }),
  response: nothing,
})

/** Handle: the policy session. */
export const PolicyAuthorize = command({
  name: 'PolicyAuthorize',
  code: CommandCode.policyAuthorize,
  returnsHandle: false,
  parameters: record({ approved: Digest, reference: Digest, keyName: Name, ticket: Ticket }),
  response: nothing,
})

/** Handle: the policy session. */
export const PolicyGetDigest = command({
  name: 'PolicyGetDigest',
  code: CommandCode.policyGetDigest,
  returnsHandle: false,
  parameters: nothing,
  response: record({ digest: Digest }),
})

/** Handle: the key. */
export const VerifySignature = command({
  name: 'VerifySignature',
  code: CommandCode.verifySignature,
  returnsHandle: false,
  parameters: record({ digest: Digest, signature: RsaSignature }),
  response: record({ ticket: Ticket }),
})

/** No handle. At most eight values come back; the selection says which. */
export const PcrRead = command({
  name: 'PCR_Read',
  code: CommandCode.pcrRead,
  returnsHandle: false,
  parameters: record({ pcrs: PcrSelections }),
  response: record({ counter: u32, pcrs: PcrSelections, values: list(Digest, 8) }),
})

/** No handle. */
export const Startup = command({
  name: 'Startup',
  code: CommandCode.startup,
  returnsHandle: false,
  parameters: record({ type: u16 }),
  response: nothing,
})

const CAPABILITY_CURVES = 8

/** No handle. GetCapability as it is asked for curves. */
export const GetCurves = command({
  name: 'GetCapability',
  code: CommandCode.getCapability,
  returnsHandle: false,
  parameters: fixed(concat(u32.write(CAPABILITY_CURVES), u32.write(0), u32.write(64))),
  response: record({ more: u8, capability: only(u32, CAPABILITY_CURVES), curves: list(u16, 508) }),
})

const CAPABILITY_HANDLES = 1
const MAX_HANDLES = 254

const HandleRange = record({ capability: u32, first: u32, count: u32 })
const handlesFrom: Layout<{ readonly first: number }> = {
  write: ({ first }) =>
    HandleRange.write({ capability: CAPABILITY_HANDLES, first, count: MAX_HANDLES }),
  read: HandleRange.read,
}

/** No handle. GetCapability as it is asked for the handles of one kind, from `first` on. */
export const GetHandles = command({
  name: 'GetCapability',
  code: CommandCode.getCapability,
  returnsHandle: false,
  parameters: handlesFrom,
  response: record({
    more: u8,
    capability: only(u32, CAPABILITY_HANDLES),
    handles: list(u32, MAX_HANDLES),
  }),
})

function command<Parameters, Response>(
  value: Command<Parameters, Response>,
): Command<Parameters, Response> {
  return value
}

/** Parameters that are always the same. */
function fixed(bytes: Uint8Array): Layout<Record<never, never>> {
  return { write: () => bytes.slice(), read: nothing.read }
}
