import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { registry } from '../src/cli/registry.ts'
import { outputPattern, readTranscripts } from './support/transcripts.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folders = [
  '',
  'docs',
  'docs/formats',
  'docs/guides',
  'docs/man',
  'keys.example',
  'credentials',
]
const documents = folders.flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)
const read = (path: string) => readFileSync(join(root, path), 'utf8')

test.each(documents)('every link in %s leads somewhere', (document) => {
  const broken = linksOf(read(document)).filter((link) => {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? document : join(dirname(document), path)
    if (!existsSync(join(root, target))) return true
    if (anchor === undefined || !statSync(join(root, target)).isFile()) return false
    return !anchorsOf(read(target)).includes(anchor)
  })
  expect(broken).toEqual([])
})

test('the README lists the commands that there are, in the words of the help', () => {
  const page = (path: string) => `(docs/man/extsign-${path.replaceAll(' ', '-')}.1.md)`
  const rows = registry.map((entry) => {
    const { name, summary } = entry
    if (!('entries' in entry)) return `| [\`extsign ${name}\`]${page(name)} | ${summary} |`
    const links = entry.entries.map((inner) => `[${inner.name}]${page(`${name} ${inner.name}`)}`)
    return `| \`extsign ${name}\` ${links.join(', ')} | ${summary} |`
  })
  expect(
    read('README.md')
      .split('\n')
      .filter((line) => /^\| \[?`extsign /.test(line)),
  ).toEqual(rows)
})

test('the README is two screens long', () => {
  expect(read('README.md').split('\n').length).toBeLessThan(110)
})

test('the README and CONTRIBUTING say how everything is tested', () => {
  for (const document of ['README.md', 'CONTRIBUTING.md'])
    expect(read(document)).toContain('`npm test`')
})

test('what examples import is exported', async () => {
  const imports = documents.flatMap((document) => [
    ...read(document).matchAll(/^import \{ ([^}]+) \} from '(extsign[^']*)'$/gm),
  ])
  expect(imports.length).toBeGreaterThan(0)
  for (const [, names = '', specifier = ''] of imports) {
    const exported = Object.keys(await import(sourceOf(specifier)))
    for (const name of names.split(', ')) expect(exported, specifier).toContain(name)
  }
})

test('docs/dependencies.md has a line for every package', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'))
  const text = read('docs/dependencies.md')
  const lines = text.split('\n').filter((line) => line.startsWith('| `'))
  const named = lines.flatMap((line) =>
    [...line.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name),
  )
  expect(named.sort()).toEqual(
    [...Object.keys(dependencies), ...Object.keys(devDependencies)].sort(),
  )
})

test('no document speaks of this machine', () => {
  for (const document of documents) expect(read(document)).not.toMatch(/\/work\/|\/root\//)
})

test('a transcript is read as commands and what they print', () => {
  const text = 'a\n```console\n$ x y\nout\n…\n$ z\n```\n```sh\n$ no\n```\n'
  expect(readTranscripts(text)).toEqual([
    { line: 3, command: 'x y', shown: ['out', '…'] },
    { line: 6, command: 'z', shown: [] },
  ])
})

test.each([
  [[], '', true],
  [[], 'x\n', false],
  [['a'], 'a\n', true],
  [['a'], 'b\n', false],
  [['a'], 'a\nb\n', false],
  [['a', '…'], 'a\n', true],
  [['a', '…', 'd'], 'a\nb\nc\nd\n', true],
  [['a', '…', 'd'], 'a\nb\nc\n', false],
  [['a … (c)'], 'a b (c)\n', true],
  [[`x ${'0'.repeat(64)}`], `x ${'f'.repeat(64)}\n`, true],
  [[`x ${'0'.repeat(64)}`], `x ${'f'.repeat(63)}\n`, false],
  [['on 2026-01-01'], 'on 2031-12-31\n', true],
])('output like %j covers %j: %j', (shown, printed, covered) => {
  expect(outputPattern(shown).test(printed)).toBe(covered)
})

/** Where the sources of an entry point are, by `exports` of package.json. */
function sourceOf(specifier: string): string {
  const built = JSON.parse(read('package.json')).exports[specifier.replace('extsign', '.')]
  return join(root, built.replace('./dist/lib', 'src').replace(/\.js$/, '.ts'))
}

/** Relative links of a document, those in code left out. */
function linksOf(markdown: string): string[] {
  const text = markdown.replaceAll(/```[\s\S]*?```/g, '').replaceAll(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
}

/** What GitHub makes of headings. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
