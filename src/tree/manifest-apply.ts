/** A tree with what a metadata manifest says of it. */

import { TreeError } from '../errors.ts'
import { withNode } from './insert.ts'
import { lookup } from './lookup.ts'
import type { Manifest, ManifestEntry } from './manifest.ts'
import type { ManifestFields } from './manifest-keywords.ts'
import { mapMetadata } from './map-metadata.ts'
import type { DirectoryNode, Metadata, Time, TreeNode } from './model.ts'
import { findNearest } from './nearest.ts'

/**
 * `tree` with the metadata of `manifest`, and with the nodes it declares that are not there: all
 * kinds but regular files, which need contents. They belong to 0:0 and have the time `mtime` where
 * the manifest says nothing else. What one name of a hard-linked file is given, all have.
 *
 * @throws TreeError BAD_MANIFEST naming the line.
 */
export function applyManifest(tree: DirectoryNode, manifest: Manifest, mtime: Time): DirectoryNode {
  const complete = addMissing(tree, manifest, mtime)
  const changes = new Map<TreeNode, Change>()
  for (const entry of manifest.entries) {
    const node = find(complete, entry)
    if (!node) throw missing(complete, manifest, entry)
    assertFits(node, manifest, entry)
    const before = changes.get(node)
    if (before) assertAgrees(before, manifest, entry)
    changes.set(node, { entry, metadata: changeMetadata(node, before?.metadata, entry) })
  }
  return mapMetadata(complete, (node) => changes.get(node)?.metadata ?? node.metadata)
}

interface Change {
  readonly entry: ManifestEntry
  readonly metadata: Metadata
}

function addMissing(tree: DirectoryNode, manifest: Manifest, mtime: Time): DirectoryNode {
  let complete = tree
  for (const entry of manifest.entries) {
    const { kind } = entry.fields
    if (!kind || kind === 'file' || find(complete, entry)) continue
    const node = createNode(kind, manifest, entry, mtime)
    complete = withNode(complete, pathOf(entry), node)
  }
  return complete
}

function createNode(
  kind: Exclude<TreeNode['kind'], 'file'>,
  manifest: Manifest,
  entry: ManifestEntry,
  mtime: Time,
): TreeNode {
  const { fields } = entry
  const mode = kind === 'symlink' ? 0o777 : (fields.mode ?? (kind === 'directory' ? 0o755 : -1))
  if (mode === -1) throw bad(manifest, entry, 'is new and needs a mode')
  const metadata: Metadata = { mode, uid: 0, gid: 0, mtime, xattrs: new Map() }
  switch (kind) {
    case 'directory':
      return { kind, metadata, entries: [] }
    case 'symlink':
      if (!fields.target) throw bad(manifest, entry, 'is new and needs link=TARGET')
      return { kind, metadata, target: fields.target }
    case 'character-device':
    case 'block-device':
      if (!fields.device) throw bad(manifest, entry, 'is new and needs device=linux,MAJOR,MINOR')
      return { kind, metadata, ...fields.device }
    default:
      return { kind, metadata }
  }
}

/** What describes a node must be true of it; only its metadata can be changed. */
function assertFits(node: TreeNode, manifest: Manifest, entry: ManifestEntry): void {
  const { kind, target, device, xattrs } = entry.fields
  if (kind && kind !== node.kind) throw bad(manifest, entry, `is a ${node.kind}, not a ${kind}`)
  if (target && (node.kind !== 'symlink' || Buffer.compare(node.target, target) !== 0)) {
    throw bad(manifest, entry, 'is no symbolic link to that target')
  }
  if (device && !('major' in node && isSame(node, device))) {
    throw bad(manifest, entry, 'is no such device')
  }
  if (xattrs?.has('security.capability') && node.kind !== 'file') {
    throw bad(manifest, entry, `is a ${node.kind}, and only files have capabilities`)
  }
}

function isSame(
  a: { readonly major: number; readonly minor: number },
  b: { readonly major: number; readonly minor: number },
): boolean {
  return a.major === b.major && a.minor === b.minor
}

/** Two names of one inode may both be described, but not differently. */
function assertAgrees(before: Change, manifest: Manifest, entry: ManifestEntry): void {
  for (const key of ['mode', 'uid', 'gid'] as const) {
    const value = entry.fields[key]
    const other = before.entry.fields[key]
    if (value !== undefined && other !== undefined && value !== other) {
      const message = `is the same file as ${before.entry.path}, which line ${before.entry.line} gives another ${key}`
      throw bad(manifest, entry, message)
    }
  }
}

function changeMetadata(
  node: TreeNode,
  before: Metadata | undefined,
  { fields }: ManifestEntry,
): Metadata {
  const metadata = before ?? node.metadata
  // A symbolic link has no mode of its own, whatever /set says to those around it.
  const mode = node.kind === 'symlink' ? undefined : fields.mode
  return {
    mode: mode ?? metadata.mode,
    uid: fields.uid ?? metadata.uid,
    gid: fields.gid ?? metadata.gid,
    mtime: fields.mtime ?? metadata.mtime,
    xattrs: mergeXattrs(metadata.xattrs, fields.xattrs),
  }
}

function mergeXattrs(old: Metadata['xattrs'], added: ManifestFields['xattrs']): Metadata['xattrs'] {
  if (!added) return old
  const merged = [...new Map([...old, ...added])]
  return new Map(merged.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
}

function missing(tree: DirectoryNode, manifest: Manifest, entry: ManifestEntry): TreeError {
  const nearest = findNearest(tree, entry.names)
  const hint = nearest === undefined ? undefined : `did you mean ./${nearest}`
  return bad(manifest, entry, 'is not in the tree', hint)
}

function bad(manifest: Manifest, entry: ManifestEntry, fact: string, hint?: string): TreeError {
  const message = `${manifest.name} line ${entry.line}: ${entry.path} ${fact}`
  return new TreeError('BAD_MANIFEST', message, { hint })
}

function find(tree: DirectoryNode, entry: ManifestEntry): TreeNode | undefined {
  return lookup(tree, pathOf(entry), { follow: 'none' })?.node
}

function pathOf(entry: ManifestEntry): Uint8Array {
  return Buffer.concat(entry.names.flatMap((name) => [Buffer.from('/'), name]))
}
