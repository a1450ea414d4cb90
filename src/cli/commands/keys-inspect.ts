/** `extsign keys inspect FILE…`. */

import { type InspectedItem, inspectKeys, type KeyReport } from '../../keys/inspect.ts'
import { readPassphraseFile } from '../../keys/passphrase.ts'
import { flag, option, positionals } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { ExitCode, printWarnings } from '../errors.ts'
import { formatJson } from '../json.ts'
import { formatPairs, paint, printable } from '../terminal.ts'
import { file } from '../types.ts'

export const keysInspect = defineCommand({
  name: 'keys inspect',
  description:
    'Says what each key or certificate is, how long it is valid, whether keys and certificates belong together, and who accepts them: the keyrings of the kernel, verity.d, and the signing of PCR policies.\n\nEnds with 3 when a private key fits none of the certificates given.',
  arguments: {
    files: positionals({
      type: file,
      description: 'private keys (PEM or DER) and certificates, in any order',
    }),
    passphraseFile: option({
      long: 'passphrase-file',
      type: file,
      description: 'tried on encrypted keys',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: ['extsign keys inspect keys/release.key keys/release.crt'],
  async run({ files, passphraseFile, json }, context) {
    const passphrase =
      passphraseFile === undefined ? undefined : await readPassphraseFile(passphraseFile)
    const report = await inspectKeys(files, {
      now: context.now(),
      passphrase: passphrase?.bytes,
    }).finally(() => passphrase?.bytes.fill(0))
    printWarnings(passphrase?.warnings ?? [], context.stderr)
    context.stdout.write(json ? formatJson(report) : formatReport(report, context))
    return findLonely(report).length === 0 ? ExitCode.done : ExitCode.wanting
  },
})

/** Keys that could be opened and belong to none of the certificates. */
function findLonely({ pairs }: KeyReport): string[] {
  const keys = [...new Set(pairs.map(({ privateKey }) => privateKey))]
  return keys.filter(
    (key) => !pairs.some(({ privateKey, belongTogether }) => privateKey === key && belongTogether),
  )
}

function formatReport(report: KeyReport, context: Context): string {
  const items = report.items.map((item) => formatItem(item, context))
  const pairs = report.pairs.map(({ privateKey, certificate, belongTogether }) => {
    const verdict = belongTogether ? 'belongs' : 'does not belong'
    return `${mark(belongTogether, context)} ${printable(privateKey)} ${verdict} to ${printable(certificate)}\n`
  })
  return [...items, ...(pairs.length > 0 ? [pairs.join('')] : [])].join('\n')
}

function formatItem(item: InspectedItem, context: Context): string {
  const title = paint(context, context.stdout, 'bold', printable(item.path))
  const kind =
    item.kind === 'certificate' ? 'certificate' : `${item.encrypted ? 'encrypted ' : ''}private key`
  const rows: (readonly [string, string])[] =
    item.kind === 'certificate'
      ? [
          ['algorithm', item.algorithm],
          ['SHA-256', item.fingerprint],
          ['public key', item.publicKeyFingerprint],
          ['subject', item.subject],
          ['issuer', item.issuer],
          ['serial', item.serial],
          [
            'valid',
            `${formatDay(item.notBefore)} to ${formatDay(item.notAfter)}${VALIDITY[item.validity]}`,
          ],
        ]
      : [
          ...(item.algorithm === undefined ? [] : [['algorithm', item.algorithm] as const]),
          ...(item.publicKeyFingerprint === undefined
            ? []
            : [['public key', item.publicKeyFingerprint] as const]),
        ]
  const doors = item.doors.map(({ door, accepted, reason }) => {
    const note = reason === undefined ? '' : `: ${reason}`
    return `  ${mark(accepted, context)} ${door}${printable(note)}\n`
  })
  const warnings = item.warnings.map((warning) => `  note: ${printable(warning)}\n`)
  return `${title}: ${kind}\n${formatPairs(rows.map(([label, value]) => [label, printable(value)]))}${doors.join('')}${warnings.join('')}`
}

const VALIDITY = { valid: '', expired: ' (expired)', 'not-yet-valid': ' (not yet)' } as const

function mark(good: boolean, context: Context): string {
  return good
    ? paint(context, context.stdout, 'green', 'yes')
    : paint(context, context.stdout, 'red', 'no ')
}

function formatDay(date: Date): string {
  return date.toISOString().slice(0, 10)
}
