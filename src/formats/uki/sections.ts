/**
 * The sections that systemd-stub measures into PCR 11, in the order in which it does.
 *
 * See systemd src/fundamental/uki.h and src/boot/stub.c. The order is part of what is measured.
 */

/** PCR of the kernel image and everything embedded with it. */
export const KERNEL_BOOT_PCR = 11

/** A section that is measured, and the first version of the stub that does it. */
export interface MeasuredSection {
  readonly name: string
  readonly since: number
}

export const MEASURED_SECTIONS = [
  { name: '.linux', since: 252 },
  { name: '.osrel', since: 252 },
  { name: '.cmdline', since: 252 },
  { name: '.initrd', since: 252 },
  { name: '.ucode', since: 256 },
  { name: '.splash', since: 252 },
  { name: '.dtb', since: 252 },
  { name: '.uname', since: 254 },
  { name: '.sbat', since: 254 },
  { name: '.pcrpkey', since: 252 },
  { name: '.profile', since: 257 },
  { name: '.dtbauto', since: 257 },
  { name: '.hwids', since: 257 },
  { name: '.efifw', since: 258 },
] as const satisfies readonly MeasuredSection[]

export type MeasuredName = (typeof MEASURED_SECTIONS)[number]['name']

/** Of these there may be many, and the machine chooses one or none. */
export const CHOSEN_BY_MACHINE = ['.dtbauto', '.efifw'] as const

export type ChosenName = (typeof CHOSEN_BY_MACHINE)[number]

/** The signed policies: never measured, because they are made from what is. */
export const SIGNATURE_SECTION = '.pcrsig'

/** The first stub that knows profiles. */
export const PROFILES_SINCE = 257

/** As many as the stub counts. */
export const MAX_PROFILES = 256
