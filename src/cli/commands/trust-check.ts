/** `extsign trust check DIR [IMAGE…]`. */

import {
  type CheckedCertificate,
  type CheckedFile,
  checkTrust,
  findTrustDirectories,
  type TrustCheck,
} from '../../trust/check.ts'
import type { CheckedImage } from '../../trust/check-image.ts'
import { flag, optionalPositionals, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { ExitCode } from '../errors.ts'
import { formatJson } from '../json.ts'
import { formatPairs, paint, printable } from '../terminal.ts'
import { directory, file, named } from '../types.ts'

export const trustCheck = defineCommand({
  name: 'trust check',
  description:
    'Says of every file in a verity.d directory whether systemd uses it, and if not, why; and of every image whether these certificates vouch for it: to systemd, and to a kernel that has them in a keyring. A DIR with etc or usr in it is the root folder of a machine, whose four verity.d directories are read as systemd reads them.\n\nEnds with 3 when a certificate is ignored, or systemd does not accept an image.',
  arguments: {
    directory: positional({ type: directory, description: 'a verity.d, or the root of a machine' }),
    images: optionalPositionals({ type: named('IMAGE', file), description: 'signed images' }),
    json: flag({ long: 'json', description: 'print the findings as JSON' }),
    quiet: flag({ long: 'quiet', short: 'q', description: 'print nothing; the exit code says it' }),
  },
  examples: [
    'extsign trust check /',
    'extsign trust check target/etc/verity.d hello.sysext.raw site.confext.raw',
  ],
  async run({ directory, images, json, quiet }, context) {
    const found = await findTrustDirectories(directory)
    const check = await checkTrust({ ...found, images, now: context.now() })
    if (json) context.stdout.write(formatJson(check))
    else if (!quiet) context.stdout.write(formatCheck(check, directory, context))
    return check.verdict === 'ok' ? ExitCode.done : ExitCode.wanting
  },
})

function formatCheck(check: TrustCheck, directory: string, context: Context): string {
  const { certificates, ignored, images, verdict } = check
  const parts = [
    ...certificates.map((each) => formatCertificate(each, context)),
    ...ignored.map((each) => formatIgnored(each, context)),
    ...images.map((each) => formatImage(each, context)),
  ]
  const count = `${certificates.length} ${certificates.length === 1 ? 'certificate' : 'certificates'}`
  const last =
    verdict === 'ok'
      ? `${printable(directory)} is ok: ${count}\n`
      : `${printable(directory)} is not ok\n`
  return [...parts, last].join('')
}

function formatCertificate(checked: CheckedCertificate, context: Context): string {
  const { path, subject, issuer, serial } = checked
  const rows = [
    ['subject', subject],
    ...(issuer === subject ? [] : [['issuer', issuer] as const]),
    ['serial', serial],
  ] as const
  const pairs = formatPairs(rows.map(([label, value]) => [label, printable(value)]))
  return `${title(path, checked, 'used', context)}${pairs}${remarks(checked)}`
}

function formatIgnored(checked: CheckedFile, context: Context): string {
  return `${title(checked.path, checked, 'not used', context)}${remarks(checked)}`
}

function formatImage(checked: CheckedImage, context: Context): string {
  const rows = [
    ...checked.signers.map((signer) => ['signed by', signer] as const),
    ...checked.readers.map(
      ({ reader, verdict, reason }) => [reader, `${verdict}: ${reason}`] as const,
    ),
  ]
  const pairs = formatPairs(rows.map(([label, value]) => [label, printable(value)]))
  return `${title(checked.path, checked, 'image', context)}${pairs}${remarks(checked)}`
}

function title(
  path: string,
  { problems }: { readonly problems: readonly string[] },
  what: string,
  context: Context,
): string {
  const isOk = problems.length === 0
  const mark = isOk
    ? paint(context, context.stdout, 'green', 'ok  ')
    : paint(context, context.stdout, 'red', 'FAIL')
  return `${mark}  ${printable(path)}: ${what}\n`
}

function remarks({ problems, notes }: CheckedFile): string {
  const lines = [
    ...problems.map((text) => `  problem: ${printable(text)}\n`),
    ...notes.map((text) => `  note: ${printable(text)}\n`),
  ]
  return lines.join('')
}
