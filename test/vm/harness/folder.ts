/** A folder for one boot, which goes away even where the test process is told to end. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// A worker of vitest goes on after vitest itself was ended, unless it minds that it is disconnected.
const ENDINGS = ['SIGINT', 'SIGTERM', 'disconnect']

/** Calls `use` with an empty folder that the reference trees see under its own path. */
export async function withFolder<Result>(
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  // Short, because the path of a socket is limited to 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'extsign-vm-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const end = () => process.exit(1)
  process.on('exit', remove)
  for (const ending of ENDINGS) process.on(ending, end)
  try {
    return await use(folder)
  } finally {
    process.off('exit', remove)
    for (const ending of ENDINGS) process.off(ending, end)
    remove()
  }
}
