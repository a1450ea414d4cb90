/** Paths on the build host: text where the names are valid UTF-8, bytes where one is not. */

export type HostPath = string | Uint8Array

/** The path of `name` in `directory`; `text` is the name where it is valid UTF-8. */
export function joinPath(
  directory: HostPath,
  name: Uint8Array,
  text: string | undefined,
): HostPath {
  if (typeof directory === 'string' && text !== undefined) {
    return directory.endsWith('/') ? directory + text : `${directory}/${text}`
  }
  return Buffer.concat([Buffer.from(directory), Buffer.from('/'), name])
}

/** The path as functions of `node:fs` take it. */
export function toPathLike(path: HostPath): string | Buffer {
  if (typeof path === 'string') return path
  return Buffer.from(path.buffer, path.byteOffset, path.byteLength)
}

/** The path for people: what is not UTF-8 becomes a replacement character. */
export function describePath(path: HostPath): string {
  return typeof path === 'string' ? path : toPathLike(path).toString()
}
