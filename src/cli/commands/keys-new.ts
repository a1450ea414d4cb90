/** `extsign keys new`. */

import { type GeneratedKey, generateKey, KEY_ALGORITHMS, MAX_DAYS } from '../../keys/generate.ts'
import { readPassphraseFile } from '../../keys/passphrase.ts'
import { flag, option } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { ExitCode, printWarnings } from '../errors.ts'
import { formatJson } from '../json.ts'
import { formatPairs, paint, printable } from '../terminal.ts'
import { choice, directory, file, integer, text } from '../types.ts'

const DEFAULT_DAYS = 3650

export const keysNew = defineCommand({
  name: 'keys new',
  description:
    'Makes a private key (PKCS#8, mode 0600) and a self-signed certificate for it, DIR/NAME.key and DIR/NAME.crt. Existing files are never overwritten.\n\nThe certificate is what machines trust: copy it to /etc/verity.d/ there, or enroll it in a keyring of the kernel. The key never leaves its file.',
  arguments: {
    directory: option({
      long: 'directory',
      type: directory,
      description: 'where the files go; by default keys, made when missing',
    }),
    name: option({
      long: 'name',
      type: text('NAME'),
      description: 'the name of the files; by default release',
    }),
    algorithm: option({
      long: 'algorithm',
      type: choice(KEY_ALGORITHMS),
      description: 'by default rsa4096; for PCR policies rsa2048, which every TPM can load',
    }),
    commonName: option({
      long: 'common-name',
      type: text('CN'),
      description: 'the name in the certificate; by default NAME',
    }),
    days: option({
      long: 'days',
      type: integer('N', { from: 1, to: MAX_DAYS }),
      description: `how long the certificate is valid; by default ${DEFAULT_DAYS}`,
    }),
    passphraseFile: option({
      long: 'passphrase-file',
      type: file,
      description: 'encrypt the key with the passphrase in this file',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: [
    'extsign keys new',
    "extsign keys new --name site --algorithm p384 --common-name 'Example site 2026'",
    'extsign keys new --passphrase-file /run/secrets/passphrase',
  ],
  async run({ passphraseFile, ...values }, context) {
    context.saysEnd()
    const passphrase =
      passphraseFile === undefined ? undefined : await readPassphraseFile(passphraseFile)
    printWarnings(passphrase?.warnings ?? [], context.stderr)
    const made = await generateKey({
      directory: values.directory ?? 'keys',
      name: values.name ?? 'release',
      algorithm: values.algorithm ?? 'rsa4096',
      commonName: values.commonName,
      days: values.days ?? DEFAULT_DAYS,
      now: context.now(),
      passphrase: passphrase?.bytes,
    }).finally(() => passphrase?.bytes.fill(0))
    context.stdout.write(values.json ? formatJson(made) : formatKey(made, context))
    return ExitCode.done
  },
})

function formatKey(made: GeneratedKey, context: Context): string {
  const { privateKey, certificate, algorithm, encrypted, commonName, fingerprint } = made
  const title = (path: string) => paint(context, context.stdout, 'bold', printable(path))
  return (
    `${title(privateKey)}: private key, ${algorithm}, ${encrypted ? 'encrypted' : 'not encrypted'}\n` +
    `${title(certificate)}: certificate\n` +
    formatPairs([
      ['name', printable(commonName)],
      ['SHA-256', fingerprint],
      ['valid', `until ${made.notAfter.toISOString().slice(0, 10)}`],
    ])
  )
}
