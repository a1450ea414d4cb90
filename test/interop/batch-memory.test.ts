/** The memory of `cred batch` does not grow with its manifest. */

import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXTSIGN } from '../support/extsign.ts'
import { run } from '../support/run.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available } from '../support/tools.ts'

const MIB = 1 << 20
/** What Node and the code take is half of it. */
const LIMIT = 192 * MIB

describe.runIf(available('/usr/bin/time'))('a manifest', () => {
  const folder = temporaryFolder()
  const manifest = join(folder, 'manifest')

  /** Lines whose secrets are missing, which are told apart as all others are. */
  function write(count: number, last = ''): void {
    let text = ''
    for (let index = 0; index < count; index += 1) {
      text += `{"input":"none-${index}","output":"out/${index}","with-key":"null"}\n`
      if (text.length < MIB) continue
      appendFileSync(manifest, text)
      text = ''
    }
    appendFileSync(manifest, text + last)
  }

  function batch(): { readonly peak: number; readonly stdout: string; readonly stderr: string } {
    const size = join(folder, 'size')
    const args = ['-f', '%M', '-o', size, process.execPath, EXTSIGN, 'cred', 'batch', '--json']
    const { stdout, stderr } = run('/usr/bin/time', [...args, manifest], { cwd: folder })
    const kilobytes = /^\d+$/m.exec(readFileSync(size, 'utf8'))?.[0]
    return { peak: Number(kilobytes) * 1024, stdout, stderr }
  }

  test('of very many lines is judged', () => {
    write(300_000, '{"output":"out/7","input":"x"}\n{"output":"out/299999","input":"x"}\n')
    const { peak, stdout, stderr } = batch()
    expect(stdout).toBe('')
    expect(stderr).toContain('line 300001: line 8 has the same output')
    expect(stderr).toContain('line 300002: line 300000 has the same output')
    expect(peak).toBeLessThan(LIMIT)
  })

  test('of many lines is carried out', () => {
    const count = 30_000
    appendFileSync(manifest, '', { flag: 'w' })
    write(count)
    const { peak, stdout } = batch()
    expect(JSON.parse(stdout)).toHaveLength(count)
    expect(peak).toBeLessThan(LIMIT)
  })
})
