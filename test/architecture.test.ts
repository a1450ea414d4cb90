import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/** As in docs/architecture.md: a folder imports from its own line and from lines below. */
const LAYERS: readonly (readonly string[])[] = [
  ['index.ts', 'cli'],
  ['project', 'requests'],
  ['rotation'],
  ['trust'],
  ['images', 'credentials', 'policies'],
  ['tree', 'keys', 'files'],
  ['formats'],
  ['crypto', 'compression'],
  ['bytes', 'errors.ts'],
]

/** Given other modules in their place, what is not in these folders would run in a browser. */
const USES_NODE = LAYERS.slice(0, 6).flat().concat('crypto', 'compression')

/** Every package and where it may be imported. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  // make-key-pair is the one place where pkijs does cryptography, through its engine.
  pkijs: ['formats/pkcs7/', 'formats/x509/', 'keys/make-key-pair.ts'],
  asn1js: ['formats/pkcs7/', 'formats/x509/', 'keys/make-key-pair.ts'],
  '@peculiar/webcrypto': ['keys/make-key-pair.ts'],
  'cmd-ts': ['cli/'],
  picomatch: ['tree/'],
  'smol-toml': ['cli/credential/manifest-toml.ts', 'cli/rotation/read-plan.ts'],
  '@bokuweb/zstd-wasm': ['compression/'],
  pkcs11js: ['keys/signers/pkcs11-signer.ts'],
}

/** Modules that run programs, or speak to a network. */
const FORBIDDEN = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'http',
  'http2',
  'https',
  'net',
  'tls',
]

/** A module that runs programs or connects, and the modules that may load it, lazily. */
interface Outlet {
  readonly file: string
  readonly target: string
  readonly loadedBy: readonly string[]
}

/** The exceptions, each loaded only once its user has named the program or the socket. */
const OUTLETS: readonly Outlet[] = [
  // A secret may come from a program, where --allow-commands lets a manifest name one, and a
  // signature, where --private-key does.
  {
    file: 'keys/run-program.ts',
    target: 'node:child_process',
    loadedBy: ['keys/command-output.ts', 'keys/signers/run-command.ts'],
  },
  // A private key may be with a signing agent, where --private-key names its socket.
  {
    file: 'keys/signers/ask-agent.ts',
    target: 'node:net',
    loadedBy: ['keys/signers/agent-signer.ts'],
  },
  // The socket of that agent may have been left by a dead one: it is asked.
  {
    file: 'keys/signers/listen.ts',
    target: 'node:net',
    loadedBy: ['keys/signers/serve-agent.ts'],
  },
  // A signing agent listens, where `extsign agent` is told on which socket.
  {
    file: 'keys/signers/serve-agent.ts',
    target: 'node:net',
    loadedBy: ['keys/signers/start-agent.ts'],
  },
  // A TPM in software is behind a socket, and only its user can name it.
  { file: 'keys/tpm/socket.ts', target: 'node:net', loadedBy: ['keys/tpm/device.ts'] },
]

interface Import {
  /** Path of the importing file, relative to src. */
  readonly file: string
  /** Path relative to src for our own files, the specifier as written otherwise. */
  readonly target: string
}

const src = fileURLToPath(new URL('../src/', import.meta.url))
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => /\.[cm]?[jt]s$/.test(file))
const imports = files.flatMap((file) => importsOf(file, readFileSync(join(src, file), 'utf8')))
const own = imports.filter(({ target }) => files.includes(target))
const foreign = imports.filter(({ target }) => !files.includes(target))

describe('finding imports', () => {
  test.each([
    ["import { a } from './a.ts'", ['x/a.ts']],
    ["import {\n  a,\n  b,\n} from '../b/a.ts'", ['b/a.ts']],
    ["import type { A } from 'pkijs'", ['pkijs']],
    ["import 'node:fs'", ['node:fs']],
    ["export * from './a.ts'", ['x/a.ts']],
    ["const a = await import('./a.ts')", ['x/a.ts']],
    ["const a = import.meta.resolve('./a.ts')", ['x/a.ts']],
    ["new Worker(new URL('./worker.ts', import.meta.url))", ['x/worker.ts']],
    ["const fs = require('fs')", ['fs']],
    ["type A = import('asn1js').Sequence", ['asn1js']],
    ["/** import { a } from './a.ts' */\n// import('b')", []],
    [" * import { buildExtension } from 'extsign'", []],
  ])('in %j', (text, targets) => {
    expect(importsOf('x/y.ts', text).map(({ target }) => target)).toEqual(targets)
  })

  test('finds those of this project', () => {
    expect(files.length).toBeGreaterThan(100)
    expect(own.length).toBeGreaterThan(files.length)
  })
})

test('every folder of src has a layer', () => {
  expect(files.filter((file) => layerOf(folderOf(file)) < 0)).toEqual([])
})

test('imports point down the layers', () => {
  const up = own.filter(({ file, target }) => layerOf(folderOf(target)) < layerOf(folderOf(file)))
  expect(up).toEqual([])
})

