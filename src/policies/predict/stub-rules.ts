/**
 * What systemd-stub does with files beside a UKI, by its version.
 *
 * See systemd src/boot/stub.c (until 257 src/boot/efi/stub.c) of each release.
 */

/** How the command lines of addons become what is measured. */
export type AddonLines =
  /** No addons. */
  | 'none'
  /** The global ones and those of the UKI are measured apart, each joined and then mangled. */
  | 'apart'
  /** All joined, then mangled. */
  | 'joined'
  /** Each mangled, joined, and mangled once more: an empty one leaves a second blank. */
  | 'mangled'

export interface StubRules {
  /** The custom command line is measured after mangling; before, as the firmware hands it over. */
  readonly manglesOptions: boolean
  /** Command lines and credentials are measured into PCR 8 too. */
  readonly alsoPcr8: boolean
  readonly addonLines: AddonLines
  /** Device trees of addons: not at all, after the archives, or before them. */
  readonly addonDeviceTrees: 'none' | 'late' | 'early'
  /** `.initrd` and `.ucode` of addons. */
  readonly addonInitrds: boolean
  /** A boot counter in the UKI's name is no part of the name of its extra folder. */
  readonly dropsCounter: boolean
  /** `*.confext.raw` are confexts; before, `*.raw` were sysexts without exception. */
  readonly confexts: boolean
  /** `loader/extensions`. */
  readonly globalExtensions: boolean
  /** A command line from SMBIOS. */
  readonly smbios: boolean
  /** Of several sections of a name in an addon the first counts; before, the last. */
  readonly firstSection: boolean
}

export function stubRules(version: number): StubRules {
  return {
    manglesOptions: version >= 254,
    alsoPcr8: version < 254,
    addonLines: addonLines(version),
    addonDeviceTrees: version < 255 ? 'none' : version < 257 ? 'late' : 'early',
    addonInitrds: version >= 257,
    dropsCounter: version >= 255,
    confexts: version >= 256,
    globalExtensions: version >= 258,
    smbios: version >= 254,
    firstSection: version >= 257,
  }
}

/** userspace of this version and later measures `os-separator` in the initrd. */
export const OS_SEPARATOR_SINCE = 261

function addonLines(version: number): AddonLines {
  if (version < 254) return 'none'
  if (version < 255) return 'apart'
  return version < 257 ? 'joined' : 'mangled'
}
