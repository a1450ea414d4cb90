/** `extsign pcr calculate`. */

import { defineCommand } from '../command.ts'
import { ExitCode } from '../errors.ts'
import { formatChosen } from '../pcr/json.ts'
import { jsonOption, sectionOptions, stateOptions, ukiOptions } from '../pcr/options.ts'
import { formatMeasurements, printPhases, toPhasesJson, toValuesJson } from '../pcr/report.ts'
import { withMeasured } from '../pcr/subject.ts'

export const pcrCalculate = defineCommand({
  name: 'pcr calculate',
  description:
    'Computes what PCR 11 will hold when a unified kernel image is booted, in each phase of the boot. Of a whole image every profile counts, and every device tree and firmware that a machine may choose, and none.\n\nFor sections given one by one, options and output are those of systemd-measure(1).',
  arguments: { ...ukiOptions, ...sectionOptions, ...stateOptions, ...jsonOption },
  examples: [
    'extsign pcr calculate --uki linux.efi',
    'extsign pcr calculate --linux vmlinuz --initrd initrd.cpio --bank sha256 --json=short',
  ],
  async run(values, context) {
    const { json } = values
    const isText = json === undefined || json === 'off'
    return withMeasured(values, async (measured) => {
      if (measured.kind === 'sections') {
        const { phases } = measured.measurement
        if (isText) printPhases(phases, context)
        else context.stdout.write(formatChosen(toPhasesJson(phases), json, context))
        return ExitCode.done
      }
      const { uki, measurements } = measured
      context.stdout.write(
        isText
          ? formatMeasurements(uki, measurements, context)
          : formatChosen(toValuesJson(uki, measurements), json, context),
      )
      return ExitCode.done
    })
  },
})
