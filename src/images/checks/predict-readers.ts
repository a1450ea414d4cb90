/**
 * What would happen to an image: in the kernel, in systemd's own check against `verity.d`, and in
 * the end.
 *
 * systemd asks the kernel first. Where that refuses, it checks the signature itself; where that
 * fails too, it activates the image unsigned if the policy also allows `verity`.
 */

import { createPublicKey, X509Certificate } from 'node:crypto'
import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { DEFAULT_POLICIES, parseImagePolicy } from '../../formats/image-policy.ts'
import { evaluateImagePolicy } from '../../formats/image-policy-decision.ts'
import type { SignedData } from '../../formats/pkcs7/decode.ts'
import { findKernelObjection } from '../../formats/pkcs7/kernel.ts'
import { findUserspaceObjection } from '../../formats/pkcs7/userspace.ts'
import type { Certificate } from '../../formats/x509/decode.ts'
import { findKernelCertificateObjection } from '../../formats/x509/kernel.ts'
import type { LoadedCertificate } from '../../keys/certificate.ts'
import { verifySignedData } from '../../keys/verify-signature.ts'
import { resultOf } from '../read/attempt.ts'
import { foundPartitions } from '../read/found-partitions.ts'
import type { OpenImage } from '../read/open-image.ts'
import type { FoundSignature, RootHashes } from '../read/root-hash-claims.ts'
import { describeSigner, embeddedCertificates } from '../read/signer-text.ts'
import type { VerifyOptions } from '../verify-options.ts'
import type { Finding } from './finding.ts'

/** What one reader does with the image. */
export interface ReaderVerdict {
  readonly reader: 'kernel' | 'userspace' | 'systemd'
  /** `depends` where it is up to certificates that were not given. */
  readonly verdict: 'accepts' | 'refuses' | 'depends'
  readonly reason: string
}

/** The verdicts of kernel and userspace about the signature, and of systemd about the image. */
export function predictReaders(
  image: OpenImage,
  rootHashes: RootHashes,
  findings: readonly Finding[],
  options: VerifyOptions,
): readonly ReaderVerdict[] {
  const [signature] = rootHashes.signatures
  const kernel = predictKernel(signature, [
    ...(options.certificates ?? []),
    ...(options.trust?.certificates ?? []),
  ])
  const userspace = predictUserspace(signature, options)
  const systemd = predictSystemd(image, options, kernel, userspace)
  const obstacle = systemd.verdict === 'refuses' ? undefined : findObstacle(findings)
  return [
    kernel,
    userspace,
    obstacle ? { reader: 'systemd', verdict: 'refuses', reason: obstacle } : systemd,
  ]
}

/** What comes of a failed check, whoever signed the image. Checks readers do not make are left out. */
const OBSTACLES: Readonly<Record<string, string>> = {
  'verity superblock': 'the hash tree cannot be activated',
  'root hash': 'the hash tree is not the one the image is known by',
  'hash tree': 'reading what its damaged blocks cover gives EIO',
  data: 'reading its damaged blocks gives EIO',
  'extension-release': 'it is not an extension under this name',
  merge: 'it does not fit the target and is left out',
}

function findObstacle(findings: readonly Finding[]): string | undefined {
  const failed = findings.filter((finding) => !finding.ok && !finding.unproven)
  return failed.map(({ check }) => OBSTACLES[check]).find((obstacle) => obstacle !== undefined)
}

type Answer = Omit<ReaderVerdict, 'reader'>

function predictKernel(
  signature: FoundSignature | undefined,
  trusted: readonly LoadedCertificate[],
): ReaderVerdict {
  const answer = (verdict: ReaderVerdict['verdict'], reason: string): ReaderVerdict => ({
    reader: 'kernel',
    verdict,
    reason,
  })
  const message = resultOf(signature?.message)
  if (!signature || !message) return answer('refuses', noSignature(signature))
  const objection = findKernelObjection(message)
  if (objection) return answer('refuses', `${objection.error}: ${objection.reason}`)
  const signers = message.signers.map(describeSigner).join(' and ')
  const embedded = embeddedCertificates(message)
  if (trusted.length === 0) {
    const chain = embedded.length > 0 ? ' or the one that issued it' : ''
    return answer('depends', `a keyring must hold the certificate of ${signers}${chain}`)
  }
  const content = contentOf(signature)
  const verification = verifySignedData(message, content, trusted)
  if (verification.kind === 'bad-signature') {
    return answer('refuses', 'EKEYREJECTED: the signature does not fit the root hash')
  }
  const anchor =
    verification.kind === 'valid'
      ? verification.signers[0]
      : findIssuer(message, content, embedded, trusted)
  if (!anchor) return answer('refuses', `ENOKEY: no certificate given is that of ${signers}`)
  const reason = findKernelCertificateObjection(anchor)
  if (reason) return answer('refuses', `${anchor.sourceFile} cannot be in a keyring: ${reason}`)
  const role =
    verification.kind === 'valid' ? '' : ', which issued the certificate in the signature'
  return answer(
    'accepts',
    `when the trusted keyrings of the kernel hold ${anchor.subject.text} (${anchor.sourceFile})${role}`,
  )
}

