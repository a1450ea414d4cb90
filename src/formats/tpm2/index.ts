/** TPM 2.0 structures: storage keys, policies, sealed objects, and sealing without the TPM. */

export { findPcrBank, type PcrBank, pcrBankAlgorithm, pcrMask, pcrsOf } from './pcr.ts'
export { type LiteralPcrs, type PolicyParts, policyDigest } from './policy.ts'
export { type PolicyKey, parsePolicyKey } from './policy-key.ts'
export type { KeyedHashArea } from './public-area.ts'
export { type SealedBlob, type SealInput, sealOffline } from './seal-offline.ts'
export { decodeSealedBlob, encodeSealedBlob, type SealedObject } from './sealed-blob.ts'
export {
  parseSerializedParent,
  type SerializedParent,
  serializeParent,
} from './serialized-parent.ts'
export {
  parseStorageKey,
  type StorageKeyTemplate,
  type StoragePublicKey,
} from './storage-key.ts'
