/** `extsign pcr policy-digest`. */

import { appendPcrSignatures } from '../../formats/pcr-signature-document.ts'
import { defineCommand } from '../command.ts'
import { ExitCode, printWarnings } from '../errors.ts'
import { formatAlways } from '../pcr/json.ts'
import { loadPublicKey } from '../pcr/keys.ts'
import {
  jsonOption,
  policyOptions,
  publicKeyOptions,
  sectionOptions,
  stateOptions,
  ukiOptions,
} from '../pcr/options.ts'
import { loadDocument, policiesOfMeasured } from '../pcr/policies.ts'
import { findImpossiblePhases, withMeasured } from '../pcr/subject.ts'

export const pcrPolicyDigest = defineCommand({
  name: 'pcr policy-digest',
  description:
    'Prints what a key that is elsewhere has to sign: the same JSON as pcr sign without signatures, and in tbs the very bytes that are signed, RSASSA-PKCS1-v1_5 with SHA-256 in every bank. What comes back goes to pcr join.',
  arguments: {
    ...ukiOptions,
    ...sectionOptions,
    ...stateOptions,
    ...publicKeyOptions,
    ...policyOptions,
    ...jsonOption,
  },
  examples: ['extsign pcr policy-digest --uki linux.efi --public-key pcr.pub > to-sign.json'],
  async run(values, context) {
    const publicKey = await loadPublicKey(values)
    printWarnings(findImpossiblePhases(values), context.stderr)
    return withMeasured(values, async (measured) => {
      const policies = policiesOfMeasured(measured, {
        fingerprint: publicKey?.fingerprint,
        reference: values.policyref,
      })
      const { document } = await loadDocument(values.append)
      const complete = appendPcrSignatures(document, policies, { payload: true })
      context.stdout.write(formatAlways(complete, values.json, context))
      return ExitCode.done
    })
  },
})
