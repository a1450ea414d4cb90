/** systemd-creds of a reference tree, with the machine ID and the host secret of a test. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TreeName } from '../../scripts/provision/trees.mjs'
import { runInTree } from './reference-trees.ts'
import type { RunResult } from './run.ts'

export interface SystemdCredsOptions {
  readonly machineId?: string
  /** Absolute path of a host secret; systemd's own place where absent. */
  readonly hostSecret?: string
  readonly env?: Readonly<Record<string, string>>
}

// The machine ID is mounted over the empty one of the tree.
const WITH_MACHINE_ID = `
set -e
mount --bind "$1" /etc/machine-id
shift
exec "$@"
`

/** Runs systemd-creds in a tree and returns how it ended; `folder` is what it sees of the host. */
export function systemdCreds(
  tree: TreeName,
  folder: string,
  args: readonly string[],
  { machineId = '0123456789abcdef0123456789abcdef', hostSecret, env }: SystemdCredsOptions = {},
): RunResult {
  const id = join(folder, `machine-id-${machineId}`)
  writeFileSync(id, `${machineId}\n`)
  const command = ['-c', WITH_MACHINE_ID, 'sh', id, 'systemd-creds', ...args]
  return runInTree(tree, folder, 'sh', command, {
    env: { ...env, ...(hostSecret && { SYSTEMD_CREDENTIAL_SECRET: hostSecret }) },
  })
}

/** Runs systemd-creds, which has to succeed, and returns its standard output. */
export function systemdCredsOutput(...args: Parameters<typeof systemdCreds>): string {
  const { status, stdout, stderr } = systemdCreds(...args)
  if (status !== 0) throw new Error(`${args[0]}: systemd-creds ${args[2].join(' ')}: ${stderr}`)
  return stdout
}
