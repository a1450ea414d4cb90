/** Every command works for everybody, alone: no root, no other program, no network. */

import { cpSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { everyCommand } from '../support/commands.ts'
import { makeUki } from '../support/pe.ts'
import { output, run } from '../support/run.ts'
import { prose, writeFile } from '../support/sample-trees.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { available, tool } from '../support/tools.ts'
import { installForEveryone, makeFolderOfNobody, NOBODY } from '../support/unprivileged.ts'

const ROOT = join(import.meta.dirname, '../..')
const EMPTY = { PATH: '' }

describe.runIf(available('root', 'strace', 'mksquashfs'))('an unprivileged user', () => {
  const folder = temporaryFolder()
  const work = join(folder, 'work')
  let script: string
  const trees = {
    sysext: join(folder, 'sysext'),
    confext: join(folder, 'confext'),
    squashfs: join(folder, 'filesystem.squashfs'),
    uki: join(folder, 'linux.efi'),
    esp: join(folder, 'esp'),
  }

  beforeAll(() => {
    script = installForEveryone(folder)
    cpSync(join(ROOT, 'extensions/hello'), trees.sysext, { recursive: true })
    cpSync(join(ROOT, 'confexts/site'), trees.confext, { recursive: true })
    // Large enough for the worker threads to be started.
    writeFile(join(trees.sysext, 'usr/share/large'), prose(20_000_000))
    symlinkSync('large', join(trees.sysext, 'usr/share/link'))
    output(tool('mksquashfs'), [trees.sysext, trees.squashfs, '-quiet', '-no-progress'])
    const room = { name: '.pcrsig', content: ' '.repeat(32_768) }
    writeFile(trees.uki, makeUki([{ name: '.initrd', content: prose(20_000_000) }, room]))
    makeFolderOfNobody(work)
    const entry = {
      input: join(trees.sysext, 'usr/bin/hello'),
      output: join(work, 'batch/hello'),
      'host-secret': join(work, 'host.secret'),
    }
    writeFile(join(folder, 'batch.jsonl'), JSON.stringify(entry))
    writeFile(join(trees.esp, 'EFI/Linux/linux.efi'), Buffer.from(makeUki()))
    writeFile(join(folder, 'dump'), `13:sha256=${'00'.repeat(32)}\n`)
    const prediction = { banks: ['sha256'], events: [], states: [] }
    writeFile(join(folder, 'prediction.json'), JSON.stringify(prediction))
    const secrets = { 'old-host-secret': entry['host-secret'], 'host-secret': entry['host-secret'] }
    const plan = { credentials: [{ files: join(work, 'rekeyed'), ...secrets }] }
    writeFile(join(folder, 'rotate.json'), JSON.stringify(plan))
  })

  test.each(everyCommand(work, trees))(
    'runs $name with an empty PATH, no child process and no network',
    (call) => {
      const trace = join(work, `${call.name}.trace`)
      const watched = 'trace=execve,execveat,fork,vfork,clone,clone3,socket,connect,sendto,sendmsg'
      const strace = ['--follow-forks', '-e', watched, '-o', trace, process.execPath, script]
      const options = { cwd: work, env: EMPTY, ...NOBODY }
      const { status, stderr } = run(tool('strace'), [...strace, ...call.args], options)
      expect(status, stderr).toBe(0)
      const calls = readFileSync(trace, 'utf8').split('\n').filter(isSuspicious)
      // The first one is strace starting us.
      expect(calls.slice(1)).toEqual([])
      expect(calls[0]).toContain(`execve("${process.execPath}"`)
    },
  )

  test('runs the demo from a fresh clone', () => {
    const clone = makeFolderOfNobody(join(folder, 'clone'))
    const made = ['.git', 'dist', 'dist.partial', 'build', 'coverage', 'keys']
    for (const name of readdirSync(ROOT).filter((name) => !made.includes(name))) {
      const from = realpathSync(join(ROOT, name))
      cpSync(from, join(clone, name), { recursive: true, verbatimSymlinks: true })
    }
    output(tool('chown'), ['-R', `${NOBODY.uid}:${NOBODY.gid}`, clone])
    const options = { cwd: clone, env: EMPTY, ...NOBODY }
    const { status, stdout, stderr } = run(process.execPath, ['scripts/demo.mjs'], options)
    expect(status, stderr).toBe(0)
    for (const path of ['hello.sysext.raw', 'site.confext.raw']) {
      expect(stdout).toContain(`build/demo/${path}`)
    }
  })
})

/** A line of strace that is more than a thread being started or a signal coming in. */
function isSuspicious(line: string): boolean {
  return /^\d+ +\w+\(/.test(line) && !line.includes('CLONE_THREAD')
}
