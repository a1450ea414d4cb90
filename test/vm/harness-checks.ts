/** What guests have to show: steps, and what must come of them. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { guestFolder } from '../../scripts/provision/guests.mjs'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import type { StepResult } from './harness/index.ts'

export interface Check {
  readonly name: string
  readonly script: string
  readonly timeout?: number
  readonly expected: (guest: TreeName) => { readonly [field in keyof StepResult]?: unknown }
}

const TOOLS = [
  ...['systemd-sysext', 'systemd-confext', 'systemd-dissect', 'systemd-repart', 'mkfs.erofs'],
  ...['veritysetup', 'openssl', 'keyctl', 'mokutil', 'getfattr', 'getcap', 'tpm2_pcrread'],
  ...['sha256sum', 'tar', 'cmp', 'findmnt', 'losetup', 'journalctl'],
]

/** About every guest: what the proofs of other tests rest on. */
export const GUEST_CHECKS: readonly Check[] = [
  {
    name: 'runs its own kernel',
    script: 'uname -r',
    expected: (guest) => ({
      stdout: readFileSync(join(guestFolder(guest), 'kernel-version'), 'utf8'),
    }),
  },
  {
    name: 'runs the systemd it is asked for',
    script: 'systemctl --version',
    expected: (guest) => ({
      stdout: expect.stringMatching(guest === 'sid' ? /^systemd 262 / : /^systemd 257 /),
    }),
  },
  {
    name: 'has Secure Boot',
    script: 'mokutil --sb-state',
    expected: () => ({ stdout: 'SecureBoot enabled\n' }),
  },
  {
    name: 'has a kernel that locked itself down',
    script: 'cat /sys/kernel/security/lockdown',
    expected: () => ({ stdout: 'none [integrity] confidentiality\n' }),
  },
  {
    name: 'has a TPM, in which the UKI was measured',
    script: 'tpm2_pcrread sha256:11',
    expected: () => ({ stdout: expect.stringMatching(/ 11: 0x(?!0+$)[0-9A-F]{64}$/m) }),
  },
  {
    name: 'has the tools that tests use',
    script: `for tool in ${TOOLS.join(' ')}; do command -v $tool >/dev/null || echo $tool; done`,
    expected: () => ({ status: 0, stdout: '' }),
  },
]

/** About the boot of the test of the harness: its keys, its payload, its steps. */
export const HARNESS_CHECKS: readonly Check[] = [
  {
    name: 'can be written to',
    script: 'touch /etc/file /var/file /run/file /tmp/file && mkdir -p /var/lib/extensions/new',
    expected: () => ({ status: 0, stderr: '' }),
  },
  {
    name: 'has the certificates of db and no others in the platform keyring',
    script: 'keyctl list %:.platform | sed -n "s/.*asymmetric: \\(.*\\):.*/\\1/p" | sort',
    expected: () => ({ stdout: 'TEST-DO-NOT-USE p256\nTEST-DO-NOT-USE rsa2048\n' }),
  },
  {
    name: 'has nothing merged and trusts nobody',
    script: 'findmnt --types overlay; ls -A /etc/verity.d /run/verity.d /usr/lib/verity.d',
    expected: () => ({ stdout: '' }),
  },
  {
    name: 'shows the payload with its metadata',
    script: 'stat -c "%n %u:%g %a" /payload/*e*; getfattr --absolute-names -d /payload/file',
    expected: () => ({
      stdout: [
        '/payload/file 1234:5678 4711',
        '/payload/folder 0:0 1777',
        '# file: /payload/file\nuser.note="kept"\n\n',
      ].join('\n'),
    }),
  },
  {
    name: 'cannot write to the payload',
    script: 'touch /payload/new',
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
