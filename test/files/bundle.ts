/** A module of ours as one file that any Node can run in a process of its own. */

import { join } from 'node:path'
import { buildSync } from 'esbuild'

/**
 * Bundles `code`, whose imports are relative to the top of the repository, into `folder`.
 *
 * @returns the path of the script
 */
export function bundle(folder: string, name: string, code: string): string {
  const outfile = join(folder, `${name}.mjs`)
  buildSync({
    stdin: { contents: code, resolveDir: join(import.meta.dirname, '../..'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    // picomatch is CommonJS and asks for node:path.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url)',
    },
    outfile,
  })
  return outfile
}
