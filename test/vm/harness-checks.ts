/** The ground on which the tests of virtual machines stand: what the harness brings in and out. */

import { lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import { output } from '../support/run.ts'
import { tool } from '../support/tools.ts'
import { DB } from './catalogue/keys.ts'
import { PAYLOAD } from './catalogue/payload.ts'
import { type Check, GUEST_CHECKS, testChecks } from './guest-checks.ts'
import type { GuestRun, Step } from './harness/index.ts'

/** Adds to the folder of a payload what {@link HARNESS_STEPS} look for in it. */
export function addHarnessFiles(payload: string): void {
  const folder = join(payload, 'harness')
  const file = join(folder, 'file')
  mkdirSync(join(folder, 'folder'), { recursive: true })
  writeFileSync(file, 'content')
  output(tool('setfattr'), ['-n', 'user.note', '-v', 'kept', file])
  output(tool('chown'), ['1234:5678', file])
  output(tool('chmod'), ['4711', file])
  output(tool('chmod'), ['1777', join(folder, 'folder')])
}

const CHECKS: readonly Check[] = [
  {
    name: 'can be written to',
    script: 'touch /etc/file /var/file /run/file /tmp/file && mkdir /var/lib/new',
    expected: () => ({ status: 0, stderr: '' }),
  },
  {
    name: 'has the certificates of db and no others in the platform keyring',
    script: 'keyctl list %:.platform | sed -n "s/.*asymmetric: \\(.*\\):.*/\\1/p" | sort',
    expected: () => ({
      stdout: DB.map((name) => `TEST-DO-NOT-USE ${name}\n`)
        .sort()
        .join(''),
    }),
  },
  {
    name: 'has nothing merged and trusts nobody',
    script: 'findmnt --types overlay; ls -A /etc/verity.d /run/verity.d /usr/lib/verity.d',
    expected: () => ({ stdout: '' }),
  },
  {
    name: 'shows the payload with its metadata',
    script: `
cd ${PAYLOAD}/harness
stat -c "%n %u:%g %a" *
getfattr -d file
`,
    expected: () => ({
      stdout: ['file 1234:5678 4711', 'folder 0:0 1777', '# file: file\nuser.note="kept"\n\n'].join(
        '\n',
      ),
    }),
  },
  {
    name: 'cannot write to the payload',
    script: `touch ${PAYLOAD}/new`,
    expected: () => ({ status: 1, stderr: expect.stringContaining('Read-only file system') }),
  },
  {
    name: 'has a journal',
    script: 'echo "said by a step" | systemd-cat',
    expected: () => ({ status: 0 }),
  },
  {
    name: 'returns outputs and status as they are',
    script: 'printf "no newline, ä"; printf "1\\n\\n" >&2; exit 7',
    expected: () => ({ status: 7, stdout: 'no newline, ä', stderr: '1\n\n' }),
  },
  {
    name: 'starts a step in an empty folder, without arguments and input',
    script: 'echo $#; ls -A; cat; id -un; echo $HOME',
    expected: () => ({ status: 0, stdout: '0\nroot\n/root\n', stderr: '' }),
  },
  {
    name: 'lets a step change /usr',
    script: 'mkdir /usr/new',
    expected: () => ({ status: 0 }),
  },
  {
    name: 'ends a step that takes too long',
    script: 'echo before; sleep 60; echo after',
    timeout: 2,
    expected: () => ({ status: 124, stdout: 'before\n' }),
  },
  {
    name: 'ends a step that will not end',
    script: 'trap "" TERM; while :; do sleep 60; done',
    timeout: 1,
    expected: () => ({ status: 124 }),
  },
]

const FILES: Step = {
  name: 'files',
  script: 'mkdir a; seq 100000 >a/numbers; ln -s a/numbers link; truncate -s 64M hole',
}

/** For a guest with nothing merged yet. */
export const HARNESS_STEPS: readonly Step[] = [...GUEST_CHECKS, ...CHECKS, FILES]

/** The tests of what {@link HARNESS_STEPS} came to. */
export function testHarness(guest: TreeName, runs: () => GuestRun): void {
  testChecks([...GUEST_CHECKS, ...CHECKS], guest, runs)

  test('returns files', () => {
    const run = runs()
    const files = run.files(FILES.name)
    const numbers = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('')
    expect(readFileSync(join(files, 'link'), 'utf8') === numbers).toBe(true)
    expect(lstatSync(join(files, 'link')).isSymbolicLink()).toBe(true)
    expect(statSync(join(files, 'hole'))).toMatchObject({ size: 64 << 20, blocks: 0 })
  })

  test('knows its steps by name', () => {
    expect(() => runs().step('another')).toThrow('no step is called another')
  })
}

/** The last steps of a guest. */
export const CRASH: readonly Step[] = [
  { name: 'the step that crashes', script: 'echo c >/proc/sysrq-trigger; sleep 60' },
  { name: 'the step after it', script: '' },
]

/** The tests of what {@link CRASH} came to. */
export function testCrash(guest: TreeName, runs: () => GuestRun): void {
  test.each(CRASH)('has no result of $name', ({ name }) => {
    const run = runs()
    expect(() => run.step(name)).toThrow(`${guest}: no result of step ${name}: the guest ended`)
    expect(() => run.step(name)).toThrow(run.where)
  })

  test('leaves a console and a journal even so', () => {
    const run = runs()
    expect(readFileSync(run.console, 'utf8')).toContain('Kernel panic')
    expect(readFileSync(run.journal, 'utf8')).toContain('kernel: Linux version')
  })
}