/** The kernel follows certificates inside the message: a trusted issuer is enough. */
function findIssuer(
  message: SignedData,
  content: Uint8Array,
  embedded: readonly Certificate[],
  trusted: readonly LoadedCertificate[],
): LoadedCertificate | undefined {
  const verification = verifySignedData(message, content, embedded)
  if (verification.kind !== 'valid') return undefined
  const signer = verification.signers[0]
  return signer && trusted.find((issuer) => isIssuedBy(signer, issuer))
}

function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  if (!equalBytes(certificate.issuer.der, issuer.subject.der)) return false
  try {
    const key = createPublicKey({
      key: Buffer.from(issuer.publicKeyDer),
      format: 'der',
      type: 'spki',
    })
    return new X509Certificate(certificate.der).verify(key)
  } catch {
    // OpenSSL throws on keys and certificates that it cannot use.
    return false
  }
}

function predictUserspace(
  signature: FoundSignature | undefined,
  options: VerifyOptions,
): ReaderVerdict {
  const { verdict, reason } = judgeUserspace(signature, options)
  return { reader: 'userspace', verdict, reason }
}

function judgeUserspace(signature: FoundSignature | undefined, options: VerifyOptions): Answer {
  const message = resultOf(signature?.message)
  if (!signature || !message) return { verdict: 'refuses', reason: noSignature(signature) }
  const { trust, certificates = [] } = options
  const installed = trust?.certificates ?? certificates
  if (!trust && certificates.length === 0) {
    const signers = message.signers.map(describeSigner).join(' and ')
    return { verdict: 'depends', reason: `verity.d must hold the certificate of ${signers}` }
  }
  const objection = findUserspaceObjection(message, installed)
  if (objection) {
    const ignored = trust?.ignored.map(({ path, reason }) => `${path} is ignored: ${reason}`) ?? []
    const reason = [`${objection.error}: ${objection.reason}`, ...ignored].join('; ')
    return { verdict: 'refuses', reason }
  }
  const verification = verifySignedData(message, contentOf(signature), installed)
  if (verification.kind !== 'valid') {
    return {
      verdict: 'refuses',
      reason: 'EDESTADDRREQ: the signature does not fit the root hash',
    }
  }
  const files = verification.signers.map(({ sourceFile }) => sourceFile).join(' and ')
  return {
    verdict: 'accepts',
    reason: trust ? `by ${files}` : `when ${files} is in verity.d, as PEM with the suffix .crt`,
  }
}

/** The outcome under the policy that was given, or else the one systemd uses for such an image. */
function predictSystemd(
  image: OpenImage,
  options: VerifyOptions,
  kernel: ReaderVerdict,
  userspace: ReaderVerdict,
): ReaderVerdict {
  const answer = (verdict: ReaderVerdict['verdict'], reason: string): ReaderVerdict => ({
    reader: 'systemd',
    verdict,
    reason,
  })
  if (image.gpt && image.sidecars.verity) {
    return answer('refuses', `EBADR: ${image.sidecars.verity.path} beside a partition table`)
  }
  const policy = parseImagePolicy(
    options.imagePolicy ?? DEFAULT_POLICIES[options.kind ?? guessKind(image.fileName)],
  )
  const { rejections, uses } = evaluateImagePolicy(policy, foundPartitions(image))
  const [rejection] = rejections
  if (rejection) {
    const { designator, expected, found } = rejection
    return answer('refuses', `ERFKILL: policy wants ${designator} ${expected}, found ${found}`)
  }
  const allowed = uses.get(image.designator) ?? []
  const unsigned = allowed.includes('verity')
  if (allowed.includes('signed')) {
    const accepting = [kernel, userspace].find(({ verdict }) => verdict === 'accepts')
    if (accepting) return answer('accepts', `signed, checked by the ${accepting.reader}`)
    if (!unsigned) {
      return [kernel, userspace].some(({ verdict }) => verdict === 'depends')
        ? answer('depends', 'signed, when the kernel or userspace knows the certificate')
        : answer('refuses', 'EDESTADDRREQ: neither kernel nor userspace accepts the signature')
    }
  }
  if (unsigned)
    return answer('accepts', 'with its hash tree, whoever signed it: the policy allows it')
  if (allowed.includes('unprotected')) {
    return answer('accepts', 'without any protection: the policy allows it')
  }
  return answer('refuses', `the policy leaves ${allowed.join('+') || 'no use'} for it`)
}

function guessKind(fileName: string): 'sysext' | 'confext' {
  return fileName.endsWith('.confext.raw') ? 'confext' : 'sysext'
}

function contentOf({ rootHash }: FoundSignature): Uint8Array {
  return encodeUtf8(rootHash ? toHex(rootHash) : '')
}

function noSignature(signature: FoundSignature | undefined): string {
  return signature ? 'the signature cannot be read' : 'there is no signature'
}
