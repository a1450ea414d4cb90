/** Foreign tools that look at an image, each run on the host or in a reference tree. */

import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import { readRange, withDevice } from './partitions.ts'
import { outputInTree } from './reference-trees.ts'
import { locateFilesystem } from './repart.ts'
import { output } from './run.ts'
import { tool } from './tools.ts'

/** Where a command runs: this machine, or one of the trees. */
export type Place = 'host' | TreeName

export const PLACES: readonly Place[] = ['host', 'trixie', 'sid']

/** An image taken apart, without help of ours, into files that the tools can be pointed at. */
export interface Dissected {
  readonly image: string
  readonly folder: string
  readonly sectorSize: 512 | 4096
  /** The file system alone. */
  readonly filesystem: string
  readonly filesystemOffset: number
  readonly filesystemSize: number
  readonly hashOffset: number
  /** Absent in an unsigned image. */
  readonly signature?: SignatureFiles
}

/** What the signature partition says, as files. */
interface SignatureFiles {
  readonly rootHash: string
  readonly fingerprint: string
  readonly rootHashFile: string
  readonly pkcs7: string
}

/** Takes an image apart into files in a new folder `into`. */
export function dissect(image: string, into: string, sectorSize: 512 | 4096 = 512): Dissected {
  mkdirSync(into)
  const { offset, size, table } = locateFilesystem(image, sectorSize)
  const filesystem = join(into, 'filesystem')
  writeFileSync(filesystem, readRange(image, offset, size))
  const [, hash, signature] = table.partitions
  const parts = {
    ...{ image, folder: into, sectorSize, filesystem },
    ...{ filesystemOffset: offset, filesystemSize: size, hashOffset: hash!.offset },
  }
  if (!signature) return parts
  const bytes = readRange(image, signature.offset, signature.size)
  return { ...parts, signature: writeSignature(bytes, into) }
}

function writeSignature(partition: Uint8Array, into: string): SignatureFiles {
  const text = new TextDecoder().decode(partition.subarray(0, partition.indexOf(0)))
  const json = JSON.parse(text) as Record<string, string>
  const files = { rootHashFile: join(into, 'root-hash'), pkcs7: join(into, 'signature.p7s') }
  writeFileSync(files.rootHashFile, json.rootHash!)
  writeFileSync(files.pkcs7, Buffer.from(json.signature!, 'base64'))
  return { rootHash: json.rootHash!, fingerprint: json.certificateFingerprint!, ...files }
}

/** Runs a command where it is wanted, seeing `folder`; it has to succeed. */
export function outputAt(
  place: Place,
  folder: string,
  command: string,
  args: readonly string[],
): string {
  if (place === 'host') return output(tool(command), args)
  return outputInTree(place, folder, command, args)
}

/** `veritysetup verify`: every block of the file system has the hash that leads to `rootHash`. */
export function verifyHashTree(
  place: Place,
  folder: string,
  { image, filesystem, hashOffset }: Dissected,
  rootHash: string,
): void {
  const where = `--hash-offset=${hashOffset}`
  outputAt(place, folder, 'veritysetup', ['verify', where, filesystem, image, rootHash])
}

/** `openssl smime -verify`: the signature is of this certificate's key, over the root hash. */
export function verifySignature(
  place: Place,
  folder: string,
  { rootHashFile, pkcs7 }: SignatureFiles,
  certificate: string,
): void {
  const input = ['-inform', 'DER', '-in', pkcs7, '-content', rootHashFile, '-binary']
  // Only the certificate given here may vouch, not the one inside the message.
  const trust = ['-certfile', certificate, '-nointern', '-noverify']
  outputAt(place, folder, 'openssl', ['smime', '-verify', ...input, ...trust])
}

/** SHA-256 of the certificate's DER form, as openssl computes it. */
export function fingerprintOf(certificate: string): string {
  const der = output(tool('openssl'), ['x509', '-in', certificate, '-outform', 'PEM'])
  const base64 = der.replace(/-----[A-Z ]+-----/g, '')
  return createHash('sha256').update(Buffer.from(base64, 'base64')).digest('hex')
}

/** `fsck.erofs --extract`: the file system is sound, and this is what is in it. */
export function extractErofs(
  tree: TreeName,
  folder: string,
  filesystem: string,
  into: string,
): void {
  const options = ['--preserve', '--xattrs', `--extract=${into}`]
  outputInTree(tree, folder, 'fsck.erofs', [...options, filesystem])
}

/** `sfdisk --verify`: no complaint about the partition table. */
export function verifyPartitionTable(image: string, sectorSize: 512 | 4096): string {
  return withDevice(image, sectorSize, (device) => output(tool('sfdisk'), ['--verify', device]))
}

export interface SystemdDissection {
  readonly sectorSize: number
  readonly architecture: string
  readonly imageUuid: string
  readonly sysextRelease?: readonly string[]
  readonly confextRelease?: readonly string[]
  readonly mounts: readonly {
    readonly designator: string
    readonly partition_uuid: string
    readonly partition_label: string
    readonly fstype: string
    readonly architecture: string
    readonly verity: string | null
    readonly rw: string
  }[]
  readonly [field: string]: unknown
}

/** `systemd-dissect --json`: what systemd would make of the image. */
export function dissectWithSystemd(
  tree: TreeName,
  folder: string,
  image: string,
): SystemdDissection {
  return JSON.parse(outputInTree(tree, folder, 'systemd-dissect', ['--json=short', image]))
}
