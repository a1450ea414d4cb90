/** What makes an image useless to systemd, whoever signed it. */

import { equalBytes } from '../../bytes/equal.ts'
import type { FormatError } from '../../errors.ts'
import { EROFS } from '../../formats/erofs/layout.ts'
import { findFieldProblem } from '../../formats/release/index.ts'
import { failureOf, resultOf } from '../read/attempt.ts'
import {
  type ContentsAttempt,
  type FilesystemContents,
  type ImageRelease,
  OS_RELEASE_LOOP,
} from '../read/contents.ts'
import { coveredSize } from '../read/covered-size.ts'
import type { Hierarchy } from '../read/hierarchies.ts'
import type { Generation, ReaderSeal } from '../read/reader-seal.ts'
import type { Finding } from './finding.ts'
import { deviceBlockSize, findCut, findMountObjections } from './mount-objections.ts'
import type { Subject } from './subject.ts'

/** A reason for which systemd refuses the image, or may refuse it. */
export interface Obstacle {
  /** False where more than is looked at here decides. */
  readonly certain: boolean
  readonly reason: string
}

/** What comes of a failed check. What readers do not check, or check in another way, is left out. */
const OBSTACLES: ReadonlyMap<string, string> = new Map([
  ['merge', 'it does not fit the target and is left out'],
])
/** The same where the hash tree is used. */
const DAMAGES: ReadonlyMap<string, string> = new Map([
  ['hash tree', 'reading what its damaged blocks cover gives EIO'],
  ['data', 'reading its damaged blocks gives EIO'],
])

/** Larger ones than a page are refused, and no page is smaller. */
const SMALLEST_PAGE = 4096
/** Architectures whose pages are never larger. */
const SMALL_PAGES: readonly (string | undefined)[] = ['x86-64', 'x86', 's390x', 'riscv64', 'arm']

/** It asks libblkid for every type it knows. */
const OLDEST: Generation = 'systemd 257'

/** The file systems that systemd mounts from an image. */
const MOUNTABLE = ['btrfs', 'erofs', 'ext4', 'f2fs', 'squashfs', 'vfat', 'xfs']

/** Everything because of which systemd has no use for the image, in the order in which it looks. */
export function findObstacles(
  subject: Subject,
  generation: Generation,
  findings: readonly Finding[],
): Obstacle[] {
  const seal = subject.rootHashes.seals[generation]
  const objection = subject.image.selection?.objections[generation]
  const inPartitions = [
    ...findFailed(seal, findings),
    ...findInSeal(subject, seal),
    ...findInType(subject, generation),
    ...findInContents(subject, seal),
  ]
  // Where a reader may choose other partitions, nothing that is wrong with these is certain.
  const isOpen = objection?.certain === false
  return [
    ...findInTable(subject, generation),
    ...(isOpen ? inPartitions.map((obstacle) => ({ ...obstacle, certain: false })) : inPartitions),
  ]
}

function findInTable(
  { image: { gpt, disguise, selection } }: Subject,
  generation: Generation,
): Obstacle[] {
  const objection = selection?.objections[generation]
  const obstacles: Obstacle[] = []
  if (disguise?.place === 'whole') obstacles.push(ofDisguise(disguise, generation))
  if (gpt?.refusal) obstacles.push(refuse(`ENOPKG: ${gpt.refusal}`))
  if (objection) obstacles.push(objection)
  return obstacles
}

function findInSeal({ image, superblock, tree }: Subject, seal: ReaderSeal): Obstacle[] {
  if (seal.objection) return [seal.objection]
  if (!image.data || !image.hash) return []
  // Nothing states a root hash: then the tree is not used, and may be what it likes.
  if (!seal.rootHash) return []
  const failure = failureOf(superblock)
  if (failure) {
    // Bytes that must be zero are looked at by nobody else.
    return [{ certain: failure.code !== 'BAD_VALUE', reason: 'the hash tree cannot be activated' }]
  }
  const value = resultOf(superblock)
  if (!tree) return [refuse('the hash tree cannot be activated')]
  const size = Math.max(value?.dataBlockSize ?? 0, value?.hashBlockSize ?? 0)
  if (size > SMALLEST_PAGE)
    return [ofPages(image.architecture, `the hash tree has blocks of ${size} bytes`)]
  if (equalBytes(tree.rootHash, seal.rootHash)) return []
  return [refuse('the hash tree is not the one the image is known by')]
}

function findInType({ image, squashfs, superblock }: Subject, generation: Generation): Obstacle[] {
  const { disguise, probes, filesystem } = image
  if (!probes) return []
  if (disguise) return disguise.place === 'whole' ? [] : [ofDisguise(disguise, generation)]
  const { verdict, certain } = probes.mounted
  if (filesystem === 'erofs') return []
  if (verdict.kind !== 'type') {
    return [{ certain, reason: 'EAFNOSUPPORT: libblkid recognizes no file system' }]
  }
  const { name } = verdict.type
  if (!MOUNTABLE.includes(name)) {
    return [{ certain, reason: `EIDRM: systemd mounts no ${name} from an image` }]
  }
  const failure = failureOf(squashfs)
  const size = resultOf(squashfs)
  if (failure) return [refuse(`EINVAL: ${failure.fact}`)]
  const cut =
    size === undefined || !image.data
      ? undefined
      : findCut(size, coveredSize(image.data, superblock))
  if (cut) return [refuse(`EINVAL: squashfs of ${cut.found} where there are ${cut.expected}`)]
  return [{ certain: false, reason: `${name}: its contents are not looked at` }]
}

