/** Encrypted credentials of systemd: the container, its keys and its text form. */

export {
  type CredentialFile,
  type CredentialSetting,
  type HeldCredential,
  parseCredentialFile,
  replaceCredentials,
} from './credential-file.ts'
export {
  decodeCredential,
  decryptCredential,
  type SealedCredential,
} from './decode.ts'
export { type CredentialContent, encodeCredential, encodeHeaders } from './encode.ts'
export type { CredentialHeaders, PolicyKey, TpmSeal } from './headers.ts'
export {
  decodeHostSecret,
  encodeHostSecret,
  HOST_SECRET_SIZE,
  type HostSecret,
  machineBinding,
  parseMachineId,
} from './host-secret.ts'
export { deriveKey, type KeyParts, type Scope } from './keys.ts'
export type { Metadata, Microseconds, SplitPlaintext } from './metadata.ts'
export { findNameProblem, hasCredentialSuffix, nameOfFile } from './name.ts'
export {
  type CredentialText,
  formatCredential,
  formatUnitSetting,
  parseCredentialText,
} from './text.ts'
export {
  CREDENTIAL_TYPES,
  type CredentialBinding,
  type CredentialType,
  findTypeByBinding,
  findTypeById,
} from './types.ts'