test('no two folders of a layer import each other', () => {
  const edges = new Set(own.map(({ file, target }) => `${folderOf(file)} ${folderOf(target)}`))
  const mutual = [...edges].filter((edge) => {
    const [from, to] = edge.split(' ')
    return from !== to && edges.has(`${to} ${from}`)
  })
  expect(mutual).toEqual([])
})

test('modules of Node are used only where the outside world begins', () => {
  const misplaced = foreign.filter(
    ({ file, target }) => target.startsWith('node:') && !USES_NODE.includes(folderOf(file)),
  )
  expect(misplaced).toEqual([])
})

test('no module of Node is used that runs programs or speaks to a network', () => {
  const modules = FORBIDDEN.flatMap((name) => [name, `node:${name}`])
  const used = foreign.filter(({ target }) => modules.includes(target))
  expect(used.toSorted((a, b) => a.file.localeCompare(b.file))).toEqual(
    OUTLETS.map(({ file, target }) => ({ file, target })),
  )
})

test.each(OUTLETS)('$file is loaded where it may be, and only when it is needed', (outlet) => {
  const { file, loadedBy } = outlet
  const code = (path: string) => withoutTypeImports(readFileSync(join(src, path), 'utf8'))
  const loading = files.filter((path) =>
    importsOf(path, code(path)).some(({ target }) => target === file),
  )
  expect(loading.toSorted()).toEqual(loadedBy)
  for (const loader of loadedBy) {
    const path = relative(dirname(loader), file).replaceAll('\\', '/')
    const specifier = path.startsWith('.') ? path : `./${path}`
    expect(code(loader).split(`'${specifier}'`)).toHaveLength(2)
    expect(code(loader)).toContain(`await import('${specifier}')`)
  }
})

test('what runs together is waited for, whatever fails', () => {
  // Promise.all throws while the others still use what its caller closes then.
  const using = files.filter((file) => {
    const code = withoutComments(readFileSync(join(src, file), 'utf8'))
    return /\bPromise\.all\(/.test(code)
  })
  expect(using).toEqual(['files/all-of.ts'])
})

test('each package is imported in its own place only', () => {
  const misplaced = foreign
    .filter(({ target }) => !target.startsWith('node:') && !target.startsWith('../package.json'))
    .filter(({ file, target }) => {
      const folders = PACKAGES[packageOf(target)] ?? []
      return !folders.some((folder) => file.startsWith(folder))
    })
  expect(misplaced).toEqual([])
})

test('an index.ts does nothing but export again', () => {
  const doing = files
    .filter((file) => /(?:^|\/)index\.ts$/.test(file))
    .filter((file) => {
      const code = withoutComments(readFileSync(join(src, file), 'utf8'))
      return /\S/.test(
        code.replace(/export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+'[^']+'/g, ''),
      )
    })
  expect(doing).toEqual([])
})

test('tables that are asked for a text are maps: an object also has constructor and toString', () => {
  const table =
    /^(?:export )?const \w+: (?:Readonly<)?(?:Record<string,|\{ readonly \[\w+: string\])/m
  const objects = files.filter((file) => table.test(readFileSync(join(src, file), 'utf8')))
  expect(objects).toEqual([])
})

test('variables of the environment are read in one place', () => {
  const readers = files.filter((file) => {
    const code = withoutComments(readFileSync(join(src, file), 'utf8'))
    return /\b(?:environment|env)\[/.test(code) || /process\.env\.\w/.test(code)
  })
  expect(readers).toEqual(['cli/context.ts'])
})

/** What `text` imports, however it is written: statically, lazily, as a type, as a worker's file. */
function importsOf(file: string, text: string): readonly Import[] {
  const patterns = [
    /(?:^|[\s;}])from\s*'([^']+)'/g,
    /(?:^|[\s;])import\s*'([^']+)'/g,
    /\bimport\(\s*'([^']+)'/g,
    /\bimport\.meta\.resolve\(\s*'([^']+)'/g,
    /\brequire\(\s*'([^']+)'/g,
    /\bnew URL\(\s*'(\.[^']+)'/g,
  ]
  const code = withoutComments(text)
  return patterns.flatMap((pattern) =>
    [...code.matchAll(pattern)].map(([, specifier = '']) => ({
      file,
      target: specifier.startsWith('.') ? resolve(dirname(file), specifier) : specifier,
    })),
  )
}

/** A worker's file is named as it is after the build: `./worker.js` for `./worker.ts`. */
function resolve(folder: string, specifier: string): string {
  return normalize(join(folder, specifier)).replaceAll('\\', '/').replace(/\.js$/, '.ts')
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*(?:\/\/|\*).*$/gm, '')
}

/** What only names types is not there at run time. */
function withoutTypeImports(text: string): string {
  return withoutComments(text).replace(/^(?:import|export) type \{[^}]*\} from .*$/gm, '')
}

/** The first part of a path below src: a folder, or a file that stands alone. */
function folderOf(file: string): string {
  return file.split('/')[0] ?? ''
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder))
}

/** `cmd-ts` of `cmd-ts/dist/x.js`, `@a/b` of `@a/b/c.js`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
