/** Everything inside an image as a plain value. Nothing is verified; see `verify.ts` for that. */

import { toHex } from '../bytes/hex.ts'
import { INCOMPAT } from '../formats/erofs/layout.ts'
import {
  ATTRIBUTE_GROWFS,
  ATTRIBUTE_NO_AUTO,
  ATTRIBUTE_READ_ONLY,
  describePartitionType,
  type GptPartition,
} from '../formats/gpt/index.ts'
import { DEFAULT_POLICIES, parseImagePolicy } from '../formats/image-policy.ts'
import { evaluateImagePolicy } from '../formats/image-policy-decision.ts'
import type { VeritySuperblock } from '../formats/verity/superblock.ts'
import { treeGeometry } from '../formats/verity/tree-geometry.ts'
import { interruptedChange, judgeJournal } from './checks/interrupted-change.ts'
import type {
  FilesystemSummary,
  Inspection,
  PartitionSummary,
  PolicySummary,
  ReleaseSummary,
  VeritySummary,
} from './inspection.ts'
import { type Attempt, failureOf, resultOf } from './read/attempt.ts'
import { type FilesystemContents, type ImageRelease, readContents } from './read/contents.ts'
import { foundPartitions } from './read/found-partitions.ts'
import { type OpenImage, openImage } from './read/open-image.ts'
import { collectRootHashes } from './read/root-hash-claims.ts'
import { summarizeSignature } from './read/summarize-signature.ts'

/** Names of the algorithms in an EROFS superblock, by bit. */
const ALGORITHMS = ['lz4', 'lzma', 'deflate', 'zstd']

/**
 * Describes an image.
 *
 * @throws FormatError where the file is no image at all, FileError where it cannot be read.
 */
export async function inspectImage(path: string): Promise<Inspection> {
  const image = await openImage(path)
  try {
    return await describe(image)
  } finally {
    await image.close()
  }
}

async function describe(image: OpenImage): Promise<Inspection> {
  const { gpt, superblock, sidecars, disguise } = image
  const verity = resultOf(superblock)
  const rootHashes = await collectRootHashes(image)
  const contents = await readContents(image, undefined)
  const releases = resultOf(contents)?.releases ?? []
  const filesystem = describeFilesystem(image, contents)
  return {
    path: image.path,
    fileName: image.fileName,
    size: image.file.size,
    table: gpt ? 'gpt' : 'none',
    ...(gpt && {
      gpt: {
        sectorSize: gpt.sectorSize,
        diskGuid: gpt.diskGuid,
        copy: gpt.copy,
        entryCount: gpt.entryCount,
      },
    }),
    partitions: gpt?.partitions.map((partition) => describePartition(image, partition)) ?? [],
    designator: image.designator,
    ...(image.architecture !== undefined && { architecture: image.architecture }),
    ...(filesystem && { filesystem }),
    ...(verity && { verity: describeVerity(verity) }),
    rootHashes: rootHashes.claims.map(({ where, rootHash }) => ({
      where,
      rootHash: toHex(rootHash),
    })),
    signatures: rootHashes.signatures.map(summarizeSignature),
    releases: releases.map(describeRelease),
    topLevel: resultOf(contents)?.topLevel ?? [],
    sidecars: sidecars.paths,
    policy: describePolicy(image),
    problems: [
      ...problemsOfJournal(image),
      ...(gpt?.problems ?? []).map(({ structure, field, expected, found, offset }) => ({
        structure: 'partition table',
        message: `${structure} ${field}: expected ${expected}, found ${found} at byte ${offset}`,
      })),
      ...problemOf('verity superblock', superblock),
      ...problemOf('signature partition', rootHashes.partition),
      ...rootHashes.signatures.flatMap(({ where, message }) => problemOf(where, message)),
      ...(disguise ? [{ structure: 'file system', message: disguise.found }] : []),
      ...problemOf('file system', contents),
      ...releases.flatMap(({ path, release }) => problemOf(path ?? 'release file', release)),
    ],
  }
}

