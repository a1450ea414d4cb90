/** Results that everybody may read. */

import { createOutput } from '../files/output.ts'

/** Writes a file of mode 0644, whole or not at all. @throws FileError */
export async function writePublic(path: string, bytes: Uint8Array, force: boolean): Promise<void> {
  const output = await createOutput(path, { force })
  try {
    await output.write(bytes, 0)
    await output.commit()
  } finally {
    await output.abort()
  }
}
