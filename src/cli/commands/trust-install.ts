/** `extsign trust install CERT…`. */

import { type InstalledCertificate, installCertificates } from '../../trust/install.ts'
import { flag, option, positionals } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { ExitCode, printWarnings, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { printable } from '../terminal.ts'
import { directory, file, named, text } from '../types.ts'

export const trustInstall = defineCommand({
  name: 'trust install',
  description:
    'Writes each certificate into a file of its own below etc/verity.d of a root folder: as PEM, with the suffix .crt, mode 0644. All appear or none. A certificate that is there already is left alone; another one is never replaced without --force.',
  arguments: {
    certificates: positionals({
      type: named('CERT', file),
      description: 'certificates, PEM or DER, one in each file',
    }),
    root: option({
      long: 'root',
      type: directory,
      description: 'the root folder of the machine or of its image; / is this machine',
    }),
    vendor: flag({
      long: 'vendor',
      description: 'into usr/lib/verity.d, which comes with the OS',
    }),
    name: option({
      long: 'name',
      type: text('NAME'),
      description: 'the name of the file; by default that of CERT, with the suffix .crt',
    }),
    force: flag({ long: 'force', short: 'f', description: 'replace another certificate' }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: [
    'extsign trust install keys/release.crt --root /',
    'extsign trust install keys/release.crt keys/release-2027.crt --root image --vendor',
  ],
  async run({ certificates, root, vendor, name, force, json }, context) {
    if (root === undefined) {
      throw new UsageError('--root is missing: where shall they go?', {
        hint: '--root / installs on this machine',
      })
    }
    context.saysEnd()
    const installed = await installCertificates({
      certificates,
      root,
      place: vendor ? 'vendor' : 'local',
      name,
      force,
      now: context.now(),
    })
    for (const { warnings } of installed) printWarnings(warnings, context.stderr)
    context.stdout.write(json ? formatJson(installed) : installed.map(formatInstalled).join(''))
    return ExitCode.done
  },
})

function formatInstalled({ path, state, subject, serial }: InstalledCertificate): string {
  return `${printable(path)}: ${state}, ${printable(subject)}, serial ${serial}\n`
}
