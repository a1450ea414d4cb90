/** How long the path of a Unix socket may be: what fits into `sun_path`, with a NUL behind it. */

import { encodeUtf8 } from '../bytes/utf8.ts'

const MAX_LINUX = 107
/** macOS and the BSDs. */
const MAX_ELSEWHERE = 103

/**
 * Why no socket can have this path, or undefined. A longer one would be cut off without a word, and
 * name another socket.
 */
export function findSocketPathProblem(path: string): string | undefined {
  if (process.platform === 'win32') return undefined
  const most = process.platform === 'linux' ? MAX_LINUX : MAX_ELSEWHERE
  const size = encodeUtf8(path).length
  if (size > most) return `its path has ${size} bytes, a socket's has at most ${most}`
  return path === '' || path.includes('\0') ? 'its path is empty or has a NUL in it' : undefined
}
