/** `extsign resign IMAGE…`. */

import { stat } from 'node:fs/promises'
import { allOf } from '../../files/all-of.ts'
import { resignImage } from '../../images/resign.ts'
import { loadCertificate } from '../../keys/certificate.ts'
import { positionals } from '../arguments.ts'
import { watch } from '../build-options.ts'
import { defineCommand } from '../command.ts'
import { printWarnings } from '../errors.ts'
import { progressLine } from '../progress.ts'
import { sealingOptions } from '../sealing-options.ts'
import { concludeFiles, forEachFile, formatSealing } from '../sealing-report.ts'
import { loadSigner, loadSignerUnopened } from '../signer.ts'
import { signerOptions } from '../signer-options.ts'
import { file, named } from '../types.ts'

/**
 * While one image waits for the disk or a signature, others are read and judged. Two whose data is
 * hashed keep all processors busy.
 */
const AT_ONCE = { hashing: 2, signing: 8 } as const

export const resign = defineCommand({
  name: 'resign',
  description:
    'Replaces the signature of finished images, whoever built them, or adds one. Root hash and data stay as they are, a few KiB are written, and each image is entirely as it was or entirely as it shall be, whatever happens in between.\n\nEach image is verified before and after. One that is not in order is left alone, and the others are signed.',
  arguments: {
    images: positionals({ type: named('IMAGE', file), description: 'the images' }),
    ...signerOptions,
    ...sealingOptions,
  },
  examples: [
    'extsign resign *.raw --private-key keys/new.key --certificate keys/new.crt --old-certificate keys/old.crt',
    'extsign resign hello.raw --private-key keys/new.key --certificate keys/new.crt --dry-run',
  ],
  async run(values, context) {
    const { dryRun, quiet, json } = values
    const load = dryRun ? loadSignerUnopened : loadSigner
    const { signer, warnings } = await load(values, context)
    printWarnings(warnings, context.stderr)
    try {
      const oldCertificates = await allOf(values.oldCertificate.map(loadCertificate))
      const signing = {
        signer,
        certificate: signer.certificate.der,
        embedCertificate: !values.omitCertificate,
      }
      const { seed, threads, noVerifyData } = values
      const line = progressLine(context, quiet)
      const onProgress = watch(line, context.interrupts())
      const verifyData = !noVerifyData
      const options = { oldCertificates, verifyData, seed, threads, dryRun, onProgress }
      const mayShare = signer.isConcurrent && (await areDistinct(values.images))
      const atOnce = mayShare ? AT_ONCE[verifyData ? 'hashing' : 'signing'] : 1
      const ended = await forEachFile(
        values.images,
        {
          atOnce,
          pathOf: (image) => image,
          run: (image) => resignImage({ image, signing, ...options }).finally(line.clear),
          onResult(result) {
            printWarnings(result.warnings, context.stderr)
            if (!json && !quiet) context.stdout.write(formatSealing(result, dryRun, context))
          },
        },
        context,
      )
      return concludeFiles(ended, json, context)
    } finally {
      signer.forget()
    }
  },
})

/** Whether no file is named twice, under whatever names; what is not there is named by nobody. */
async function areDistinct(paths: readonly string[]): Promise<boolean> {
  const found = await allOf(paths.map((path) => stat(path).catch(() => undefined)))
  const files = found.flatMap((each) => (each ? [`${each.dev}:${each.ino}`] : []))
  return new Set(files).size === files.length
}
