/** `extsign pcr predict`. */

import { formatJsonText } from '../../formats/json-text.ts'
import { appendPcrSignatures } from '../../formats/pcr-signature-document.ts'
import { pcrsOf } from '../../formats/tpm2/pcr.ts'
import { formatTpm2Pcrs, predictedPolicies } from '../../policies/predict/forms.ts'
import { predictPcrs } from '../../policies/predict/predict.ts'
import type { Prediction } from '../../policies/predict/prediction.ts'
import { signPolicies } from '../../policies/sign.ts'
import { flag, option, type ValuesOf } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { pcrNumbers } from '../credential/tpm.ts'
import { blame, ExitCode, UsageError } from '../errors.ts'
import { bootOptions, readBootRequest } from '../pcr/boot-options.ts'
import { loadPublicKey, loadSigner } from '../pcr/keys.ts'
import { privateKeyOptions, publicKeyOptions, stateOptions, ukiOptions } from '../pcr/options.ts'
import { formatPrediction, formatPredictionJson } from '../pcr/predict-report.ts'
import { choice, integer } from '../types.ts'

const OUTPUT = 'Output'

const options = {
  ...ukiOptions,
  variant: option({
    long: 'variant',
    group: 'UKI',
    type: integer('N'),
    description: 'which of the device trees and firmware in the UKI the machine chooses',
  }),
  ...bootOptions,
  initrdVersion: option({
    long: 'initrd-version',
    group: 'States',
    type: integer('N', { from: 200, to: 9999 }),
    description: 'version of systemd in the initrd; asked for where a phase is in it or after it',
  }),
  ...stateOptions,
  pcrs: option({
    long: 'pcrs',
    group: OUTPUT,
    type: pcrNumbers,
    description: 'PCRs of the other formats; by default 11+12+13',
  }),
  format: option({
    long: 'format',
    group: OUTPUT,
    type: choice(['tpm2-pcrs', 'policy-digest', 'policy']),
    description: 'print one text for --tpm2-pcrs, policies to sign, or signed ones',
  }),
  ...privateKeyOptions,
  ...publicKeyOptions,
  json: flag({ long: 'json', group: OUTPUT, description: 'print the prediction as JSON' }),
}

type Values = ValuesOf<typeof options>

export const pcrPredict = defineCommand({
  name: 'pcr predict',
  description:
    'Predicts PCRs 11, 12 and 13 of a boot: from the UKI, the credentials, extensions and addons beside it on the ESP, and what the boot loader passes. Lists every measurement, who makes it and why, and the values when the kernel starts and in each phase after it.\n\nNothing is guessed: what the answer depends on has to be said.',
  arguments: options,
  examples: [
    'extsign pcr predict --uki esp/EFI/Linux/linux.efi --esp esp --initrd-version 262',
    'extsign pcr predict --uki linux.efi --esp esp --uki-path /EFI/Linux/linux.efi --phase : --format tpm2-pcrs',
  ],
  async run(values, context) {
    const { format, json } = values
    assertOutput(values)
    const prediction = await predict(values)
    if (format === undefined) {
      const text = json ? formatPredictionJson(prediction) : formatPrediction(prediction, context)
      context.stdout.write(text)
    } else {
      context.stdout.write(`${await formatAs(format, prediction, values, context)}\n`)
    }
    return ExitCode.done
  },
})

function assertOutput({ format, json, pcrs, privateKey }: Values): void {
  if (format !== undefined && json) throw new UsageError('--format and --json exclude each other')
  if (format === undefined && pcrs !== undefined) throw new UsageError('--pcrs is about --format')
  if (format !== 'policy' && privateKey !== undefined) {
    throw new UsageError('--private-key is about --format policy')
  }
}

async function predict(values: Values): Promise<Prediction> {
  const { uki, esp, stubVersion, initrdVersion, variant, phase, bank } = values
  if (uki === undefined) throw new UsageError('--uki is missing')
  if (esp === undefined) {
    throw new UsageError('--esp is missing', {
      hint: 'it is the folder whose content is on the ESP; for a UKI alone extsign pcr calculate is enough',
    })
  }
  const request = await readBootRequest(values)
  const phases = phase.length === 0 ? undefined : phase
  const banks = bank.length === 0 ? (['sha256'] as const) : [...new Set(bank)]
  const versions = { stubVersion, initrdVersion, variant }
  return predictPcrs({ uki, esp, ...request, ...versions, phases, banks }).catch(blame(uki))
}

async function formatAs(
  format: NonNullable<Values['format']>,
  prediction: Prediction,
  values: Values,
  context: Context,
): Promise<string> {
  const pcrs = values.pcrs === undefined ? undefined : pcrsOf(values.pcrs)
  if (format === 'tpm2-pcrs') return formatSelection(prediction, pcrs)
  if (format === 'policy-digest') {
    const fingerprint = (await loadPublicKey(values))?.fingerprint
    const policies = predictedPolicies(prediction, pcrs, { fingerprint })
    return formatJsonText(appendPcrSignatures({}, policies, { payload: true }), 'short')
  }
  const signer = await loadSigner(values, context)
  const { publicKey } = signer
  const policies = predictedPolicies(prediction, pcrs, { fingerprint: publicKey.fingerprint })
  const subject = `${prediction.uki} with the files beside it`
  const signed = await signPolicies(policies, { signer, publicKey }, subject).finally(() =>
    signer.forget(),
  )
  return formatJsonText(appendPcrSignatures({}, signed), 'short')
}

/** A secret is sealed to one state in one bank. */
function formatSelection(
  { states, banks }: Prediction,
  pcrs: readonly number[] | undefined,
): string {
  const [state, second] = states
  const [bank, otherBank] = banks
  if (state === undefined || second !== undefined) {
    throw new UsageError('--format tpm2-pcrs is for one state: give it with --phase', {
      hint: '--phase : is the start of the kernel, --phase enter-initrd is in the initrd',
    })
  }
  if (bank === undefined || otherBank !== undefined) {
    throw new UsageError('--format tpm2-pcrs is for one bank: give it with --bank')
  }
  return formatTpm2Pcrs(state, bank, pcrs)
}
