/**
 * Authenticated variables of UEFI firmware (UEFI 2.10 §8.2.2): a new value, the time that orders
 * updates, and a signature by somebody who may change the variable.
 */

import { guid, type Infer, struct, u8, u16le, u32le } from '../../bytes/struct.ts'

/** EFI_TIME, UEFI 2.10 §8.3.1. In an update everything from `pad1` on has to be zero. */
export const EfiTime = struct({
  year: u16le,
  month: u8,
  day: u8,
  hour: u8,
  minute: u8,
  second: u8,
  pad1: u8,
  nanosecond: u32le,
  timeZone: u16le,
  daylight: u8,
  pad2: u8,
})
export type EfiTime = Infer<typeof EfiTime>

/** WIN_CERTIFICATE_UEFI_GUID, UEFI 2.10 §32.2.4; the certificate follows. */
export const CertificateHeader = struct({
  /** Of this structure and what follows. */
  length: u32le,
  revision: u16le,
  certificateType: u16le,
  certType: guid,
})

export const REVISION = 0x0200
/** WIN_CERT_TYPE_EFI_GUID */
export const TYPE_EFI_GUID = 0x0ef1
/** EFI_CERT_TYPE_PKCS7_GUID */
export const PKCS7_GUID = '4aafd29d-68df-49ee-8aa9-347d375665a7'

/** Attributes, UEFI 2.10 §8.2: kept, and visible to the firmware and to the OS. */
const NON_VOLATILE = 0x01
const BOOTSERVICE_ACCESS = 0x02
const RUNTIME_ACCESS = 0x04
const TIME_BASED_AUTHENTICATED_WRITE_ACCESS = 0x20
export const APPEND_WRITE = 0x40
/** What every Secure Boot variable has. */
export const SECURE_BOOT_ATTRIBUTES =
  NON_VOLATILE | BOOTSERVICE_ACCESS | RUNTIME_ACCESS | TIME_BASED_AUTHENTICATED_WRITE_ACCESS

/** EFI_GLOBAL_VARIABLE */
const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
/** EFI_IMAGE_SECURITY_DATABASE_GUID */
const SECURITY_DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'

/** The variables of Secure Boot and the GUIDs that belong to their names. */
export const SECURE_BOOT_VARIABLES = {
  PK: GLOBAL,
  KEK: GLOBAL,
  db: SECURITY_DATABASE,
  dbx: SECURITY_DATABASE,
} as const

export type SecureBootVariable = keyof typeof SECURE_BOOT_VARIABLES

/** A new value for a variable, or more of it. */
export interface VariableUpdate {
  readonly variable: SecureBootVariable
  /** Signature lists; nothing at all removes the variable. */
  readonly data: Uint8Array
  /** Whole seconds. Firmware refuses a new value that is not later than the one it has. */
  readonly time: Date
  /** Add to what is there, whatever its time. */
  readonly append?: boolean | undefined
}
