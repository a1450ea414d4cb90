// @ts-check
/**
 * `npm run build`: the library, one module and one declaration per source file, into `dist/lib`;
 * the command, bundled with what it needs so that it starts fast, into `dist/bin`.
 */

import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const oldestNode = engines.node.replace('>=', '')

/** At the same depth as `dist`, for the paths in source maps; renamed when everything is there. */
const PARTIAL = join(ROOT, 'dist.partial')

remove(PARTIAL)
buildLibrary()
await buildCommand()
remove(join(ROOT, 'dist'))
renameSync(PARTIAL, join(ROOT, 'dist'))

/** @param {string} path */
function remove(path) {
  rmSync(path, { recursive: true, force: true })
}

function buildLibrary() {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const tsc = join(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin.tsc)
  const project = join(ROOT, 'tsconfig.build.json')
  const options = ['--project', project, '--outDir', join(PARTIAL, 'lib')]
  const { status } = spawnSync(process.execPath, [tsc, ...options], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}

async function buildCommand() {
  const outdir = join(PARTIAL, 'bin')
  await build({
    absWorkingDir: ROOT,
    entryPoints: {
      extsign: 'src/cli/bin.ts',
      // Beside the chunks, where `new URL('./worker.js', import.meta.url)` finds it.
      worker: 'src/images/pipeline/worker.ts',
      'hash-worker': 'src/policies/hash-worker.ts',
    },
    outdir,
    bundle: true,
    // A command's chunk is loaded when the command is called.
    splitting: true,
    chunkNames: '[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: `node${oldestNode}`,
    mainFields: ['module', 'main'],
    // Not minified: it would start no faster, and people should be able to read what signs for them.
    sourcemap: 'linked',
    sourcesContent: false,
    // zstd-wasm finds its .wasm file through __dirname, which a bundle has not; pkcs11js is optional.
    external: ['@bokuweb/zstd-wasm', 'pkcs11js'],
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  })
  chmodSync(join(outdir, 'extsign.js'), 0o755)
}
