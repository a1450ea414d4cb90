/** PE files: sections and what Authenticode hashes. */

export {
  type AuthenticodeExtent,
  authenticodeDigest,
  authenticodeExtent,
} from './authenticode.ts'
export { readSection, type SectionExtent, sectionContent, sectionExtent } from './content.ts'
export { type FileRange, openPe, type PeFile, type PeSection } from './decode.ts'
export { MACHINES, SUBSYSTEM_EFI_APPLICATION } from './layout.ts'
export { type Patch, replaceContents, sectionRoom, stripCertificates } from './patch.ts'
