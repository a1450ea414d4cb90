/** TPMs: in hardware behind the kernel, or in software behind a socket. */

export type { ParentChoice } from './storage-keys.ts'
export { openTpm, type StorageKeyChoice, type Tpm, tpmBehind } from './tpm.ts'
export type { TpmTransport } from './transport.ts'
export type { UnsealInput } from './unseal.ts'
