/** What may stand in the tables of a plan: fields with the names and types of options. */

import { flag, option, options } from '../arguments.ts'
import { tpmOpeningOptions, tpmSealingOptions } from '../credential/tpm.ts'
import { privateKeyOptions, publicKeyOptions } from '../pcr/options.ts'
import { signerOptions } from '../signer-options.ts'
import { file, text } from '../types.ts'

const files = options({
  long: 'files',
  type: file,
  description: 'files, and folders whose files are meant',
})

/** `[[images]]`: who signs, and where machines look for the certificate. */
export const imageFields = {
  files,
  oldCertificate: option({
    long: 'old-certificate',
    type: file,
    description: 'of the key that is replaced',
  }),
  ...signerOptions,
  trust: options({
    long: 'trust',
    type: file,
    description: 'verity.d directories that get the new certificate',
  }),
}

/** `[[policies]]`: who approves of PCR policies. */
export const policyFields = {
  files,
  oldPublicKey: option({
    long: 'old-public-key',
    type: file,
    description: 'the key that is replaced, in PEM',
  }),
  oldCertificate: option({
    long: 'old-certificate',
    type: file,
    description: 'its certificate instead',
  }),
  ...publicKeyOptions,
  ...privateKeyOptions,
  replace: flag({
    long: 'replace',
    description: 'let the new signatures take the place of the old ones at once',
  }),
  stripAuthenticode: flag({
    long: 'strip-authenticode',
    description: 'remove the Secure Boot signature of a UKI, which the change makes invalid',
  }),
}

/** `[[credentials]]`: what opens them, and what shall open them. */
export const credentialFields = {
  files,
  oldHostSecret: option({
    long: 'old-host-secret',
    type: file,
    description: 'the credential.secret with which they were sealed',
  }),
  oldTpmDevice: option({
    long: 'old-tpm2-device',
    type: text('DEVICE'),
    description: 'the TPM that opens them',
  }),
  oldTpmSignature: option({
    long: 'old-tpm2-signature',
    type: file,
    description: 'signed PCR policies for it',
  }),
  allowNull: flag({ long: 'allow-null', description: 'take those with a null key too' }),
  hostSecret: option({
    long: 'host-secret',
    type: file,
    description: 'the credential.secret that shall open them',
  }),
  ...tpmSealingOptions,
  tpmSignature: tpmOpeningOptions.tpmSignature,
}
