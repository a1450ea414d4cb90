/** `extsign pcr sign`. */

import { appendPcrSignatures, type BankedSignature } from '../../formats/pcr-signature-document.ts'
import { policiesOf } from '../../policies/policy.ts'
import { type PolicySigning, signPolicies } from '../../policies/sign.ts'
import { signUki } from '../../policies/sign-uki.ts'
import { defineCommand } from '../command.ts'
import { ExitCode, printWarnings } from '../errors.ts'
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
import { assertPlaceable, type Placement, writeSignatures } from '../pcr/output.ts'
import { loadDocument, subjectOf } from '../pcr/policies.ts'
import { findImpossiblePhases, type Measured, withMeasured } from '../pcr/subject.ts'

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
    const signing = { signer, publicKey: signer.publicKey }
    printWarnings(findImpossiblePhases(values), context.stderr)
    return withMeasured(values, async (measured) => {
      const { document, source } = await loadDocument(values.append)
      const { signed, placement } = await sign(measured, signing, values.policyref).finally(() =>
        signer.forget(),
      )
      const complete = appendPcrSignatures(document, signed)
      await writeSignatures({ document: complete, source }, placement, values, context)
      return ExitCode.done
    })
  },
})

/** All signatures, and those of a UKI by the profile that gets them. */
async function sign(
  measured: Measured,
  signing: PolicySigning,
  reference: string | undefined,
): Promise<{ readonly signed: readonly BankedSignature[]; readonly placement?: Placement }> {
  const subject = subjectOf(measured)
  if (measured.kind === 'sections') {
    const { fingerprint } = signing.publicKey
    const policies = policiesOf(measured.measurement.phases, { fingerprint, reference })
    return { signed: await signPolicies(policies, signing, subject) }
  }
  const { uki, measurements } = measured
  const profiles = await signUki(measurements, signing, { reference, subject })
  return {
    signed: profiles.flatMap(({ signatures }) => signatures),
    placement: { uki, profiles },
  }
}
