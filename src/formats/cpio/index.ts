/** cpio archives that carry files to an initrd, as boot loaders measure them. */

export {
  countEntryInodes,
  type ExtraArchiveOptions,
  type ExtraFile,
  type ExtraTarget,
  encodeExtraArchive,
} from './extra-archive.ts'
export { type CpioEntry, encodeEntry, encodeTrailer } from './layout.ts'
