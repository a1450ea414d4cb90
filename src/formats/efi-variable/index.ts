/** Authenticated variables of UEFI firmware (`.auth`). */

export { decodeVariablePayload, decodeVariableUpdate, type SignedVariable } from './decode.ts'
export { encodeVariableUpdate, variablePayload } from './encode.ts'
export {
  SECURE_BOOT_VARIABLES,
  type SecureBootVariable,
  type VariableUpdate,
} from './layout.ts'
