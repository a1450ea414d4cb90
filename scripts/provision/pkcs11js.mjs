// @ts-check
/**
 * The package pkcs11js, compiled. `npm ci --ignore-scripts` leaves it as source; here its few files
 * go through the compiler alone, with the headers of Node-API, and what comes out is kept in the cache
 * and linked to where the package looks for it.
 */

import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheFolder, provision } from './cache.mjs'
import { findTool } from './host-tools.mjs'
import { run } from './run.mjs'

const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url))
const PACKAGE = join(PACKAGES, 'pkcs11js')
const HEADERS = join(PACKAGES, 'node-api-headers/include')
const BINARY = 'pkcs11.node'
const SOURCES = ['dl.cpp', 'common.cpp', 'main.cpp']
// As its binding.gyp has them. It uses Node-API: what is compiled with one Node runs with every other.
const DEFINES = [
  'NAPI_DISABLE_CPP_EXCEPTIONS',
  `NODE_GYP_MODULE_NAME=${BINARY.replace('.node', '')}`,
]

/** Whether `import('pkcs11js')` finds what it needs. */
export function hasPkcs11js() {
  return existsSync(join(PACKAGE, 'build/Release', BINARY))
}

/** Compiles the package, unless that has been done or there is no compiler. */
export async function providePkcs11js() {
  const compiler = findTool('g++')
  if (!compiler) return
  const { version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'))
  const folder = join(cacheFolder(), 'pkcs11js')
  await provision(folder, ['g++', version, DEFINES, process.arch], async (fresh) => {
    await run(compiler, [
      ...['-O2', '-std=c++17', '-shared', '-fPIC', ...DEFINES.map((name) => `-D${name}`)],
      ...[`-I${join(PACKAGE, 'includes')}`, `-I${HEADERS}`],
      ...SOURCES.map((name) => join(PACKAGE, 'src', name)),
      ...['-o', join(fresh, BINARY)],
    ])
  })
  link(folder, join(PACKAGE, 'build/Release'))
}

/** @param {string} target @param {string} path */
function link(target, path) {
  mkdirSync(dirname(path), { recursive: true })
  if (lstatSync(path, { throwIfNoEntry: false })) rmSync(path, { recursive: true })
  symlinkSync(target, path)
}
