/** Key files in a temporary folder. */

import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../support/temporary.ts'

/** A writer of files into a folder of the test's own. */
export function fileMaker(): (name: string, content: string | Uint8Array, mode?: number) => string {
  const parent = temporaryFolder()
  const folder = mkdtempSync(join(parent, 'keys-'))
  return (name, content, mode = 0o600) => {
    const path = join(folder, name)
    writeFileSync(path, content, { mode })
    return path
  }
}
