/** Virtual machines for tests: Secure Boot, a TPM, and Debian with systemd 257 or 262. */

export { bootGuest, bootGuests, type GuestRuns } from './boot.ts'
export {
  enrolInSetupMode,
  makeUpdates,
  VARIABLES,
} from './enrolment.ts'
export type { GuestRun, StepResult } from './guest-run.ts'
export { type BootOptions, GUESTS, type Step } from './options.ts'
export { makeTpm } from './tpm.ts'
export { commandLineOf, makePe, makeUki, signForFirmware, UKI_PATH } from './uki.ts'
