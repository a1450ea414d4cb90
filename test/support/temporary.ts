/** Temporary folders that leave with the tests that asked for them. */

import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/**
 * A new folder every user may enter, removed after the file or `describe` that is being collected
 * when this is called.
 *
 * @param parent Where, if the file system matters.
 */
export function temporaryFolder(parent: string = tmpdir()): string {
  const folder = mkdtempSync(join(realpathSync(parent), 'extsign-test-'))
  chmodSync(folder, 0o755)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
