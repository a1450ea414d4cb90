/** What is done with credentials in an initrd, as steps of a run. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TreeName } from '../../../scripts/provision/trees.mjs'
import type { GuestRun, Step } from '../harness/index.ts'
import { PAYLOAD } from './payload.ts'
import { type Opens, type Sealed, secretOf } from './sealed.ts'

/** What is in the {@link sealedFolder} of a guest. */
export const SEALED_FILES = {
  credentials: 'credentials',
  hostSecret: 'credential.secret',
  storageRootKey: 'srk.pub',
} as const

/** Where a guest finds what was sealed for it; `payload` is the folder on the host. */
export function sealedFolder(payload: string, guest: TreeName): string {
  return join(payload, 'sealed', guest)
}

/** Whether the TPM has the key that was foretold; and for what is sealed to the host as well. */
export function prepareSealed(guest: TreeName): readonly Step[] {
  const folder = sealedFolder(PAYLOAD, guest)
  return [
    {
      name: 'storage root key',
      script: `cmp /run/systemd/tpm2-srk-public-key.tpm2b_public ${folder}/${SEALED_FILES.storageRootKey}`,
    },
    {
      name: 'host secret',
      script: `
mkdir -p /var/lib/systemd
install -m 0400 ${folder}/${SEALED_FILES.hostSecret} /var/lib/systemd/credential.secret
`,
    },
  ]
}

/** systemd-creds opens each; the files are what it got. */
export function openAll(name: string, guest: TreeName, sealed: readonly Sealed[]): Step {
  const script = `
for name in ${namesOf(sealed)}; do
  systemd-creds decrypt --name=$name ${credentials(guest)}/$name.cred - >$name || rm $name
done
`
  return { name, script, timeout: 60 + 5 * sealed.length }
}

/**
 * A unit for each gets it, from a folder or else from what was delivered; the files are what it got.
 * Standard output has their exit statuses. They are started together, as a boot starts them.
 */
export function loadAll(name: string, sealed: readonly Sealed[], folder?: string): Step {
  const from = folder === undefined ? '' : `:${folder}/%i.cred`
  const units = sealed.map((each) => `load@${each.name}`).join(' ')
  const script = `
cat >/run/systemd/system/load@.service <<END
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
LoadCredentialEncrypted=%i${from}
ExecStart=cp \\\${CREDENTIALS_DIRECTORY}/%i $PWD/
END
systemctl daemon-reload
systemctl start ${units}
systemctl show --value --property=ExecMainStatus ${units}
`
  return { name, script, timeout: 60 + 5 * sealed.length }
}

/** What a step of {@link openAll} or {@link loadAll} got, by name. */
export function openedBy(run: GuestRun, name: string): Readonly<Record<string, string>> {
  const folder = run.files(name)
  const read = (file: string) => [file, readFileSync(join(folder, file), 'utf8')] as const
  return Object.fromEntries(readdirSync(folder).map(read))
}

/** The exit statuses of the units of {@link loadAll}, in the order of their credentials. */
export function statusesOf(run: GuestRun, name: string): readonly number[] {
  return run.step(name).stdout.trim().split(/\n+/).map(Number)
}

/** What it has to get. */
export function secretsOf(
  sealed: readonly Sealed[],
  when: readonly Opens[],
): Readonly<Record<string, string>> {
  const opening = sealed.filter(({ opens }) => when.includes(opens))
  return Object.fromEntries(opening.map(({ name }) => [name, secretOf(name)]))
}

/** The credentials of a guest, in it. */
export function credentials(guest: TreeName): string {
  return join(sealedFolder(PAYLOAD, guest), SEALED_FILES.credentials)
}

function namesOf(sealed: readonly Sealed[]): string {
  return sealed.map(({ name }) => name).join(' ')
}