function ofDisguise(
  { found, certain, mounts }: NonNullable<Subject['image']['disguise']>,
  generation: Generation,
): Obstacle {
  // It has libblkid look for less, and which types are left is not looked at here.
  if (generation !== OLDEST) {
    return { certain: false, reason: `${generation} looks for fewer types: ${found}` }
  }
  // What is mounted instead has not been looked at.
  return { certain: certain && !(mounts && MOUNTABLE.includes(mounts)), reason: found }
}

function findFailed({ rootHash }: ReaderSeal, findings: readonly Finding[]): Obstacle[] {
  return findings.flatMap((finding) => {
    if (finding.ok || finding.unproven) return []
    const damage = rootHash ? DAMAGES.get(finding.check) : undefined
    const reason = damage ?? OBSTACLES.get(finding.check)
    return reason === undefined ? [] : [refuse(reason)]
  })
}

function findInContents(subject: Subject, seal: ReaderSeal): Obstacle[] {
  const { contents } = subject
  const failure = failureOf(contents)
  if (failure) {
    const { data, superblock } = subject.image
    const covered = data && coveredSize(data, superblock)
    const what =
      data && covered !== undefined && covered < data.size
        ? `the hash tree covers ${covered} bytes`
        : 'the file system'
    return [{ certain: !isReadElsewhere(contents), reason: `${what}: ${failure.fact}` }]
  }
  const value = resultOf(contents)
  return value ? [...findInside(value, subject, seal), ...findMissing(value, subject)] : []
}

/** Whether readers may make more of it than is read here. */
export function isReadElsewhere(contents: ContentsAttempt | undefined): boolean {
  const failure = failureOf(contents)
  if (!contents || !failure) return false
  return isUnread(failure) || ('isOpened' in contents && contents.isOpened)
}

/** Whether a file system is only more than is read here. */
export function isUnread({ code }: FormatError): boolean {
  return code === 'UNSUPPORTED' || code === 'TOO_LARGE'
}

function findInside(contents: FilesystemContents, subject: Subject, seal: ReaderSeal): Obstacle[] {
  const { blockSize } = contents.erofs
  const pages = findPageObstacle(blockSize, subject.image.architecture)
  if (pages) return [pages]
  const objections = findMountObjections(contents.erofs, deviceBlockSize(subject, seal))
  if (objections[0]) return [refuse(objections[0].reader)]
  if (contents.osRelease === 'ELOOP') return [refuse(`ELOOP: ${OS_RELEASE_LOOP}`)]
  if (contents.osRelease === 'there') {
    return [refuse('ENOMEDIUM: with usr/lib/os-release it is no extension')]
  }
  if (contents.releases.length === 0) return [refuse(NOT_AN_EXTENSION)]
  const hierarchy = findHierarchyObstacle(contents.hierarchies)
  if (hierarchy !== undefined) return [refuse(hierarchy)]
  return contents.releases.flatMap((release) => findReleaseObstacle(release) ?? [])
}

/** Linux looks at the size when it reads beyond it, and no file need be there. */
function findMissing({ erofs }: FilesystemContents, { image }: Subject): Obstacle[] {
  const { data, superblock } = image
  const cut = data && findCut(erofs.blocks * erofs.blockSize, coveredSize(data, superblock))
  if (!cut) return []
  const reason = `reading what is missing gives EIO: EROFS of ${cut.found} where there are ${cut.expected}`
  return [{ certain: false, reason }]
}

/** What machines of an architecture have against blocks of EROFS. */
export function findPageObstacle(
  blockSize: number,
  architecture: string | undefined,
): Obstacle | undefined {
  if (blockSize <= SMALLEST_PAGE) return undefined
  return ofPages(architecture, `EROFS has blocks of ${blockSize} bytes`)
}

/** Blocks that only machines with larger pages take. */
function ofPages(architecture: string | undefined, what: string): Obstacle {
  return {
    certain: SMALL_PAGES.includes(architecture),
    reason: `EINVAL: ${what}, more than a page of ${SMALLEST_PAGE}`,
  }
}

function refuse(reason: string): Obstacle {
  return { certain: true, reason }
}

/** systemd-sysext passes by what is not there, and gives up over what is there and no directory. */
export function findHierarchyObstacle(hierarchies: readonly Hierarchy[]): string | undefined {
  for (const { name, defect } of hierarchies) {
    if (!defect || defect.code === 'ENOENT') continue
    return `${defect.code}: ${name} is ${defect.fact}, and then no extension is merged at all`
  }
  return undefined
}

const NOT_AN_EXTENSION = 'it is not an extension under this name'

/** Mistakes that keep it from being merged anywhere; whether it fits a target is decided elsewhere. */
function findReleaseObstacle({ kind, lookup, release }: ImageRelease): Obstacle | undefined {
  const failure = failureOf(release)
  if (failure && isReleaseUnread(failure)) return { certain: false, reason: failure.message }
  const fields = resultOf(release)
  if (!lookup || 'problem' in lookup || !fields) return refuse(NOT_AN_EXTENSION)
  const misfit = [...fields].find(([key, text]) => findFieldProblem(kind, key, text)?.fitsNowhere)
  if (misfit) return refuse(`nothing merges an extension with ${misfit.join('=')}`)
  return fields.has('ID') ? undefined : refuse('nothing merges an extension without ID')
}

/** Whether readers may read a release file that is not read here: its text has not been looked at. */
export function isReleaseUnread(failure: FormatError): boolean {
  return isUnread(failure) || failure.format === EROFS
}
