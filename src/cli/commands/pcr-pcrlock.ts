/** `extsign pcr pcrlock`. */

import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { toFileError } from '../../files/errno.ts'
import { commitOutputs } from '../../files/output.ts'
import { createOutputs } from '../../files/outputs.ts'
import { type PcrlockFile, pcrlockFiles } from '../../policies/pcrlock.ts'
import { flag, option } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { blame, ExitCode, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { assertInputsKept } from '../kept-inputs.ts'
import { bootOptions, readBootRequest } from '../pcr/boot-options.ts'
import { stateOptions, ukiOptions } from '../pcr/options.ts'
import { printable } from '../terminal.ts'
import { directory, named } from '../types.ts'

const OUTPUT = 'Output'

const pcrlockArguments = {
  ...ukiOptions,
  ...bootOptions,
  bank: stateOptions.bank,
  output: option({
    long: 'output',
    short: 'o',
    group: OUTPUT,
    type: named('DIR', directory),
    replaces: [],
    description: 'write the components below this folder',
  }),
  force: flag({
    long: 'force',
    short: 'f',
    group: OUTPUT,
    description: 'replace existing components',
  }),
  json: flag({ long: 'json', group: OUTPUT, description: 'print the result as JSON' }),
}

export const pcrPcrlock = defineCommand({
  name: 'pcr pcrlock',
  description:
    'Writes components for systemd-pcrlock(8): for each profile of a UKI a variant with what firmware and systemd-stub measure of it, and with --esp another with what is measured of the files beside it. systemd-pcrlock itself refuses images with profiles.',
  arguments: pcrlockArguments,
  examples: [
    'extsign pcr pcrlock --uki linux.efi -o pcrlock.d',
    'extsign pcr pcrlock --uki esp/EFI/Linux/linux.efi --esp esp -o pcrlock.d',
  ],
  async run(values, context) {
    const { uki, esp, stubVersion, bank, output, force, json } = values
    if (uki === undefined) throw new UsageError('--uki is missing')
    if (output === undefined) throw new UsageError('--output is missing')
    context.saysEnd()
    const request = await readBootRequest(values)
    const banks = bank.length === 0 ? undefined : [...new Set(bank)]
    const files = await pcrlockFiles({ uki, esp, stubVersion, banks, ...request }).catch(blame(uki))
    const writes = files.map(({ path }) => join(output, path))
    assertInputsKept(pcrlockArguments, values, { writes })
    await writeFiles(output, files, force)
    const written = files.map(({ path, events }) => {
      return { file: join(output, path), records: events.length }
    })
    context.stdout.write(
      json
        ? formatJson(written)
        : written.map(({ file, records }) => `${printable(file)}: ${records} records\n`).join(''),
    )
    return ExitCode.done
  },
})

/** All of them or none. */
async function writeFiles(
  folder: string,
  files: readonly PcrlockFile[],
  force: boolean,
): Promise<void> {
  const targets = files.map(({ path }) => join(folder, path))
  for (const target of targets) {
    await mkdir(dirname(target), { recursive: true, mode: 0o755 }).catch((error) => {
      throw toFileError(error, { path: target, verb: 'write' })
    })
  }
  const outputs = await createOutputs(targets.map((path) => ({ path, force })))
  try {
    for (const [index, { text }] of files.entries()) {
      await outputs[index]?.write(encodeUtf8(text), 0)
    }
    await commitOutputs(outputs)
  } finally {
    for (const output of outputs) await output.abort()
  }
}
