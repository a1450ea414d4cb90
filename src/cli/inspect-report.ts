/** What `inspect` shows, a section for each structure in the image, for people. */

import type {
  FilesystemSummary,
  Inspection,
  PartitionSummary,
  ReleaseSummary,
  SignatureSummary,
  VeritySummary,
} from '../images/inspection.ts'
import type { Context } from './context.ts'
import { formatPairs, formatSize, paint, printable } from './terminal.ts'

type Row = readonly [label: string, value: string]

/** The whole image, top to bottom as it lies in the file. */
export function formatInspection(inspection: Inspection, context: Context): string {
  const { path, size, partitions, filesystem, verity, signatures, releases } = inspection
  const section = (title: string, rows: readonly Row[]) => {
    const heading = paint(context, context.stdout, 'bold', printable(title))
    return `${heading}\n${formatPairs(rows.map(([label, value]) => [label, printable(value)]))}`
  }
  return [
    section(`${path}: ${formatSize(size)}`, describeImage(inspection)),
    ...partitions.map((each) => section(`partition ${each.number}`, describePartition(each))),
    ...(filesystem ? [section('file system', describeFilesystem(filesystem))] : []),
    ...(verity ? [section('hash tree', describeVerity(verity))] : []),
    ...signatures.map((each) => section('signature', describeSignature(each))),
    ...releases.map((each) => section(`release file of a ${each.kind}`, describeRelease(each))),
    ...(inspection.problems.length > 0
      ? [
          section(
            'problems',
            inspection.problems.map((each) => [each.structure, each.message]),
          ),
        ]
      : []),
  ].join('\n')
}

function describeImage(inspection: Inspection): Row[] {
  const { table, gpt, architecture, rootHashes, topLevel, sidecars, policy } = inspection
  const hashes = [...new Set(rootHashes.map(({ rootHash }) => rootHash))]
  const copy = gpt?.copy === 'backup' ? ', read from the backup' : ''
  return [
    ['table', gpt ? `GPT, sectors of ${gpt.sectorSize} bytes${copy}` : table],
    ...(gpt ? [['disk', gpt.diskGuid] as const] : []),
    ...(architecture === undefined ? [] : [['machine', architecture] as const]),
    ...hashes.map((hash): Row => {
      const places = rootHashes.filter(({ rootHash }) => rootHash === hash)
      return ['root hash', `${hash} (${places.map(({ where }) => where).join(', ')})`]
    }),
    ...(topLevel.length > 0 ? [['top level', topLevel.join(' ')] as const] : []),
    ...(sidecars.length > 0 ? [['beside it', sidecars.join(', ')] as const] : []),
    ['admitted by', policy.admittedBy.join(', ') || 'none of the policies of systemd'],
  ]
}

function describePartition(partition: PartitionSummary): Row[] {
  const { type, label, uuid, offset, size, role, readOnly, growfs, noAuto } = partition
  const flags = [readOnly && 'read-only', growfs && 'growfs', noAuto && 'no-auto'].filter(Boolean)
  return [
    ['type', `${type}${role === undefined ? '' : ` (${role})`}`],
    ...(label === type ? [] : [['label', label] as const]),
    ['UUID', uuid],
    ['place', `${size} bytes at ${offset}`],
    ['flags', flags.join(', ') || 'none'],
  ]
}

function describeFilesystem(filesystem: FilesystemSummary): Row[] {
  const { type, size, blockSize, inodes, uuid, label, buildTime, compression } = filesystem
  if (size === undefined) return [['type', `${type}, which is not looked into`]]
  return [
    ['type', `${type}, blocks of ${blockSize} bytes`],
    ['size', `${formatSize(size)}, ${inodes} inodes`],
    ['UUID', `${uuid}`],
    ...(label ? [['label', label] as const] : []),
    ['built', formatTime(buildTime)],
    ['compression', compression?.join(', ') || 'none'],
  ]
}

function formatTime(seconds = 0): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? `${seconds} seconds since 1970` : date.toISOString()
}

function describeVerity(verity: VeritySummary): Row[] {
  const { algorithm, dataBlockSize, hashBlockSize, dataBlocks, hashSize, levels } = verity
  return [
    ['algorithm', `${algorithm}, blocks of ${dataBlockSize} and ${hashBlockSize} bytes`],
    ['covers', `${dataBlocks} blocks with ${levels} levels in ${formatSize(hashSize)}`],
    ['UUID', verity.uuid],
    ['salt', verity.salt],
  ]
}

function describeSignature(signature: SignatureSummary): Row[] {
  const { where, rootHash, certificateFingerprint, size, signers, certificates } = signature
  return [
    ['where', `${where}, ${size} bytes`],
    ...(rootHash === undefined ? [] : [['of', rootHash] as const]),
    ...signers.map(({ issuer = 'a key identifier', serial, digest, algorithm }): Row => {
      return ['signer', `${issuer}, serial ${serial}, ${algorithm} with ${digest}`]
    }),
    ...(certificateFingerprint === undefined
      ? []
      : [['names', `certificate with SHA-256 ${certificateFingerprint}`] as const]),
    ...certificates.flatMap(({ subject, algorithm, fingerprint, notBefore, notAfter }): Row[] => [
      [
        'carries',
        `${subject}, ${algorithm}, ${notBefore.slice(0, 10)} to ${notAfter.slice(0, 10)}`,
      ],
      ['', `SHA-256 ${fingerprint}`],
    ]),
    ...signature.deviations.map((deviation): Row => ['unusual', deviation]),
  ]
}

function describeRelease({ path, rule, fields }: ReleaseSummary): Row[] {
  return [['file', path ?? 'none'], ['rule', rule], ...Object.entries(fields)]
}
