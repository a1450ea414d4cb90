/** `extsign unpack IMAGE DIR`. */

import type { Progress } from '../../images/options.ts'
import { type UnpackResult, unpackImage, type Verifier } from '../../images/unpack.ts'
import { verifyImage } from '../../images/verify.ts'
import { flag, option, positional } from '../arguments.ts'
import { watch } from '../build-options.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { blame, ExitCode, printWarnings } from '../errors.ts'
import { formatJson } from '../json.ts'
import { progressLine } from '../progress.ts'
import { formatPairs, formatSize, paint, printable } from '../terminal.ts'
import { loadTrust, type Trust, trustOptions } from '../trust-options.ts'
import { directory, file, named, size } from '../types.ts'

export const unpack = defineCommand({
  name: 'unpack',
  description:
    'Writes the files of an image into a new folder, whole or not at all, and never outside of it. The image is verified first, and left packed when something is wrong with it.',
  arguments: {
    image: positional({ type: named('IMAGE', file), description: 'the image' }),
    directory: positional({ type: directory, description: 'the folder to make' }),
    ...trustOptions,
    unverified: flag({
      long: 'unverified',
      group: 'Trust',
      description: 'unpack without verifying the image',
    }),
    keepSetId: flag({
      long: 'keep-set-id',
      description: 'keep set-user-ID and set-group-ID on files that get another owner',
    }),
    maximumSize: option({
      long: 'maximum-size',
      type: size,
      description: 'refuse to write more content than this; by default 64G',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
    quiet: flag({
      long: 'quiet',
      short: 'q',
      description: 'print neither the result nor progress',
    }),
  },
  examples: [
    'extsign unpack hello.sysext.raw hello --certificate keys/release.crt',
    'extsign unpack broken.raw rescued --unverified',
  ],
  async run(values, context) {
    const { image, directory, unverified, keepSetId, maximumSize } = values
    const trust = await loadTrust(values)
    const line = progressLine(context, values.quiet)
    const signal = context.interrupts()
    const result = await unpackImage({
      image,
      directory,
      keepSetId,
      ...(maximumSize !== undefined && { maximumSize }),
      verify: unverified ? false : verifier(trust, context, watch(line, signal)),
      onProgress: (progress) => {
        signal.throwIfAborted()
        line.update({ step: 'unpack', ...progress })
      },
    })
      .catch(blame(image))
      .finally(line.clear)
    if (values.json) context.stdout.write(formatJson(result))
    else if (!values.quiet) context.stdout.write(formatResult(result, context))
    return ExitCode.done
  },
})

/** Without a certificate it is enough that nothing is wrong; with one it must vouch for the image. */
function verifier(
  trust: Trust,
  { stderr }: Context,
  onProgress: (progress: Progress) => void,
): Verifier {
  return async (image) => {
    const { findings } = await verifyImage(image, { ...trust, onProgress })
    if (trust.certificates.length > 0 || trust.trust !== undefined) return findings
    const open = findings.filter((finding) => !finding.ok && finding.unproven)
    if (open.length > 0) {
      printWarnings([`nobody vouches for ${image}: --certificate would say whose it is`], stderr)
    }
    return findings.filter((finding) => !open.includes(finding))
  }
}

const LOSSES = {
  owner: 'owner not kept',
  'set-id': 'set-ID not kept',
  special: 'not made',
  xattr: 'attribute not kept',
} as const

function formatResult(result: UnpackResult, context: Context): string {
  const { directory, files, directories, symlinks, hardLinks, contentSize, losses } = result
  const title = paint(context, context.stdout, 'bold', printable(directory))
  const counts = [
    `${files} files`,
    `${directories} folders`,
    `${symlinks} symlinks`,
    `${hardLinks} hard links`,
  ]
  const rows = losses.map(({ kind, reason, name, entries, examples }) => {
    const what = name === undefined ? '' : ` ${name}`
    const some = `${examples.slice(0, 3).join(', ')}${entries > 3 ? ', …' : ''}`
    return [`${LOSSES[kind]}${what}`, printable(`${entries}: ${reason} (${some})`)] as const
  })
  return `${title}: ${counts.join(', ')}, ${formatSize(contentSize)}\n${formatPairs(rows)}`
}
