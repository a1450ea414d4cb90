/** `extsign sign REQUEST`. */

import { toHex } from '../../bytes/hex.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { sha256 } from '../../crypto/sha256.ts'
import { writeOutput } from '../../files/output.ts'
import { readSmallFile } from '../../files/text.ts'
import { describeParts } from '../../formats/signing-purpose/describe.ts'
import {
  formatSigningResponse,
  MAX_REQUEST,
  parseSigningRequest,
  partsOfItem,
  type RequestItem,
} from '../../formats/signing-request.ts'
import { signRequest } from '../../requests/sign.ts'
import { flag, option, options, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { ExitCode, inFile, printWarnings, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { loadSigner } from '../signer.ts'
import { signerOptions } from '../signer-options.ts'
import { formatPairs, printableClaim } from '../terminal.ts'
import { choice, file, named } from '../types.ts'

const PURPOSES = ['verity-root-hash', 'pcr-policy'] as const

export const sign = defineCommand({
  name: 'sign',
  description:
    'Signs what extsign request wrote down, on the machine that has the key. Shows each item, and writes nothing but the signatures. The files themselves are not needed.',
  arguments: {
    request: positional({ type: named('REQUEST', file), description: 'what is to be signed' }),
    output: option({
      long: 'output',
      short: 'o',
      type: file,
      replaces: [],
      description: 'the response, with the signatures',
    }),
    force: flag({ long: 'force', short: 'f', description: 'replace an existing output' }),
    purpose: options({
      long: 'purpose',
      type: choice(PURPOSES),
      description: 'sign nothing but this; may be given several times; by default either',
    }),
    dryRun: flag({ long: 'dry-run', description: 'show what would be signed, and sign nothing' }),
    ...signerOptions,
    quiet: flag({ long: 'quiet', short: 'q', description: 'do not show the items' }),
    json: flag({ long: 'json', description: 'print the items as JSON' }),
  },
  examples: [
    'extsign sign request.json -o response.json --private-key keys/release.key --certificate keys/release.crt',
    'extsign sign request.json --dry-run',
  ],
  async run(values, context) {
    const { output, force, quiet, json, dryRun } = values
    const request = await readRequest(values.request)
    const show = (item: RequestItem) => {
      if (!quiet && !json) context.stdout.write(describe(item))
    }
    if (dryRun) {
      for (const item of request.items) show(item)
      if (json) context.stdout.write(formatJson(request.items.map(asObject)))
      return ExitCode.done
    }
    if (output === undefined) throw new UsageError('--output is missing: where do signatures go?')
    const { signer, warnings } = await loadSigner(values, context)
    printWarnings(warnings, context.stderr)
    const purposes = values.purpose.length > 0 ? values.purpose : PURPOSES
    const response = await signRequest({ request, signer, purposes, onItem: show }).finally(() =>
      signer.forget(),
    )
    await writeOutput(output, encodeUtf8(formatSigningResponse(response)), { force })
    if (json) context.stdout.write(formatJson(request.items.map(asObject)))
    return ExitCode.done
  },
})

async function readRequest(path: string) {
  const bytes = await readSmallFile(path, { maximum: MAX_REQUEST })
  try {
    return parseSigningRequest(bytes)
  } catch (error) {
    throw inFile(path, error)
  }
}

/** The subject is what the request says; below it is what the bytes are. */
function describe(item: RequestItem): string {
  const pairs = [...describeParts(partsOfItem(item)), ['SHA-256', hashOf(item)] as const]
  return [
    `${item.purpose}  ${printableClaim(item.subject)}\n`,
    formatPairs(pairs.map(([label, value]) => [label, printableClaim(value)])),
  ].join('')
}

function asObject(item: RequestItem) {
  const { subject, path } = item
  return { ...partsOfItem(item), subject, path, hash: hashOf(item) }
}

function hashOf({ payload }: RequestItem): string {
  return toHex(sha256(payload))
}
