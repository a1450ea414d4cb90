/** `extsign pcr verify FILE`. */

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { closeRead } from '../../files/close-read.ts'
import { toFileError } from '../../files/errno.ts'
import { readHandle } from '../../files/read.ts'
import { verifyPolicies } from '../../policies/verify.ts'
import { flag, option, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { blame, ExitCode, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { loadPublicKey } from '../pcr/keys.ts'
import { publicKeyOptions, stateOptions, ukiOptions } from '../pcr/options.ts'
import { paint, printable } from '../terminal.ts'
import { file, named } from '../types.ts'
import { formatFinding, formatVerdict } from '../verify-report.ts'

export const pcrVerify = defineCommand({
  name: 'pcr verify',
  description:
    'Checks signed PCR policies: that every entry is of a state that the image gets to, signed with the right hash by the key that machines enrol, and that no profile, device tree, bank or phase was forgotten. No TPM is needed.\n\nEnds with 0 when nothing is wrong, else with 3.',
  arguments: {
    file: positional({
      type: named('UKI|JSON', file),
      description: 'a unified kernel image, or a file with signatures',
    }),
    uki: option({
      long: 'uki',
      type: file,
      description: 'the image that the signatures in JSON are for',
    }),
    stubVersion: ukiOptions.stubVersion,
    ...publicKeyOptions,
    phase: { ...stateOptions.phase, description: 'a phase to look for beside those of every boot' },
    json: flag({ long: 'json', short: 'j', description: 'print the findings as JSON' }),
  },
  examples: [
    'extsign pcr verify linux.efi --public-key pcr.pub',
    'extsign pcr verify signatures.json --uki linux.efi',
  ],
  async run({ file, uki, stubVersion, phase, json, ...keys }, context) {
    const isImage = await startsLikePe(file)
    if (isImage && uki !== undefined) {
      throw new UsageError(`--uki is for a file with signatures, and ${file} is an image itself`)
    }
    const { verdict, findings } = await verifyPolicies({
      uki: isImage ? file : uki,
      signatures: isImage ? undefined : file,
      publicKey: await loadPublicKey(keys),
      phases: phase,
      stubVersion,
    }).catch(blame(isImage ? file : (uki ?? file)))
    const report = { path: file, verdict, findings }
    const title = paint(context, context.stdout, 'bold', printable(file))
    const lines = findings.map((finding) => formatFinding(finding, context))
    context.stdout.write(
      json ? formatJson(report) : `${title}\n${lines.join('')}${formatVerdict(report, context)}\n`,
    )
    return verdict === 'ok' ? ExitCode.done : ExitCode.wanting
  },
})

/** Images start with `MZ`, which no JSON does. */
async function startsLikePe(path: string): Promise<boolean> {
  try {
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      // A pipe can be read once only, and is JSON then.
      if (!(await handle.stat()).isFile()) return false
      const start = Buffer.alloc(2)
      await readHandle(handle, start, 0)
      return start.toString('latin1') === 'MZ'
    } finally {
      await closeRead(handle)
    }
  } catch (error) {
    throw toFileError(error, { path, verb: 'read' })
  }
}
