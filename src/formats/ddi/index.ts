/** Discoverable disk images: what systemd-repart would call their parts and where it would put them. */

export {
  type DdiIdentity,
  deriveIdentity,
  deriveSeed,
  partitionUuid,
  rootHashUuids,
} from './identity.ts'
export {
  type DdiPlacement,
  type PlacementInput,
  placePartitions,
  placeRegions,
  type Region,
  type RegionRequest,
  SIGNATURE_PARTITION_SIZE,
} from './placement.ts'
