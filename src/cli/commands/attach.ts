/** `extsign attach RESPONSE`. */

import { join } from 'node:path'
import { allOf } from '../../files/all-of.ts'
import { readSmallFile } from '../../files/text.ts'
import {
  MAX_REQUEST,
  parseSigningRequest,
  parseSigningResponse,
  type SigningResponseFile,
} from '../../formats/signing-request.ts'
import {
  findValidityWarning,
  type LoadedCertificate,
  loadCertificate,
} from '../../keys/certificate.ts'
import {
  type AttachResult,
  attachGroup,
  certificateOfResponse,
  checkResponse,
} from '../../requests/attach.ts'
import { flag, option, options, positional, type ValuesOf } from '../arguments.ts'
import { watch } from '../build-options.ts'
import { defineCommand } from '../command.ts'
import type { Context } from '../context.ts'
import { inFile, printWarnings, UsageError } from '../errors.ts'
import { progressLine } from '../progress.ts'
import { sealingOptions } from '../sealing-options.ts'
import { concludeFiles, forEachFile, formatSealing } from '../sealing-report.ts'
import { paint, printable } from '../terminal.ts'
import { directory, file, named } from '../types.ts'

const attachArguments = {
  response: positional({
    type: named('RESPONSE', file),
    description: 'what extsign sign wrote; or the request, with --signature',
  }),
  root: option({
    long: 'root',
    type: directory,
    description: 'the folder that the files are in; by default the current one',
  }),
  certificate: option({
    long: 'certificate',
    group: 'Signing',
    type: file,
    description:
      'the signatures must be by this certificate; without it, by the one in the response, which then signs only what is not signed yet or what it has signed itself',
  }),
  signature: options({
    long: 'signature',
    group: 'Signing',
    type: file,
    description: 'a raw signature or PKCS#7 message for the request: one for each item, in order',
  }),
  stripAuthenticode: flag({
    long: 'strip-authenticode',
    group: 'Signing',
    description: 'remove the Authenticode signature of a UKI, which the change makes invalid',
  }),
  ...sealingOptions,
}

type AttachValues = ValuesOf<typeof attachArguments>

export const attach = defineCommand({
  name: 'attach',
  description:
    'Puts signatures into the files they are for: root hashes into images, PCR policies into unified kernel images. Every signature is checked against the certificate before anything is written, and every file against what was signed. Each file is entirely as it was or entirely as it shall be.',
  arguments: attachArguments,
  examples: [
    'extsign attach response.json --certificate keys/release.crt',
    'extsign attach request.json --signature hello.p7s --certificate keys/release.crt',
  ],
  async run(values, context) {
    const { quiet, json, dryRun } = values
    const { response, certificate } = await readResponse(values)
    const signer = certificate ?? certificateOfResponse(response)
    const validity = findValidityWarning(signer, context.now(), signer.sourceFile)
    printWarnings(validity === undefined ? [] : [validity], context.stderr)
    const groups = checkResponse(response, signer)
    const oldCertificates = await allOf(values.oldCertificate.map(loadCertificate))
    const { seed, threads, stripAuthenticode } = values
    const root = values.root ?? '.'
    const interrupted = context.interrupts()
    const line = progressLine(context, quiet)
    const ended = await forEachFile(
      groups,
      {
        pathOf: ({ path }) => join(root, path),
        run: (group) =>
          attachGroup(group, {
            ...{ root, response, certificate, oldCertificates, dryRun, seed, threads },
            stripAuthenticode,
            embedCertificate: !values.omitCertificate,
            verifyData: !values.noVerifyData,
            onProgress: watch(line, interrupted),
          }).finally(line.clear),
        onResult(result) {
          if (!json && !quiet) context.stdout.write(format(result, dryRun, context))
        },
      },
      context,
    )
    return concludeFiles(ended, json, context)
  },
})

interface Returned {
  readonly response: SigningResponseFile
  /** Undefined where the user has named none. */
  readonly certificate: LoadedCertificate | undefined
}

/** What came back, and the certificate it must be by. */
async function readResponse(values: AttachValues): Promise<Returned> {
  const { response: path, signature: signatures } = values
  const bytes = await readSmallFile(path, { maximum: MAX_REQUEST })
  const given =
    values.certificate === undefined ? undefined : await loadCertificate(values.certificate)
  try {
    if (signatures.length === 0) {
      return { response: parseSigningResponse(bytes), certificate: given }
    }
    const { items } = parseSigningRequest(bytes)
    if (!given) throw new UsageError('--certificate is missing: whose are the signatures?')
    if (items.length !== signatures.length) {
      const message = `${signatures.length} signatures for a request of ${items.length} items`
      throw new UsageError(message, { hint: 'give --signature once for each item, in their order' })
    }
    const signed = await allOf(
      items.map(async (item, index) => {
        return { ...item, signature: await readSmallFile(signatures[index]!) }
      }),
    )
    return { response: { certificate: given.der, items: signed }, certificate: given }
  } catch (error) {
    throw inFile(path, error)
  }
}

function format(result: AttachResult, dryRun: boolean, context: Context): string {
  if (result.action !== 'placed') return formatSealing(result, dryRun, context)
  const name = paint(context, context.stdout, 'bold', printable(result.image))
  const policies = `${result.policies} ${result.policies === 1 ? 'policy' : 'policies'}`
  return `${name}: signatures of ${policies} ${dryRun ? 'would be placed' : 'placed'}\n`
}
