/** Checks of the signature: its partition, its shape, who made it, and the certificate's fingerprint. */

import { equalBytes } from '../../bytes/equal.ts'
import { toHex } from '../../bytes/hex.ts'
import { encodeUtf8 } from '../../bytes/utf8.ts'
import { sha256 } from '../../crypto/sha256.ts'
import type { SignedData } from '../../formats/pkcs7/decode.ts'
import { findSigner } from '../../formats/pkcs7/decode.ts'
import { findDeviations } from '../../formats/pkcs7/deviation.ts'
import { findUserspaceObjection } from '../../formats/pkcs7/userspace.ts'
import { encodeVeritySignature } from '../../formats/verity-signature.ts'
import type { Certificate } from '../../formats/x509/decode.ts'
import type { LoadedCertificate } from '../../keys/certificate.ts'
import { verifySignedData } from '../../keys/verify-signature.ts'
import { failureOf, resultOf } from '../read/attempt.ts'
import type { FoundSignature } from '../read/root-hash-claims.ts'
import { describeSigner, embeddedCertificates } from '../read/signer-text.ts'
import type { VerifyOptions } from '../verify-options.ts'
import type { Check, Problem } from './finding.ts'
import type { Subject } from './subject.ts'

/** The NUL rule, the JSON and its fields. */
export const signaturePartition: Check<Subject> = {
  name: 'signature partition',
  async run({ image, rootHashes: { partition } }) {
    const error = failureOf(partition)
    if (error && image.signature) {
      const offset = image.signature.offset + (error.offset ?? 0)
      return { problems: [{ expected: 'a signature in JSON', found: error.fact, offset }] }
    }
    const value = resultOf(partition)
    if (!value || !image.signature) return undefined
    const { size, source, offset } = image.signature
    const { extraFields } = value
    if (extraFields.length > 0) {
      const found = `also ${extraFields.join(', ')}, which readers ignore`
      return {
        problems: [{ expected: 'rootHash, certificateFingerprint, signature', found, offset }],
      }
    }
    // Spaces or capitals change nothing for readers, and there is no reason for them to be there.
    const canonical = encodeVeritySignature(value, size)
    if (equalBytes(canonical, await source.read(0, size))) return { problems: [] }
    const found = 'the same content in another form'
    return { problems: [{ expected: 'JSON as systemd writes it', found, offset }] }
  },
}

/** The message is what systemd writes, byte for byte but for key and names. */
export const signatureShape: Check<Subject> = {
  name: 'signature shape',
  async run({ rootHashes: { signatures } }) {
    if (signatures.length === 0) return undefined
    return {
      problems: signatures.flatMap(({ where, message }): Problem[] => {
        const error = failureOf(message)
        if (error) return [{ expected: 'a PKCS#7 message', found: `${where}: ${error.message}` }]
        const value = resultOf(message)
        if (!value) return []
        return findDeviations(value).map(({ field, expected, found }) => ({
          expected: `${field} ${expected}`,
          found: `${found} (${where})`,
        }))
      }),
      note: 'detached, without attributes, SHA-256',
    }
  },
}

/** Somebody we trust has signed the root hash, as userspace would find it. */
export const signature: Check<Subject> = {
  name: 'signature',
  async run({ image, options, rootHashes: { signatures } }) {
    const trusted = trustedCertificates(options)
    if (signatures.length === 0) {
      if (image.signature) return undefined // its partition has been found unreadable
      const unproven = trusted.length === 0 && { unproven: true as const }
      const found = 'none: the image is not signed'
      return { problems: [{ expected: 'a signature', found, ...unproven }] }
    }
    const problems: Problem[] = []
    const notes: string[] = []
    for (const found of signatures) {
      const message = resultOf(found.message)
      if (!message) continue
      const answer = judge(found, message, trusted)
      if (typeof answer === 'string') notes.push(answer)
      else problems.push(answer)
    }
    return problems.length === 0 && notes.length === 0
      ? undefined
      : { problems, note: notes.join('; ') }
  },
}

/** Who signed, or what is wrong with that. */
function judge(
  { where, rootHash }: FoundSignature,
  message: SignedData,
  trusted: readonly LoadedCertificate[],
): string | Problem {
  if (!rootHash) {
    return { expected: 'a root hash to check the signature against', found: `none for ${where}` }
  }
  const content = encodeUtf8(toHex(rootHash))
  const signers = message.signers.map(describeSigner).join(' and ') || 'nobody'
  const broken = {
    expected: `a signature of root hash ${toHex(rootHash)}`,
    found: `one of something else, or by another key, in the name of ${signers} (${where})`,
  }
  if (trusted.length === 0) {
    // The certificate inside proves nothing about who signed, but it can disprove the signature.
    const inside = verifySignedData(message, content, embeddedCertificates(message))
    if (inside.kind === 'bad-signature') return broken
    return {
      expected: 'a certificate to check the signature with',
      found: `not checked: no certificate given; it claims to be by ${signers}`,
      unproven: true,
    }
  }
  const verification = verifySignedData(message, content, trusted)
  if (verification.kind === 'bad-signature') return broken
  if (verification.kind === 'unknown-signer') {
    const names = trusted.map(({ subject, sourceFile }) => `${subject.text} (${sourceFile})`)
    return { expected: `a signature by ${names.join(' or ')}`, found: `one by ${signers}` }
  }
  const objection = findUserspaceObjection(message, trusted)
  if (objection) {
    return { expected: 'a signature that readers accept', found: objection.reason }
  }
  return verification.signers
    .map(({ subject, sourceFile }) => `by ${subject.text} (${sourceFile})`)
    .join(' and ')
}

/** The fingerprint in the JSON is that of the signer's certificate, which may be in the message. */
export const certificateFingerprint: Check<Subject> = {
  name: 'certificate fingerprint',
  async run({ options, rootHashes: { signatures } }) {
    const trusted = trustedCertificates(options)
    const problems: Problem[] = []
    let compared = 0
    for (const { certificateFingerprint: stated, message } of signatures) {
      const value = resultOf(message)
      const signer = value?.signers[0]
      if (!value || !signer) continue
      const given = findSigner(signer, trusted)
      const inside = embeddedCertificates(value)
      const embedded = findSigner(signer, inside)
      const known: Certificate | undefined = given ?? embedded
      if (value.certificates.length > 0 && !embedded) {
        problems.push({
          expected: 'the certificate of the signer in the signature, or none',
          found: inside.map(({ subject }) => subject.text).join(', ') || 'one that cannot be read',
        })
      } else if (given && embedded && !equalBytes(given.der, embedded.der)) {
        problems.push({
          expected: `the certificate of ${given.sourceFile} in the signature`,
          found: 'another one with the same issuer and serial number',
        })
      }
      if (!stated || !known) continue
      compared += 1
      const found = sha256(known.der)
      if (!equalBytes(stated, found)) {
        const where = given ? given.sourceFile : 'the certificate in the signature'
        problems.push({ expected: toHex(stated), found: `${toHex(found)} (${where})` })
      }
    }
    return compared === 0 && problems.length === 0 ? undefined : { problems }
  },
}

/** All certificates that were given, in whichever way. */
export function trustedCertificates(options: VerifyOptions): readonly LoadedCertificate[] {
  return [...(options.certificates ?? []), ...(options.trust?.certificates ?? [])]
}
