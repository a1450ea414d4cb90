/** Signature lists of UEFI firmware (`.esl`). */

export { decodeSignatureLists } from './decode.ts'
export {
  deriveOwner,
  encodeSignatureLists,
  makeSignatureLists,
  type Signatures,
} from './encode.ts'
export {
  SIGNATURE_TYPES,
  type SignatureEntry,
  type SignatureKind,
  type SignatureList,
} from './layout.ts'
