/** Unified kernel images: stub, profiles, and what is measured of them. */

export { isAddon, isUki, openUki, type Uki, type UkiOptions } from './decode.ts'
export { type Choice, splitProfiles, type UkiProfile, type UkiVariant } from './profiles.ts'
export {
  CHOSEN_BY_MACHINE,
  KERNEL_BOOT_PCR,
  MEASURED_SECTIONS,
  type MeasuredName,
  type MeasuredSection,
  SIGNATURE_SECTION,
} from './sections.ts'
export { readStubVersion, type StubVersion } from './stub-version.ts'
