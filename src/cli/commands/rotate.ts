/** `extsign rotate PLAN`. */

import { planRotation, type RotationPlan } from '../../rotation/plan.ts'
import { runRotation, type StepResult } from '../../rotation/run.ts'
import { flag, positional, type ValuesOf } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { ExitCode, printWarnings, UsageError, UsageErrors } from '../errors.ts'
import { formatJson } from '../json.ts'
import { allowCommandsOption } from '../outlets.ts'
import { loadCarriers } from '../rotation/carriers.ts'
import { findOutlets } from '../rotation/plan-outlets.ts'
import { readPlan } from '../rotation/read-plan.ts'
import {
  carriesOld,
  findTroubles,
  formatCarrier,
  formatResult,
  formatStep,
  toReport,
} from '../rotation/report.ts'
import { file, named } from '../types.ts'

const rotateArguments = {
  plan: positional({
    type: named('PLAN', file),
    description: 'a TOML or JSON file: what moves from which key to which',
  }),
  dryRun: flag({ long: 'dry-run', description: 'print the steps and change nothing' }),
  check: flag({
    long: 'check',
    description: 'say which keys everything carries; 3 while something carries the old one',
  }),
  finish: flag({
    long: 'finish',
    description: 'also remove old certificates and signatures, once nothing needs them',
  }),
  ...allowCommandsOption,
  json: flag({ long: 'json', description: 'print the result as JSON' }),
  quiet: flag({ long: 'quiet', short: 'q', description: 'print no result' }),
}

export const rotate = defineCommand({
  name: 'rotate',
  description:
    'Moves images, signed PCR policies and credentials from old keys to new ones, file by file, each whole or not at all. Trust directories and policies get the new certificate or signature beside the old one, so that machines can follow; --finish removes the old ones.\n\nWhat is done shows in the files: after an interruption, or when a file failed, the same command does the rest.\n\nA plan that runs programs, loads modules or speaks to sockets needs --allow-commands.',
  arguments: rotateArguments,
  examples: [
    'extsign rotate rotate.toml --dry-run',
    'extsign rotate rotate.toml',
    'extsign rotate rotate.toml --check',
    'extsign rotate rotate.toml --finish',
  ],
  async run(values, context) {
    if (values.check && (values.dryRun || values.finish)) {
      throw new UsageError('--check changes nothing: --dry-run and --finish do not go with it')
    }
    const file = await readPlan(values.plan)
    if (!values.allowCommands) sayOutlets(findOutlets(file), values, context)
    const { carriers, forget } = await loadCarriers(file, context, !values.check && !values.dryRun)
    try {
      const plan = await planRotation({ carriers, keepOld: !values.finish })
      if (values.check) return check(plan, values, context)
      const interrupted = values.dryRun ? undefined : context.interrupts()
      const results = values.dryRun
        ? undefined
        : await runRotation(plan, {
            signal: interrupted,
            onResult: (result) => {
              if (!values.json && !values.quiet) {
                context.stdout.write(formatResult(result, context))
              }
            },
          })
      print(plan, results, values, context)
      if (results?.some(({ outcome }) => outcome === 'interrupted')) {
        const done = results.filter(({ outcome }) => outcome === 'done').length
        const rest = `${done} of ${plan.steps.length} steps done, the others are as they were`
        context.stderr.write(`extsign: interrupted; ${rest}; the same command does the rest\n`)
        return ExitCode.interrupted
      }
      return rate(plan, results)
    } finally {
      await forget()
    }
  },
})

type Values = ValuesOf<typeof rotateArguments>

/** A plan may come from another person. Where nothing is changed, nothing of this is used either. */
function sayOutlets(refusals: readonly UsageError[], values: Values, context: Context): void {
  if (refusals.length === 0) return
  if (!values.check && !values.dryRun) throw new UsageErrors([...refusals])
  const warnings = refusals.map(
    ({ message }) => `${message}; a run needs --allow-commands for that`,
  )
  printWarnings(warnings, context.stderr)
}

function check(plan: RotationPlan, { json, quiet }: Values, context: Context): number {
  const old = plan.carriers.filter(carriesOld)
  const troubles = findTroubles(plan)
  if (json) context.stdout.write(formatJson(toReport(plan, [])))
  else if (!quiet) {
    const { length } = plan.carriers
    const last =
      old.length === 0
        ? `nothing of ${length} carries the old key`
        : `${old.length} of ${length} carry the old key`
    context.stdout.write(
      [...plan.carriers.map(formatCarrier), `${last}${sayUnknown(plan)}\n`].join(''),
    )
  }
  return old.length + troubles.length === 0 ? ExitCode.done : ExitCode.wanting
}

function print(
  plan: RotationPlan,
  results: readonly StepResult[] | undefined,
  { json, quiet }: Values,
  context: Context,
): void {
  if (json) context.stdout.write(formatJson(toReport(plan, results)))
  else if (!quiet) {
    const lines = results === undefined ? plan.steps.map(formatStep) : []
    const troubles = findTroubles(plan).map(formatCarrier)
    context.stdout.write([...lines, ...troubles, summarize(plan, results)].join(''))
  }
}

function summarize(plan: RotationPlan, results: readonly StepResult[] | undefined): string {
  const count = (number: number) => `${number} ${number === 1 ? 'step' : 'steps'}`
  if (results === undefined) return `${count(plan.steps.length)} to do${sayUnknown(plan)}\n`
  const done = results.filter(({ outcome }) => outcome === 'done').length
  const failed = results.length - done
  return failed === 0 ? `${count(done)} done\n` : `${count(done)} done, ${failed} not\n`
}

/** Of how many files it is not known what they carry. */
function sayUnknown({ carriers }: RotationPlan): string {
  const { length } = carriers.filter(({ state }) => state === undefined)
  return length === 0 ? '' : `, ${length} cannot be told`
}

/** A file that failed is worse than one that is none of ours. */
function rate(plan: RotationPlan, results: readonly StepResult[] | undefined): number {
  const isFailed =
    plan.carriers.some(({ error }) => error !== undefined) ||
    results?.some(({ outcome }) => outcome === 'failed')
  if (isFailed) return ExitCode.failed
  const isWanting =
    findTroubles(plan).length > 0 || results?.some(({ outcome }) => outcome === 'waiting')
  return isWanting ? ExitCode.wanting : ExitCode.done
}
