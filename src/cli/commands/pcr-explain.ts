/** `extsign pcr explain EXPECTED`. */

import { allOf } from '../../files/all-of.ts'
import { readSmallFile } from '../../files/text.ts'
import { parsePcrSignatures } from '../../formats/pcr-signature.ts'
import { explainPcrs, parseExpectation } from '../../policies/explain/explain.ts'
import { readEventLog, readPcrDump } from '../../policies/explain/observation.ts'
import type { SavedPrediction } from '../../policies/explain/saved-prediction.ts'
import { flag, option, options, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { blame, ExitCode, UsageError } from '../errors.ts'
import { formatExplanation, formatExplanationJson } from '../pcr/explain-report.ts'
import { file, named } from '../types.ts'

const MAX_SIZE = 16 * 1024 * 1024

export const pcrExplain = defineCommand({
  name: 'pcr explain',
  description:
    'Says why a machine is not in the state that was wanted: compares a saved prediction, signed policies or an encrypted credential with values of PCRs or with event logs, and names the first measurement that differs and the file it comes from.\n\nEnds with 3 where they differ.',
  arguments: {
    expected: positional({
      type: named('EXPECTED', file),
      description: 'JSON of pcr predict, JSON of policies, or a credential',
    }),
    dump: option({
      long: 'dump',
      type: named('FILE|DIR', file),
      description: 'PCRs of the machine: output of a tool, or /sys/class/tpm/tpm0',
    }),
    eventLogs: options({
      long: 'event-log',
      type: file,
      description: 'log of the firmware, or of systemd; repeatable',
    }),
    prediction: option({
      long: 'prediction',
      type: file,
      description: 'JSON of pcr predict, to name the event behind a digest',
    }),
    signature: option({
      long: 'tpm2-signature',
      type: file,
      description: 'signed policies, for a credential that needs one',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: [
    'extsign pcr explain prediction.json --event-log binary_bios_measurements',
    'extsign pcr explain token.cred --dump pcrs.txt --prediction prediction.json',
  ],
  async run({ expected, dump, eventLogs, prediction, signature, json }, context) {
    const expectation = await parseFile(expected, parseExpectation)
    if (prediction !== undefined && expectation.kind === 'prediction') {
      throw new UsageError(`--prediction is of no use: ${expected} is a prediction`)
    }
    const observation = {
      dump: dump === undefined ? new Map() : await readPcrDump(dump).catch(blame(dump)),
      logs: await readLogs(eventLogs),
    }
    const explanation = explainPcrs(expectation, observation, {
      prediction: prediction === undefined ? undefined : await readPrediction(prediction),
      signatures:
        signature === undefined ? undefined : await parseFile(signature, parsePcrSignatures),
    })
    context.stdout.write(
      json
        ? formatExplanationJson(expected, explanation)
        : formatExplanation(expected, explanation, context),
    )
    return explanation.ok ? ExitCode.done : ExitCode.wanting
  },
})

/** The log of the firmware first, whatever their order on the command line. */
async function readLogs(paths: readonly string[]) {
  const logs = await allOf(paths.map((path) => readEventLog(path).catch(blame(path))))
  const kinds = logs.map(({ log }) => log.kind)
  if (new Set(kinds).size < kinds.length) {
    throw new UsageError('--event-log: there is one log of the firmware and one of systemd')
  }
  return logs.toSorted((a, b) => (a.log.kind < b.log.kind ? -1 : 1))
}

async function readPrediction(path: string): Promise<SavedPrediction> {
  const found = await parseFile(path, parseExpectation)
  if (found.kind === 'prediction') return found.prediction
  throw new UsageError(`--prediction: ${path} is no JSON of extsign pcr predict`)
}

async function parseFile<Value>(path: string, parse: (bytes: Uint8Array) => Value): Promise<Value> {
  const bytes = await readSmallFile(path, { maximum: MAX_SIZE })
  return (async () => parse(bytes))().catch(blame(path))
}
