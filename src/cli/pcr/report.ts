/** Values of PCR 11 for people and for programs. */

import { toHex } from '../../bytes/hex.ts'
import type { JsonObject, JsonValue } from '../../formats/json-text.ts'
import type { PcrBank } from '../../formats/tpm2/pcr.ts'
import type { Uki } from '../../formats/uki/decode.ts'
import { KERNEL_BOOT_PCR } from '../../formats/uki/sections.ts'
import { bootLabels, describeBoot } from '../../policies/describe.ts'
import type { PhaseValues, UkiMeasurement } from '../../policies/measure.ts'
import type { Context } from '../context.ts'
import { paint, printable } from '../terminal.ts'

/** As systemd-measure: what is what to standard error, values to standard output. */
export function printPhases(phases: readonly PhaseValues[], context: Context): void {
  for (const { phase, values } of phases) {
    context.stderr.write(`# PCR[${KERNEL_BOOT_PCR}] Phase <${printable(phase || ':')}>\n`)
    context.stdout.write(formatValues(values, ''))
  }
}

/** A block for each boot that a UKI may make, and in it one for each phase. */
export function formatMeasurements(
  uki: Uki,
  measurements: readonly UkiMeasurement[],
  context: Context,
): string {
  return measurements
    .map((measurement) => {
      const title = paint(context, context.stdout, 'bold', describeBoot(uki, measurement))
      const phases = measurement.phases.map(
        ({ phase, values }) => `  ${printable(phase || ':')}\n${formatValues(values, '    ')}`,
      )
      return `${title}\n${phases.join('')}`
    })
    .join('\n')
}

/** The document of systemd-measure, and in each entry which boot it is about where there are several. */
export function toValuesJson(uki: Uki, measurements: readonly UkiMeasurement[]): JsonObject {
  return groupByBank(
    measurements.flatMap((measurement) =>
      measurement.phases.map((phase) => ({ phase, labels: bootLabels(uki, measurement) })),
    ),
  )
}

/** The same for phases of one boot. */
export function toPhasesJson(phases: readonly PhaseValues[]): JsonObject {
  return groupByBank(phases.map((phase) => ({ phase, labels: {} })))
}

function groupByBank(
  rows: readonly { readonly phase: PhaseValues; readonly labels: JsonObject }[],
): JsonObject {
  const banks = new Map<PcrBank, JsonValue[]>()
  for (const { phase, labels } of rows) {
    for (const [bank, value] of phase.values) {
      const entries = banks.get(bank) ?? []
      banks.set(bank, entries)
      entries.push({
        ...labels,
        ...(phase.phase !== '' && { phase: phase.phase }),
        pcr: KERNEL_BOOT_PCR,
        hash: toHex(value),
      })
    }
  }
  return Object.fromEntries(banks)
}

function formatValues(values: PhaseValues['values'], indent: string): string {
  return [...values]
    .map(([bank, value]) => `${indent}${KERNEL_BOOT_PCR}:${bank}=${toHex(value)}\n`)
    .join('')
}
