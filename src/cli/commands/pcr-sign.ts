/** `extsign pcr sign`. */

import { appendPcrSignatures } from '../../formats/pcr-signature-document.ts'
import { policiesOf } from '../../policies/policy.ts'
import { signPolicies } from '../../policies/sign.ts'
import { defineCommand } from '../command.ts'
import { ExitCode } from '../errors.ts'
import { loadSigner } from '../pcr/keys.ts'
import {
  jsonOption,
  placementOptions,
  policyOptions,
  privateKeyOptions,
  publicKeyOptions,
  sectionOptions,
  stateOptions,
  ukiOptions,
} from '../pcr/options.ts'
import { assertPlaceable, writeSignatures } from '../pcr/output.ts'
import { loadDocument, subjectOf } from '../pcr/policies.ts'
import { withMeasured } from '../pcr/subject.ts'

export const pcrSign = defineCommand({
  name: 'pcr sign',
  description:
    'Signs the states of PCR 11 in which a unified kernel image may open secrets: each phase of the boot, in every bank, and of a whole image in every profile and for every device tree and firmware that a machine may choose.\n\nPrints the JSON that goes into .pcrsig, or places it there. Options and output are those of systemd-measure(1).',
  arguments: {
    ...ukiOptions,
    ...sectionOptions,
    ...stateOptions,
    ...privateKeyOptions,
    ...publicKeyOptions,
    ...policyOptions,
    ...placementOptions,
    ...jsonOption,
  },
  examples: [
    'extsign pcr sign --uki linux.efi --private-key pcr.key -o linux.signed.efi',
    'extsign pcr sign --linux vmlinuz --initrd initrd.cpio --private-key pcr.key',
  ],
  async run(values, context) {
    assertPlaceable(values, values.uki)
    const signer = await loadSigner(values, context)
    const { publicKey } = signer
    const policy = { fingerprint: publicKey.fingerprint, reference: values.policyref }
    return withMeasured(values, async (measured) => {
      const document = await loadDocument(values.append)
      const boots = measured.kind === 'uki' ? measured.measurements : [measured.measurement]
      const subject = subjectOf(measured)
      const signed = await Promise.all(
        boots.map(({ phases }) =>
          signPolicies(policiesOf(phases, policy), { signer, publicKey }, subject),
        ),
      ).finally(() => signer.forget())
      const placement = measured.kind === 'uki' && {
        uki: measured.uki,
        profiles: measured.measurements.map(({ profile }, index) => {
          return { profile, signatures: signed[index]! }
        }),
      }
      const complete = appendPcrSignatures(document, signed.flat())
      await writeSignatures(complete, placement || undefined, values, context)
      return ExitCode.done
    })
  },
})
