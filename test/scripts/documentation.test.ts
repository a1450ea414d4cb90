import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXTSIGN } from '../support/extsign.ts'
import { makeUki } from '../support/pe.ts'
import { run } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { outputPattern, readTranscripts } from '../support/transcripts.ts'

const root = join(import.meta.dirname, '../..')
const guides = readdirSync(join(root, 'docs/guides')).map((name) => `docs/guides/${name}`)

describe.each(['README.md', ...guides])('%s', (document) => {
  const folder = temporaryFolder()
  test('every transcript goes as written', () => {
    prepare(folder)
    const steps = readTranscripts(readFileSync(join(root, document), 'utf8'))
    expect(steps.length).toBeGreaterThan(0)
    const env: Record<string, string> = { PATH: `${folder}/bin:/usr/bin:/bin`, LC_ALL: 'C.UTF-8' }
    for (const { line, command, shown } of steps) {
      const [, name, value] = /^export ([A-Z_]+)=(\S*)$/.exec(command) ?? []
      if (name !== undefined && value !== undefined) env[name] = value
      const { status, stdout, stderr } = run('/bin/sh', ['-c', command], { cwd: folder, env })
      const place = `${document}:${line}: ${command}`
      expect([place, status, stderr]).toEqual([place, 0, ''])
      expect(stdout, place).toMatch(outputPattern(shown))
    }
  })
})

/** What a reader has: this repository's examples, a folder and an image of their own, and `extsign`. */
function prepare(folder: string): void {
  cpSync(join(root, 'extensions'), join(folder, 'extensions'), { recursive: true })
  cpSync(join(root, 'keys.example'), join(folder, 'keys.example'), { recursive: true })
  mkdirSync(join(folder, 'hello/usr/bin'), { recursive: true })
  writeFileSync(join(folder, 'hello/usr/bin/hello'), '#!/bin/sh\necho hello\n', { mode: 0o755 })
  writeFileSync(
    join(folder, 'target-os-release'),
    'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="13"\n',
  )
  const room = { name: '.pcrsig', content: ' '.repeat(32_768) }
  writeFileSync(join(folder, 'linux.efi'), makeUki([{ name: '.initrd', content: 'cpio' }, room]))
  const command = join(folder, 'bin/extsign')
  mkdirSync(join(folder, 'bin'))
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${EXTSIGN}' "$@"\n`)
  chmodSync(command, 0o755)
}
