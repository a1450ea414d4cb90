/** Everything a firmware in setup mode needs to trust our certificates: PK, KEK and db, signed. */

import { encodeSignatureLists, makeSignatureLists } from '../formats/efi-signature-list/encode.ts'
import type { SecureBootVariable } from '../formats/efi-variable/layout.ts'
import { decodeCertificate } from '../formats/x509/decode.ts'
import { findKernelCertificateObjection } from '../formats/x509/kernel.ts'
import { describePublicKey } from '../formats/x509/public-key.ts'
import type { Signing } from '../images/options.ts'
import { signVariable } from './uefi-variable.ts'

export interface EnrollmentOptions {
  /** Whoever owns the machine: signs PK and KEK. */
  readonly platformKey: Pick<Signing, 'signer' | 'certificate'>
  /** Whoever may change db: signs it. Default: the platform key. */
  readonly exchangeKey?: Pick<Signing, 'signer' | 'certificate'> | undefined
  /** Certificates for db, DER: whose programs boot, and whose images the kernel takes. */
  readonly db: readonly Uint8Array[]
  /** Whole seconds; a later enrolment needs a later time. */
  readonly time: Date
  /** GUID of all entries. Default: derived from each certificate. */
  readonly owner?: string | undefined
}

export interface EnrolledVariable {
  readonly variable: SecureBootVariable
  /** The signature lists, the content of an `.esl` file. */
  readonly list: Uint8Array
  /** The signed update, the content of an `.auth` file. */
  readonly signed: Uint8Array
}

export interface Enrollment {
  /** In the order in which they have to be written: PK ends the setup mode. */
  readonly variables: readonly [EnrolledVariable, EnrolledVariable, EnrolledVariable]
  readonly warnings: readonly string[]
}

/**
 * Makes the signed contents of db, KEK and PK.
 *
 * @throws RangeError where db is empty or the time does not fit; and as `signVariable`.
 */
export async function makeEnrollment(options: EnrollmentOptions): Promise<Enrollment> {
  const { platformKey, exchangeKey = platformKey, db, time, owner } = options
  if (db.length === 0) throw new RangeError('an enrolment without a certificate for db')
  const enrol = async (
    variable: SecureBootVariable,
    certificates: readonly Uint8Array[],
    signing: typeof platformKey,
  ): Promise<EnrolledVariable> => {
    const list = encodeSignatureLists(makeSignatureLists({ certificates, owner }))
    return { variable, list, signed: await signVariable({ variable, data: list, time }, signing) }
  }
  return {
    variables: [
      await enrol('db', db, exchangeKey),
      await enrol('KEK', [exchangeKey.certificate], platformKey),
      await enrol('PK', [platformKey.certificate], platformKey),
    ],
    warnings: [
      ...findFirmwareWarnings([platformKey.certificate, exchangeKey.certificate]),
      ...findKeyringWarnings(db),
    ],
  }
}

/** What firmware may not verify with: the specification demands RSA with 2048 bits. */
export function findFirmwareWarnings(certificates: readonly Uint8Array[]): readonly string[] {
  const warnings = certificates
    .map(decodeCertificate)
    .flatMap(({ publicKey, subject }) =>
      publicKey.kind === 'rsa' && publicKey.bits === 2048
        ? []
        : [
            `${subject.text}: every firmware verifies with RSA 2048, some not with ${describePublicKey(publicKey)}`,
          ],
    )
  return [...new Set(warnings)]
}

/** What boots all the same, and will not be in the kernel's platform keyring. */
export function findKeyringWarnings(certificates: readonly Uint8Array[]): readonly string[] {
  return certificates.map(decodeCertificate).flatMap((certificate) => {
    const reason = findKernelCertificateObjection(certificate)
    return reason === undefined
      ? []
      : [`${certificate.subject.text} will not be in a keyring of the kernel: ${reason}`]
  })
}
