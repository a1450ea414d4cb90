/** Commands that write several files, killed before every call that gives or takes a name: run again, they work. */

import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { EXTSIGN, extsign, runExtsign } from '../support/extsign.ts'
import { makeKey } from '../support/keys.ts'
import { run } from '../support/run.ts'
import { writeFile, writeRelease } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'

/** What gives a name, takes one away, or makes bytes or names durable. */
const CALLS = ['link', 'rename', 'unlink', 'fsync']
const MOST = 20

interface Sample {
  readonly args: (work: string) => readonly string[]
  /** Options that a second run needs, because some of it is done. */
  readonly again?: readonly string[]
  /** What is there in the end. */
  readonly files: readonly string[]
  /** Kills that there are at least. */
  readonly kills: number
}

describe.runIf(available('strace', 'openssl'))('killed before every call', () => {
  const folder = temporaryFolder()
  const tree = join(folder, 'tree')
  let signing: readonly string[]

  beforeAll(() => {
    writeRelease(tree, 'sysext', 'hello')
    writeFile(join(tree, 'usr/share/data'), 'data')
    const { privateKey, certificate } = makeKey(folder, 'rsa2048', 'release')
    signing = ['--private-key', privateKey, '--certificate', certificate]
    extsign(['cred', 'setup', '--machine-id', 'f'.repeat(32), join(folder, 'host.secret')])
    writeFileSync(join(folder, 'password'), 'hunter2')
  })

  const samples: Readonly<Record<string, Sample>> = {
    'keys new': {
      args: (work) => ['keys', 'new', '--directory', work, '--algorithm', 'p256'],
      files: ['release.crt', 'release.key'],
      kills: 7,
    },
    'sysext --sidecars': {
      args: (work) => [
        ...['sysext', tree, '--name', 'hello', '--sidecars', ...signing, '--threads=0'],
        ...['--output', join(work, 'hello.raw')],
      ],
      files: ['hello.raw', 'hello.roothash', 'hello.roothash.p7s'],
      kills: 10,
    },
    'cred setup': {
      args: (work) => ['cred', 'setup', '--machine-id', 'e'.repeat(32), join(work, 'secret')],
      files: ['secret'],
      kills: 4,
    },
    'cred batch': {
      args: (work) => ['cred', 'batch', manifestIn(work)],
      again: ['--force'],
      files: ['a.cred', 'b.cred', 'c.cred'],
      kills: 6,
    },
  }

  test.each(Object.entries(samples))('%s', (name, { args, again = [], files, kills }) => {
    let killed = 0
    for (const call of CALLS) {
      for (let when = 1; when <= MOST; when++) {
        const work = join(folder, `${name}-${call}-${when}`)
        mkdirSync(work)
        if (!runKilled(args(work), call, when)) break
        killed++
        const what = `${call} ${when}`
        const isDone = isComplete(work, files)
        const { status, stderr } = runExtsign([...args(work), ...again])
        // Killed at the very end, everything is there.
        if (isDone && again.length === 0)
          expect([what, status, stderr]).toEqual([what, 1, expect.stringContaining('exists')])
        else expect([what, status, stderr]).toEqual([what, 0, ''])
        expect([what, readdirSync(work).sort()]).toEqual([what, files])
        for (const file of files)
          expect([what, statSync(join(work, file)).nlink]).toEqual([what, 1])
      }
    }
    expect(killed).toBeGreaterThanOrEqual(kills)
  })

  function manifestIn(work: string): string {
    const path = `${work}.jsonl`
    const lines = ['a', 'b', 'c'].map((name) =>
      JSON.stringify({
        input: join(folder, 'password'),
        output: join(work, `${name}.cred`),
        'host-secret': join(folder, 'host.secret'),
      }),
    )
    writeFileSync(path, `${lines.join('\n')}\n`)
    return path
  }

  /** @returns false where there was no such call, so that the command ended by itself */
  function runKilled(args: readonly string[], call: string, when: number): boolean {
    const inject = `inject=${call}:signal=SIGKILL:when=${when}`
    const options = ['--follow-forks', '-o', '/dev/null', '-e', inject]
    // One thread makes all of them, so that they can be counted.
    const env = { UV_THREADPOOL_SIZE: '1' }
    const { status } = run(tool('strace'), [...options, process.execPath, EXTSIGN, ...args], {
      env,
    })
    return status !== 0
  }
})

function isComplete(work: string, files: readonly string[]): boolean {
  const there = readdirSync(work)
  return files.every((file) => there.includes(file))
}
