/** Every type that libblkid 2.41 and 2.42 know, in the order in which they look for them. */

import type { ContentType } from './content-type.ts'
import {
  BCACHE,
  BCACHEFS,
  BITLOCKER,
  BLUESTORE,
  DRBD_MANAGE,
  DRBD_PROXY,
  FILEVAULT,
  HIBERNATION,
  INTEGRITY,
  LUKS,
  SNAPSHOT,
  SWAP,
  VDO,
  VERITY,
} from './device-types.ts'
import { FAT, FILESYSTEM_TYPES } from './filesystem-types.ts'
import { ARRAY_TYPES, DRBD, LVM1, LVM2, STRATIS, UBI, VMFS_VOLUME } from './raid-types.ts'

export const TYPES: readonly ContentType[] = [
  ...ARRAY_TYPES,
  BCACHE,
  BCACHEFS,
  BLUESTORE,
  DRBD,
  DRBD_MANAGE,
  DRBD_PROXY,
  LVM2,
  LVM1,
  SNAPSHOT,
  VERITY,
  INTEGRITY,
  LUKS,
  VMFS_VOLUME,
  UBI,
  VDO,
  STRATIS,
  BITLOCKER,
  FILEVAULT,
  FAT,
  HIBERNATION,
  SWAP,
  ...FILESYSTEM_TYPES,
]
