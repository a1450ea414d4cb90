/** What the firmware of this machine says, as far as credentials with a null key depend on it. */

import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface FirmwareState {
  readonly secureBoot: boolean
  readonly tpm2: boolean
}

const SECURE_BOOT = 'firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c'

/** @param sysfs where sysfs is mounted */
export async function readFirmwareState(sysfs = '/sys'): Promise<FirmwareState> {
  // Four bytes of attributes in front of the value.
  const variable = await readFile(join(sysfs, SECURE_BOOT)).catch(() => undefined)
  return { secureBoot: variable?.[4] === 1, tpm2: await exists(join(sysfs, 'class/tpmrm/tpmrm0')) }
}

/** systemd's rule: where the boot was measured and verified, null keys would undo it. */
export function acceptsNull({ secureBoot, tpm2 }: FirmwareState): boolean {
  return !secureBoot || !tpm2
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
