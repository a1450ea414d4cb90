/** A socket whose name could be a number is no port. */

import { spawn } from 'node:child_process'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

test.each(['23210', '.5', '1e3'])(
  'an agent at %s has a socket there, and is asked there',
  async (socket) => {
    const work = join(folder, `at-${socket}`)
    mkdirSync(join(work, 'tree/usr'), { recursive: true })
    writeFileSync(join(work, 'tree/usr/file'), 'content')
    extsign(['keys', 'new', '--algorithm', 'p256'], { cwd: work })
    const key = ['--certificate', 'keys/release.crt']
    const args = ['agent', '--socket', socket, '--private-key', 'keys/release.key', ...key]
    const child = spawn(process.execPath, [EXTSIGN, ...args], { cwd: work })
    try {
      await new Promise((resolve) => child.stdout.once('data', resolve))
      expect(statSync(join(work, socket)).isSocket()).toBe(true)
      const source = ['--private-key-source=agent', `--private-key=${socket}`, ...key]
      const build = ['sysext', 'tree', '--id', '_any', '--output', 'x.raw', ...source]
      expect(extsign(build, { cwd: work })).toContain('signed system extension')
    } finally {
      child.kill()
    }
  },
)
