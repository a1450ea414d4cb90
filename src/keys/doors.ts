/**
 * Who accepts a certificate or a key: the keyrings of the kernel, systemd's `verity.d`, and the
 * signing of PCR policies, each with the reason where it does not.
 */

import type { Certificate } from '../formats/x509/decode.ts'
import { findKernelCertificateObjection } from '../formats/x509/kernel.ts'
import { describePublicKey, type PublicKey } from '../formats/x509/public-key.ts'

export type DoorName =
  | 'kernel-builtin'
  | 'kernel-secondary'
  | 'kernel-platform'
  | 'kernel-machine'
  | 'verity.d'
  | 'pcr-signing'

/** The answer of one reader. */
export interface Door {
  readonly door: DoorName
  readonly accepted: boolean
  /** Why not; or, where accepted, on what it also depends. */
  readonly reason?: string
}

/** How the certificate lies on disk, which `verity.d` cares about. */
export interface CertificateFile {
  readonly path: string
  readonly encoding: 'pem' | 'der'
}

/** What each door says to a certificate. */
export function judgeCertificate(certificate: Certificate, file: CertificateFile): Door[] {
  const kernel = findKernelCertificateObjection(certificate)
  return [
    kernel
      ? refuse('kernel-builtin', kernel)
      : accept('kernel-builtin', 'compiled in with CONFIG_SYSTEM_TRUSTED_KEYS'),
    kernel ? refuse('kernel-secondary', kernel) : judgeSecondary(certificate),
    kernel
      ? refuse('kernel-platform', kernel)
      : accept('kernel-platform', 'enrolled in UEFI db; asked for root hashes since Linux 6.12'),
    kernel ? refuse('kernel-machine', kernel) : judgeMachine(certificate),
    judgeVerityDirectory(certificate, file),
    judgePcrSigning(certificate.publicKey),
  ]
}

/** What PCR signing says to a key; other doors want a certificate. */
export function judgePcrSigning(key: PublicKey): Door {
  const door = 'pcr-signing'
  if (key.kind !== 'rsa') {
    return refuse(
      door,
      `${describePublicKey(key)} keys never unlock anything: every signature is given to the TPM as RSA`,
    )
  }
  if (key.restrictedToPss)
    return refuse(door, 'signatures are PKCS#1 v1.5, which RSA-PSS keys forbid')
  if (key.exponent !== 65537)
    return refuse(door, `TPMs take the exponent 65537, not ${key.exponent}`)
  if (key.bits === 2048) return accept(door)
  if (key.bits === 3072 || key.bits === 4096) {
    return accept(door, `not every TPM can load RSA keys of ${key.bits} bits`)
  }
  return refuse(door, `TPMs take RSA keys of 2048, some of 3072 or 4096 bits, not ${key.bits}`)
}

/** `restrict_link_by_builtin_and_secondary_trusted`: somebody trusted must have signed it. */
function judgeSecondary(certificate: Certificate): Door {
  const door = 'kernel-secondary'
  if (certificate.issuer.text !== certificate.subject.text) {
    return accept(door, `when the kernel already trusts ${certificate.issuer.text}`)
  }
  return refuse(
    door,
    'it is signed by itself and by no key the kernel trusts; the machine keyring is linked here',
  )
}

function judgeMachine({ extensions }: Certificate): Door {
  const door = 'kernel-machine'
  const usages = extensions.keyUsage?.usages ?? []
  const isAuthority = extensions.basicConstraints?.certificateAuthority === true
  const missing = isAuthority
    ? usages.includes('keyCertSign')
      ? undefined
      : 'keyCertSign'
    : 'CA:TRUE and keyCertSign'
  if (missing) {
    return accept(
      door,
      `unless the kernel has CONFIG_INTEGRITY_CA_MACHINE_KEYRING, which wants ${missing}`,
    )
  }
  if (usages.includes('digitalSignature')) {
    return accept(
      door,
      'unless the kernel has CONFIG_INTEGRITY_CA_MACHINE_KEYRING_MAX, which wants no digitalSignature',
    )
  }
  return accept(door)
}

function judgeVerityDirectory({ publicKey }: Certificate, file: CertificateFile): Door {
  const door = 'verity.d'
  if (publicKey.kind === 'other' || (publicKey.kind === 'rsa' && publicKey.restrictedToPss)) {
    return refuse(door, `${describePublicKey(publicKey)} keys cannot sign a PKCS#7 message`)
  }
  if (file.encoding !== 'pem') return refuse(door, 'it is DER, and systemd reads PEM only')
  if (!file.path.endsWith('.crt')) {
    return refuse(door, 'the file name must end in .crt; others are skipped without a word')
  }
  return accept(door)
}

function accept(door: DoorName, reason?: string): Door {
  return { door, accepted: true, ...(reason ? { reason } : {}) }
}

function refuse(door: DoorName, reason: string): Door {
  return { door, accepted: false, reason }
}
