/** Every command works for everybody, alone: no root, no other program, no network. */

import { cpSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { everyCommand } from '../support/commands.ts'
import { output, run } from '../support/run.ts'
import { prose, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'
import { installForEveryone, makeFolderOfNobody, NOBODY } from '../support/unprivileged.ts'

const ROOT = join(import.meta.dirname, '../..')
const EMPTY = { PATH: '' }

describe.runIf(available('root', 'strace', 'mksquashfs'))('an unprivileged user', () => {
  const folder = temporaryFolder()
  const script = installForEveryone(folder)
  const trees = {
    sysext: join(folder, 'sysext'),
    confext: join(ROOT, 'confexts/site'),
    squashfs: join(folder, 'filesystem.squashfs'),
  }
  cpSync(join(ROOT, 'extensions/hello/usr'), join(trees.sysext, 'usr'), { recursive: true })
  cpSync(trees.confext, join(folder, 'confext'), { recursive: true })
  // Large enough for the worker threads to be started.
  writeFile(join(trees.sysext, 'usr/share/large'), prose(20_000_000))
  symlinkSync('large', join(trees.sysext, 'usr/share/link'))
  output(tool('mksquashfs'), [trees.sysext, trees.squashfs, '-quiet', '-no-progress'])

  const work = makeFolderOfNobody(join(folder, 'work'))
  const calls = everyCommand(work, { ...trees, confext: join(folder, 'confext') })

  test.each(calls)('runs $name with an empty PATH, no child process and no network', (call) => {
    const trace = join(work, `${call.name}.trace`)
    const watched = 'trace=execve,execveat,fork,vfork,clone,clone3,socket,connect,sendto,sendmsg'
    const strace = ['--follow-forks', '-e', watched, '-o', trace, process.execPath, script]
    const options = { cwd: work, env: EMPTY, ...NOBODY }
    expect(run(tool('strace'), [...strace, ...call.args], options)).toMatchObject({ status: 0 })
    const calls = readFileSync(trace, 'utf8').split('\n').filter(isSuspicious)
    // The first one is strace starting us.
    expect(calls.slice(1)).toEqual([])
    expect(calls[0]).toContain(`execve("${process.execPath}"`)
  })

  test('runs the demo from a fresh clone', () => {
    const clone = makeFolderOfNobody(join(folder, 'clone'))
    const files = output(tool('git'), ['-C', ROOT, 'ls-files', '-z']).split('\0').filter(Boolean)
    for (const file of files) cpSync(join(ROOT, file), join(clone, file))
    cpSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'), {
      recursive: true,
      verbatimSymlinks: true,
    })
    output(tool('chown'), ['-R', `${NOBODY.uid}:${NOBODY.gid}`, clone])
    const options = { cwd: clone, env: EMPTY, ...NOBODY }
    const { status, stdout, stderr } = run(process.execPath, ['scripts/demo.mjs'], options)
    expect(stderr).toBe('')
    expect(status).toBe(0)
    for (const path of ['hello.sysext.raw', 'site.confext.raw']) {
      expect(stdout).toContain(`build/demo/${path}`)
    }
  })
})

/** A line of strace that is more than a thread being started or a signal coming in. */
function isSuspicious(line: string): boolean {
  return /^\d+ +\w+\(/.test(line) && !line.includes('CLONE_THREAD')
}
