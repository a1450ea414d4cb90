/** GUID partition tables: write them, read them, and name what is wrong with them. */

export { decodeGpt, type Gpt } from './decode.ts'
export { type EditedGpt, editGpt, type GptEdit } from './edit.ts'
export { type EncodedGpt, encodeGpt, type GptInput, type GptPartitionInput } from './encode.ts'
export { type GptGeometry, gptGeometry } from './geometry.ts'
export {
  ATTRIBUTE_GROWFS,
  ATTRIBUTE_NO_AUTO,
  ATTRIBUTE_READ_ONLY,
  SECTOR_SIZES,
  type SectorSize,
} from './layout.ts'
export {
  canonicalArchitecture,
  type Designator,
  describePartitionType,
  findPartitionType,
  type PartitionRole,
  type PartitionType,
  parsePartitionTypeName,
  partitionArchitectures,
  partitionTypeGuid,
  partitionTypeName,
} from './partition-types.ts'
export type { GptPartition } from './partitions.ts'
export { probeSectorSize } from './probe.ts'
export type { GptProblem, GptStructure } from './problems.ts'
