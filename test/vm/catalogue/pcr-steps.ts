/** PCRs and the phases of a boot, as steps of a run. */

import type { Step, StepResult } from '../harness/index.ts'

/** The files are the logs of what was measured. */
export const READ_PCRS: Step = {
  name: 'PCRs',
  script: `
cp /sys/kernel/security/tpm0/binary_bios_measurements /run/log/systemd/tpm2-measure.log .
tpm2_pcrread sha256:11,12,13
`,
}

/** Ends the phase of the boot in which the policies of the tests hold, as switching the root does. */
export const LEAVE_INITRD: Step = {
  name: 'leave the initrd',
  script: 'systemctl stop systemd-pcrphase-initrd.service && tpm2_pcrread sha256:11',
}

/** Measures the phases that come after it, as their units do. */
export const LATER_PHASES: readonly Step[] = ['sysinit', 'ready'].map((word) => ({
  name: `phase ${word}`,
  script: `/usr/lib/systemd/systemd-pcrextend ${word} && tpm2_pcrread sha256:11`,
}))

/** PCRs as a step printed them, in the form of `--tpm2-pcrs`. */
export function pcrsOf({ stdout }: StepResult): string {
  const values = [...stdout.matchAll(/^ *(\d+) *: 0x([0-9A-F]{64})$/gm)]
  return values.map(([, pcr, value]) => `${pcr}:sha256=${value!.toLowerCase()}`).join('+')
}
