/** PKCS#7 signatures of root hashes. */

export { unwrapSignedData } from './bare.ts'
export {
  decodeBareSignedData,
  decodeSignedData,
  findSigner,
  type SignedData,
  type SignerInfo,
} from './decode.ts'
export { type Deviation, findDeviations } from './deviation.ts'
export { encodeSignedData, type SignedDataInput } from './encode.ts'
export { findKernelObjection, type Objection } from './kernel.ts'
export { findUserspaceObjection } from './userspace.ts'