function describePartition(image: OpenImage, partition: GptPartition): PartitionSummary {
  const { data, hash, signature } = image
  const parts = { data, hash, signature }
  const role = (['data', 'hash', 'signature'] as const).find(
    (name) => parts[name]?.partition === partition,
  )
  const { attributes } = partition
  return {
    number: partition.index + 1,
    type: describePartitionType(partition.typeGuid),
    typeGuid: partition.typeGuid,
    uuid: partition.partitionGuid,
    label: partition.name,
    offset: partition.offset,
    size: partition.size,
    attributes: `0x${attributes.toString(16)}`,
    readOnly: (attributes & ATTRIBUTE_READ_ONLY) !== 0n,
    growfs: (attributes & ATTRIBUTE_GROWFS) !== 0n,
    noAuto: (attributes & ATTRIBUTE_NO_AUTO) !== 0n,
    ...(role && { role }),
  }
}

function describeFilesystem(
  { filesystem: type }: OpenImage,
  contents: Attempt<FilesystemContents> | undefined,
): FilesystemSummary | undefined {
  const erofs = resultOf(contents)?.erofs
  if (!erofs) return type && { type }
  const { superblock, blockSize, blocks, label } = erofs
  const hasRecords = (superblock.featureIncompat & INCOMPAT.COMPR_CFGS) !== 0
  const hex = (bits: number) => `0x${(bits >>> 0).toString(16)}`
  return {
    type: 'erofs',
    size: blocks * blockSize,
    blockSize,
    blocks,
    inodes: Number(superblock.inos),
    uuid: superblock.uuid,
    label,
    buildTime: Number(BigInt.asIntN(64, superblock.epoch)) + superblock.buildTime,
    compatibleFeatures: hex(superblock.featureCompat),
    incompatibleFeatures: hex(superblock.featureIncompat),
    compression: hasRecords
      ? ALGORITHMS.filter((_, bit) => (superblock.availableComprAlgs & (1 << bit)) !== 0)
      : [],
  }
}

function describeVerity(superblock: VeritySuperblock): VeritySummary {
  const { uuid, algorithm, dataBlockSize, hashBlockSize, dataBlocks, salt } = superblock
  const { levels, size } = treeGeometry(superblock)
  return {
    uuid,
    algorithm,
    dataBlockSize,
    hashBlockSize,
    dataBlocks,
    dataSize: dataBlocks * dataBlockSize,
    hashSize: size,
    levels: levels.length,
    salt: toHex(salt),
  }
}

function describeRelease({ kind, imageName, path, lookup, release }: ImageRelease): ReleaseSummary {
  const rule =
    lookup === undefined
      ? 'the file name gives no image name'
      : 'rule' in lookup
        ? lookup.rule
        : lookup.explanation
  return {
    kind,
    ...(imageName !== undefined && { imageName }),
    ...(path !== undefined && { path }),
    rule,
    fields: Object.fromEntries(resultOf(release) ?? []),
  }
}

function describePolicy(image: OpenImage): PolicySummary {
  const found = foundPartitions(image)
  const admittedBy = Object.entries(DEFAULT_POLICIES).flatMap(([name, text]) =>
    evaluateImagePolicy(parseImagePolicy(text), found).rejections.length === 0 ? [name] : [],
  )
  return { found, admittedBy }
}

/** Said as `verify` says it, which calls it unproven. */
function problemsOfJournal({ journal }: OpenImage) {
  const outcome = judgeJournal(journal)
  return (outcome?.problems ?? []).map(({ found }) => ({
    structure: interruptedChange.name,
    message: found,
  }))
}

function problemOf<T>(
  structure: string,
  made: Attempt<T> | undefined,
): { readonly structure: string; readonly message: string }[] {
  const failure = failureOf(made)
  return failure ? [{ structure, message: failure.message }] : []
}
