/** X.509 certificates and PEM. */

export { type Certificate, decodeCertificate } from './decode.ts'
export {
  type CertificateContent,
  encodeCertificate,
  encodeTbsCertificate,
} from './encode.ts'
export type { Extensions, KeyUsage } from './extensions.ts'
export { findKernelCertificateObjection } from './kernel.ts'
export type { DistinguishedName } from './name.ts'
export { formatPem, type PemBlock, parsePem } from './pem.ts'
export { describePublicKey, type PublicKey } from './public-key.ts'
