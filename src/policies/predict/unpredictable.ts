/**
 * The other PCRs, and why no value is given for them.
 *
 * See systemd docs/TPM2_PCR_MEASUREMENTS.md and the Linux TPM PCR Registry of the UAPI Group.
 */

export interface UnpredictablePcr {
  readonly pcrs: readonly number[]
  readonly name: string
  readonly reason: string
}

export const UNPREDICTABLE_PCRS: readonly UnpredictablePcr[] = [
  {
    pcrs: [0, 1, 2, 3],
    name: 'firmware',
    reason: 'code and settings of firmware and devices: only the event log of the machine knows',
  },
  {
    pcrs: [4],
    name: 'boot-loader-code',
    reason:
      'every program on the way here, firmware drivers and boot loaders too; of the UKI and its addons the hashes are known (pcr pcrlock)',
  },
  {
    pcrs: [5],
    name: 'boot-loader-config',
    reason: 'the partition table and what the boot loader is configured to do',
  },
  {
    pcrs: [7],
    name: 'secure-boot-policy',
    reason: "the machine's Secure Boot variables, and which of its certificates are used",
  },
  {
    pcrs: [9],
    name: 'kernel-initrd',
    reason:
      'the initrd as it is put together at boot, with a secret of the machine since systemd 261',
  },
  { pcrs: [10], name: 'ima', reason: 'every file that runs, in the order in which it does' },
  { pcrs: [14], name: 'shim-policy', reason: "shim's own keys and variables of the machine" },
  {
    pcrs: [15],
    name: 'system-identity',
    reason: 'machine ID, file systems and volume keys of the one machine',
  },
]
