/** Whether a message has exactly the shape this program writes: UAPI.2 and `PKCS7_sign` agree on it. */

import type { AlgorithmIdentifier } from '../x509/der-values.ts'
import { DIGESTS, nameOfOid, Oid, SIGNATURES } from '../x509/oids.ts'
import type { SignedData } from './decode.ts'

/** A field that is not as we would write it. */
export interface Deviation {
  readonly field: string
  readonly expected: string
  readonly found: string
}

/** All fields in which `message` differs from a root-hash signature of ours; readers may still take it. */
export function findDeviations(message: SignedData): Deviation[] {
  const deviations: Deviation[] = []
  const expect = (field: string, expected: string | number, found: string | number) => {
    if (expected !== found) {
      deviations.push({ field, expected: String(expected), found: String(found) })
    }
  }

  expect('version', 1, message.version)
  expect('digest algorithms', 1, message.digestAlgorithms.length)
  for (const algorithm of message.digestAlgorithms) {
    expect('digest algorithm', 'sha256, NULL', describeDigest(algorithm))
  }
  expect('content type', Oid.data, message.contentType)
  expect('content', 'detached', message.detached ? 'detached' : 'attached')
  if (message.certificates.length > 1) expect('certificates', '0 or 1', message.certificates.length)
  expect('revocation lists', 'none', message.hasRevocationLists ? 'some' : 'none')
  expect('signers', 1, message.signers.length)
  for (const signer of message.signers) {
    expect('signer version', 1, signer.version)
    expect('signer identifier', 'issuer-and-serial', signer.identifier.kind)
    expect('signer digest algorithm', 'sha256, NULL', describeDigest(signer.digestAlgorithm))
    const algorithm = describe(signer.signatureAlgorithm, SIGNATURES)
    if (algorithm !== 'rsaEncryption, NULL' && algorithm !== 'ecdsa-with-SHA256') {
      expect('signature algorithm', 'rsaEncryption, NULL or ecdsa-with-SHA256', algorithm)
    }
    expect('signed attributes', 'none', signer.signedAttributes ? 'some' : 'none')
    expect('unsigned attributes', 'none', signer.hasUnsignedAttributes ? 'some' : 'none')
  }
  expect('bytes after the end', 0, message.trailingBytes)
  return deviations
}

function describeDigest(algorithm: AlgorithmIdentifier): string {
  return describe(algorithm, DIGESTS)
}

function describe(
  { oid, parameters }: AlgorithmIdentifier,
  names: ReadonlyMap<string, string>,
): string {
  const name = nameOfOid(names, oid)
  if (parameters === 'absent') return name
  return `${name}, ${parameters === 'null' ? 'NULL' : 'other parameters'}`
}
