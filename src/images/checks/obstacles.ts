/** What makes an image useless to systemd, whoever signed it. */

import { COMPAT } from '../../formats/erofs/layout.ts'
import { findFieldProblem } from '../../formats/release/index.ts'
import { resultOf } from '../read/attempt.ts'
import type { FilesystemContents, ImageRelease } from '../read/contents.ts'
import type { Finding } from './finding.ts'
import type { Subject } from './subject.ts'

/** What comes of a failed check. What readers do not check, or check in another way, is left out. */
const OBSTACLES: ReadonlyMap<string, string> = new Map([
  ['verity superblock', 'the hash tree cannot be activated'],
  ['root hash', 'the hash tree is not the one the image is known by'],
  ['hash tree', 'reading what its damaged blocks cover gives EIO'],
  ['data', 'reading its damaged blocks gives EIO'],
  ['merge', 'it does not fit the target and is left out'],
])

/** Up to this size of a block, libblkid 2.41 and 2.42 compute another checksum than the kernel. */
const LARGEST_MISREAD_BLOCK = 1024

/** The first thing because of which systemd has no use for the image, or undefined. */
export function findObstacle(
  { image, contents }: Subject,
  findings: readonly Finding[],
): string | undefined {
  if (image.gpt && !image.gpt.sound) return 'ENOPKG: neither copy of the partition table is sound'
  const failed = findings.filter((finding) => !finding.ok && !finding.unproven)
  const obstacle = failed
    .map(({ check }) => OBSTACLES.get(check))
    .find((found) => found !== undefined)
  const value = resultOf(contents)
  return obstacle ?? (value && findObstacleInside(value))
}

function findObstacleInside(contents: FilesystemContents): string | undefined {
  const { blockSize, superblock } = contents.erofs
  if (blockSize <= LARGEST_MISREAD_BLOCK && (superblock.featureCompat & COMPAT.SB_CHKSUM) !== 0) {
    return `EAFNOSUPPORT: libblkid does not recognize EROFS with a checksum and blocks of ${blockSize} bytes`
  }
  if (contents.hasOsRelease) return 'ENOMEDIUM: with usr/lib/os-release it is no extension'
  if (contents.releases.length === 0) return NOT_AN_EXTENSION
  const hierarchy = findHierarchyObstacle(contents)
  if (hierarchy !== undefined) return hierarchy
  return contents.releases.map(findReleaseObstacle).find((found) => found !== undefined)
}

/** systemd-sysext passes by what is not there, and gives up over what is there and no directory. */
function findHierarchyObstacle({ hierarchies }: FilesystemContents): string | undefined {
  for (const { name, defect } of hierarchies) {
    if (!defect || defect.code === 'ENOENT') continue
    return `${defect.code}: ${name} is ${defect.fact}, and then no extension is merged at all`
  }
  return undefined
}

const NOT_AN_EXTENSION = 'it is not an extension under this name'

/** Mistakes that keep it from being merged anywhere; whether it fits a target is decided elsewhere. */
function findReleaseObstacle({ kind, lookup, release }: ImageRelease): string | undefined {
  const fields = resultOf(release)
  if (!lookup || 'problem' in lookup || !fields) return NOT_AN_EXTENSION
  const misfit = [...fields].find(([key, text]) => findFieldProblem(kind, key, text)?.fitsNowhere)
  if (misfit) return `nothing merges an extension with ${misfit.join('=')}`
  return fields.has('ID') ? undefined : 'nothing merges an extension without ID'
}
