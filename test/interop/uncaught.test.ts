/** A command that comes to a sudden end in its own process leaves nothing of what it was making. */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EXTSIGN, extsign } from '../support/extsign.ts'
import { run } from '../support/run.ts'
import { writeTinyTree } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'

const folder = temporaryFolder()

describe('once there is a file in the making', () => {
  test('an exit of the process removes it, its lock and the folder that was made for it', () => {
    const work = join(folder, 'exit')
    const args = ['keys', 'new', '--directory', 'a/b', '--algorithm', 'rsa4096']
    const { status } = runWith('process.exit(7)', 'a/b', work, args)
    expect([status, readdirSync(work)]).toEqual([7, []])
  })

  test('an error that nothing catches ends the work, as Ctrl-C does', () => {
    const work = join(folder, 'thrown')
    writeTinyTree(join(folder, 'tree'), 'sysext', 'hello')
    extsign(['keys', 'new', '--directory', folder, '--algorithm', 'p256'])
    const program = join(folder, 'signer')
    writeFileSync(program, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 })
    const signing = ['--private-key', program, '--private-key-source', 'command']
    const certificate = ['--certificate', join(folder, 'release.crt')]
    const args = ['sysext', join(folder, 'tree'), '--name', 'hello', ...signing, ...certificate]
    const { status, stderr } = runWith("throw new Error('sudden')", '.', work, args)
    expect([status, readdirSync(work)]).toEqual([1, []])
    expect(stderr).toContain('Error: sudden')
  })
})

test('a current folder that was removed is said, and no bug', () => {
  const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && exec "$2" "$3" request hello.raw'
  const words = ['sh', join(folder, 'removed'), process.execPath, EXTSIGN]
  const { status, stderr } = run('/bin/sh', ['-c', script, ...words])
  expect([status, stderr]).toEqual([1, 'extsign: error: the current folder was removed\n'])
})

test('a command that needs no current folder works in one that was removed', () => {
  const output = join(folder, 'sealed.cred')
  const manifest = join(folder, 'manifest.jsonl')
  writeFileSync(manifest, JSON.stringify({ environment: 'SECRET', output, 'with-key': 'null' }))
  const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && exec "$2" "$3" cred batch -q "$4"'
  const words = ['sh', join(folder, 'removed'), process.execPath, EXTSIGN, manifest]
  const { status, stderr } = run('/bin/sh', ['-c', script, ...words], {
    env: { SECRET: 'x', PATH: '/usr/bin:/bin' },
  })
  expect(status, stderr).toBe(0)
  expect(existsSync(output)).toBe(true)
})

/** Runs a command that does `what` as soon as something half made is in the folder `where`. */
function runWith(what: string, where: string, work: string, args: readonly string[]) {
  const code = `
    import { readdirSync, existsSync } from 'node:fs'
    const timer = setInterval(() => {
      if (!existsSync('${where}')) return
      if (!readdirSync('${where}').some((name) => name.endsWith('.partial'))) return
      clearInterval(timer)
      ${what}
    }, 1)
    timer.unref()`
  mkdirSync(work)
  const script = join(folder, 'sudden.mjs')
  writeFileSync(script, code)
  return run(process.execPath, ['--import', script, EXTSIGN, ...args], { cwd: work })
}
