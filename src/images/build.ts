/** A folder becomes an extension image. */

import { basename, resolve } from 'node:path'
import { ImageError } from '../errors.ts'
import { assertOutside } from '../files/outside.ts'
import {
  checkFileName,
  extensionReleasePath,
  loadsAs,
  RELEASE_FILE_PREFIX,
  type Stamp,
  stampRelease,
} from '../formats/release/index.ts'
import { scanDirectory } from '../tree/from-directory.ts'
import { assertHierarchies } from '../tree/hierarchies.ts'
import { describePath } from '../tree/host-path.ts'
import { withFile } from '../tree/insert.ts'
import { lookup } from '../tree/lookup.ts'
import { parseManifest } from '../tree/manifest.ts'
import { applyManifest } from '../tree/manifest-apply.ts'
import type { DirectoryNode } from '../tree/model.ts'
import { epochTime, normalizeTree } from '../tree/normalize.ts'
import { assertOwners } from '../tree/owner.ts'
import { findWarnings } from '../tree/warnings.ts'
import { openXattrReader } from '../tree/xattrs.ts'
import type { BuildOptions, BuildResult } from './options.ts'
import { createPool } from './pipeline/pool.ts'
import { readContent } from './pipeline/read-content.ts'
import { assembleImage } from './write/assemble.ts'
import { chunkCompression } from './write/chunk-compression.ts'
import { planFilesystem, writeFilesystem } from './write/filesystem/write.ts'

/** A release file is a few lines; what is larger is something else. */
const MAX_RELEASE_SIZE = 64 * 1024

/**
 * Builds an extension image from a folder and, with `signing`, signs it.
 *
 * @example
 * const signer = await fileSigner({
 *   privateKey: 'keys/release.key',
 *   certificate: 'keys/release.crt',
 * })
 * const { rootHash } = await buildExtension({
 *   kind: 'sysext',
 *   tree: 'extensions/hello',
 *   output: 'hello.sysext.raw',
 *   release: { id: '_any' },
 *   signing: { signer, certificate: signer.certificate.der },
 * })
 *
 * @throws TreeError where the folder cannot become this kind of extension, ImageError for names,
 *   release fields and options, FileError for the output, KeyError for the signature. Nothing is
 *   left behind then.
 */
export async function buildExtension(options: BuildOptions): Promise<BuildResult> {
  const { kind, output, onProgress, version } = options
  const name = options.name ?? basename(resolve(options.tree))
  assertFileName(options, name)
  await assertOutside(options.tree, output)
  const compression = chunkCompression(options.compression)
  const epoch = epochTime(options.sourceDateEpoch ?? 0)

  const pool = createPool(options.threads, compression)
  try {
    onProgress?.({ step: 'scan', done: 0, total: 0 })
    const warnings: string[] = []
    const xattrs = await openXattrReader()
    const scanned = scanDirectory(options.tree, {
      exclude: options.exclude,
      readXattrs: xattrs.available ? xattrs.read : undefined,
      onFile: (size) => pool.expect(size),
      onWarning: (warning) => warnings.push(warning),
    })
    assertHierarchies(scanned, kind)
    if (options.preserveOwner) assertOwners(scanned)
    const stamp = stampTree(scanned, options, name)
    const tree = finishTree(scanned, stamp, options)
    // The manifest may have added what the folder did not have.
    if (options.manifest) assertHierarchies(tree, kind)
    const plan = planFilesystem(tree, epoch.seconds)
    let treeWarnings: readonly string[] | undefined

    const image = await assembleImage({
      ...options,
      name,
      kind,
      version,
      maxBlocks: plan.maxBlocks,
      onUnderWay: () => {
        treeWarnings = findWarnings(tree, kind)
      },
      write: ({ stock, sink, salt, filesystemUuid: uuid }) => {
        const report = (done: number, total: number) => onProgress?.({ step: 'read', done, total })
        const settings = { salt, uuid, epoch: epoch.seconds, compression, onProgress: report }
        return writeFilesystem(plan, settings, pool, stock, sink)
      },
    })
    return {
      ...image,
      kind,
      release: stamp.fields,
      loadsAs: loadsAs(kind, name, {
        ...(version !== undefined && { version }),
        architecture: image.architecture,
      }),
      files: plan.inventory.inodes.length,
      contentSize: plan.contentSize,
      xattrs: xattrs.available ? { read: true } : { read: false, reason: xattrs.reason },
      warnings: [
        ...warnings,
        ...stamp.warnings,
        ...image.warnings,
        ...(treeWarnings ?? findWarnings(tree, kind)),
      ],
    }
  } finally {
    await pool.close()
  }
}

