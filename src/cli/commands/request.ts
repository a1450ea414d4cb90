/** `extsign request FILE…`. */

import { relative, resolve, sep } from 'node:path'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { writeOutput } from '../../files/output.ts'
import { formatSigningRequest, type RequestItem } from '../../formats/signing-request.ts'
import { requestSignatures } from '../../requests/request.ts'
import { flag, option, positionals } from '../arguments.ts'
import { threadsOption, watch } from '../build-options.ts'
import { defineCommand } from '../command.ts'
import { blame, ExitCode, UsageError } from '../errors.ts'
import { stateOptions } from '../pcr/options.ts'
import { progressLine } from '../progress.ts'
import { printable } from '../terminal.ts'
import { directory, file, named, text } from '../types.ts'

export const request = defineCommand({
  name: 'request',
  description:
    'Writes down what has to be signed for images and unified kernel images: the exact bytes, their hash, for what purpose, for which file. extsign sign signs it where the key is, extsign attach puts the signatures into the files.\n\nImages are verified first.',
  arguments: {
    files: positionals({ type: named('FILE', file), description: 'images and UKIs' }),
    output: option({
      long: 'output',
      short: 'o',
      type: file,
      replaces: [],
      description: 'the request; by default standard output',
    }),
    force: flag({ long: 'force', short: 'f', description: 'replace an existing output' }),
    root: option({
      long: 'root',
      type: directory,
      description: 'the folder that the files are in; by default the current one',
    }),
    ...stateOptions,
    policyref: option({
      long: 'policyref',
      type: text('TEXT'),
      description: 'limit signatures of policies to what was enrolled for this reference',
    }),
    noVerifyData: flag({
      long: 'no-verify-data',
      description: 'do not hash the data of images before',
    }),
    quiet: flag({ long: 'quiet', short: 'q', description: 'do not print what was requested' }),
    ...threadsOption,
  },
  examples: [
    'extsign request hello.sysext.raw site.confext.raw -o request.json',
    'extsign request linux.efi --bank sha256 -o request.json',
  ],
  async run(values, context) {
    const { output, force, phase, bank, policyref, noVerifyData, threads } = values
    const root = resolve(context.cwd(), values.root ?? '.')
    const paths = values.files.map((path) => insideOf(root, resolve(context.cwd(), path), path))
    const line = progressLine(context, values.quiet)
    const options = {
      root,
      verifyData: !noVerifyData,
      reference: policyref,
      threads,
      onProgress: watch(line, context.interrupts()),
      ...(phase.length > 0 && { phases: phase }),
      ...(bank.length > 0 && { banks: bank }),
    }
    const items: RequestItem[] = []
    for (const path of paths) {
      const found = await requestSignatures({ ...options, paths: [path] })
        .catch(blame(path))
        .finally(line.clear)
      items.push(...found.items)
    }
    const document = formatSigningRequest({ items })
    if (output === undefined) {
      context.stdout.write(document)
      return ExitCode.done
    }
    await writeOutput(output, encodeUtf8(document), { force })
    if (!values.quiet) {
      for (const { purpose, subject } of items) {
        context.stdout.write(`${purpose}  ${printable(subject)}\n`)
      }
    }
    return ExitCode.done
  },
})

/** A path as the other side sees it. @throws UsageError where it is not in the folder. */
function insideOf(root: string, path: string, given: string): string {
  const inside = relative(root, path).split(sep)
  if (inside[0] === '..' || inside[0] === '' || relative(root, path) === path) {
    throw new UsageError(`${given} is not in ${root}`, {
      hint: '--root names the folder that the files are in',
    })
  }
  return inside.join('/')
}
