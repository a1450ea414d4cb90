/**
 * Which certificates the parser of Linux takes, as a keyring entry or inside a PKCS#7 message:
 * `crypto/asymmetric_keys/x509_cert_parser.c` and `crypto/rsa.c` of Linux 6.12 to 6.18.
 */

import type { Certificate } from './decode.ts'
import { nameOfOid, SIGNATURES } from './oids.ts'
import { describePublicKey } from './public-key.ts'

const SIGNATURE_NAMES = /^(?:sha\d[-\w]*WithRSAEncryption|ecdsa-with-SHA\d[-\w]*)$/
const CURVE_NAMES = /^p(?:192|256|384|521)$/
/** Linux takes the first three unless it is in FIPS mode. */
const RSA_BITS = [512, 1024, 1536, 2048, 3072, 4096]

/**
 * Why Linux cannot use this certificate, or undefined where it can. It looks at neither validity,
 * key usage nor whether the signature of the issuer is right.
 */
export function findKernelCertificateObjection(certificate: Certificate): string | undefined {
  const { publicKey, extensions } = certificate
  const signature = nameOfOid(SIGNATURES, certificate.signatureAlgorithm)
  if (extensions.basicConstraints?.explicitFalse) {
    return 'basic constraints spell out CA:FALSE, where DER leaves the default away'
  }
  if (!SIGNATURE_NAMES.test(signature)) {
    return `the certificate is signed with ${signature}, which the kernel does not know`
  }
  if (publicKey.kind === 'rsa' && !publicKey.restrictedToPss) {
    // The kernel rounds the modulus up to whole 64-bit words.
    const bits = Math.ceil(publicKey.bits / 64) * 64
    if (RSA_BITS.includes(bits)) return undefined
    return `RSA keys of ${publicKey.bits} bits; the kernel takes 2048, 3072 and 4096`
  }
  if (publicKey.kind === 'ec' && CURVE_NAMES.test(publicKey.curve)) return undefined
  return `the kernel has no use for ${describePublicKey(publicKey)} keys`
}