/** Both the name and the name of the file must be such that systemd finds the release file. */
function assertFileName({ kind, output }: BuildOptions, name: string): void {
  extensionReleasePath(kind, name)
  const verdict = checkFileName(kind, basename(output), name)
  if (!verdict.loads) throw new ImageError('BAD_NAME', verdict.reason, { hint: verdict.hint })
}

/** The release file of the image, made from the options and what the tree has. */
function stampTree(tree: DirectoryNode, options: BuildOptions, name: string): Stamp {
  const { kind, version } = options
  const path = extensionReleasePath(kind, name)
  assertNoOtherRelease(tree, path, name)
  const existing = readReleaseFile(tree, path)
  return stampRelease({
    ...options.release,
    kind,
    name,
    ...(version !== undefined && { version }),
    ...(existing && { existing }),
  })
}

/** A release file of another name is a renamed extension: systemd would find the wrong one or none. */
function assertNoOtherRelease(tree: DirectoryNode, path: string, name: string): void {
  const directory = lookup(tree, path.slice(0, path.lastIndexOf('/')))?.node
  if (directory?.kind !== 'directory') return
  for (const entry of directory.entries) {
    const file = describePath(entry.name)
    if (!file.startsWith(RELEASE_FILE_PREFIX) || file === RELEASE_FILE_PREFIX + name) continue
    const other = file.slice(RELEASE_FILE_PREFIX.length)
    const message = `the tree carries ${file}; for an image called ${name} systemd looks for ${RELEASE_FILE_PREFIX}${name}`
    throw new ImageError('BAD_RELEASE', message, {
      hint: `rename the file, or build with --name ${other}`,
    })
  }
}

function readReleaseFile(tree: DirectoryNode, path: string): Uint8Array | undefined {
  const node = lookup(tree, path)?.node
  if (!node) return undefined
  if (node.kind !== 'file') {
    throw new ImageError('BAD_RELEASE', `${path} in the tree is a ${node.kind}, not a file`)
  }
  if (node.content.size > MAX_RELEASE_SIZE) {
    const message = `${path} in the tree has ${node.content.size} bytes, a release file has at most ${MAX_RELEASE_SIZE}`
    throw new ImageError('BAD_RELEASE', message)
  }
  const bytes = new Uint8Array(node.content.size)
  readContent(node.content, 0, bytes)
  return bytes
}

/** The tree as it is packed. */
function finishTree(tree: DirectoryNode, stamp: Stamp, options: BuildOptions): DirectoryNode {
  const { manifest, preserveOwner, sourceDateEpoch = 0 } = options
  const mtime = epochTime(sourceDateEpoch)
  const xattrs = lookup(tree, stamp.path)?.node.metadata.xattrs ?? new Map()
  const metadata = { mode: 0o644, uid: 0, gid: 0, mtime, xattrs }
  const stamped = stamp.unchanged ? tree : withFile(tree, stamp.path, stamp.bytes, metadata)
  const normal = normalizeTree(stamped, { sourceDateEpoch, preserveOwner })
  return manifest
    ? applyManifest(normal, parseManifest(manifest.text, manifest.path), mtime)
    : normal
}
