/** What every guest has to show: steps, and what must come of them. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { guestFolder } from '../../scripts/provision/guests.mjs'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import type { GuestRun, StepResult } from './harness/index.ts'

export interface Check {
  readonly name: string
  readonly script: string
  readonly timeout?: number
  readonly expected: (guest: TreeName) => { readonly [field in keyof StepResult]?: unknown }
}

const TOOLS = [
  ...['systemd-sysext', 'systemd-confext', 'systemd-dissect', 'systemd-repart', 'mkfs.erofs'],
  ...['veritysetup', 'openssl', 'keyctl', 'mokutil', 'getfattr', 'getcap', 'tpm2_pcrread'],
  ...['b2sum', 'sha256sum', 'tar', 'cmp', 'findmnt', 'losetup', 'journalctl'],
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

/** A test for each, of what it came to. */
export function testChecks(checks: readonly Check[], guest: TreeName, runs: () => GuestRun): void {
  test.each(checks)('$name', ({ name, expected }) => {
    const run = runs()
    expect(run.step(name)).toMatchObject(expected(guest))
  })
}
