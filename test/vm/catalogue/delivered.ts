/** Images that systemd-stub hands to the initrd, and the steps of an initrd that gets them. */

import { join } from 'node:path'
import type { ExtensionKind } from '../../../src/images/options.ts'
import type { Step } from '../harness/index.ts'
import { compareChecksums, PREPARE } from './guest-steps.ts'
import { type ExtensionOptions, extension, type ImageRecipe } from './image.ts'
import { inGuest, type Payload } from './payload.ts'
import { writeSmall } from './trees.ts'

/** Extensions are for the system and for portable services unless they say so. */
const FOR_INITRD: ExtensionOptions = { build: { release: { scope: ['initrd', 'system'] } } }

/** Beside the UKI. */
export const BESIDE_UKI: readonly ImageRecipe[] = [
  extension('sysext', 'beside-uki', writeSmall, FOR_INITRD),
  extension('confext', 'beside-uki-confext', writeSmall, FOR_INITRD),
]

/** Beside the UKI, but not for the initrd. */
export const NOT_FOR_INITRD = extension('sysext', 'not-for-initrd', writeSmall)

/** For every UKI, which systemd-stub does since 258. */
export const FOR_EVERY_UKI: readonly ImageRecipe[] = [
  extension('sysext', 'for-every-uki', writeSmall, FOR_INITRD),
  extension('confext', 'for-every-uki-confext', writeSmall, FOR_INITRD),
]

/** For the initrd, but of somebody the kernel does not know. */
export const NOT_BY_US: readonly ImageRecipe[] = [
  extension('sysext', 'unsigned-in-initrd', writeSmall, { ...FOR_INITRD, key: 'none' }),
  extension('sysext', 'by-stranger-in-initrd', writeSmall, { ...FOR_INITRD, key: 'stranger' }),
  extension('confext', 'by-stranger-in-initrd-confext', writeSmall, {
    ...FOR_INITRD,
    key: 'stranger',
  }),
]

/** The files of the EFI system partition by path on it. */
export function espFiles(payload: Payload): Readonly<Record<string, string>> {
  const into = (folder: string, images: readonly ImageRecipe[]) =>
    images.map(({ fileName }) => {
      return [`${folder}/${fileName}`, join(payload.folder, 'images', fileName)] as const
    })
  return Object.fromEntries([
    ...into('EFI/BOOT/BOOTX64.EFI.extra.d', [...BESIDE_UKI, NOT_FOR_INITRD]),
    ...into('loader/extensions', FOR_EVERY_UKI),
  ])
}

export const INITRD_STEPS: readonly Step[] = [
  { name: 'release', script: 'cat /etc/initrd-release' },
  { name: 'delivered', script: 'find /.extra -name "*.raw"' },
  // 262 has started them already, by units for the initrd alone.
  {
    name: 'services',
    script: `
for kind in sysext confext; do
  unit=systemd-$kind-initrd.service
  systemctl cat $unit >/dev/null 2>&1 || unit=systemd-$kind.service
  systemctl start $unit || exit 1
done
`,
  },
  { name: 'merged sysexts', script: 'systemd-sysext status --json=short' },
  { name: 'merged confexts', script: 'systemd-confext status --json=short' },
  compareChecksums('checksums beside the UKI', BESIDE_UKI),
  compareChecksums('checksums for every UKI', FOR_EVERY_UKI),
  PREPARE,
  ...NOT_BY_US.map((image) => attemptAsDelivered(image)),
]

/** Replaces what was delivered with this image, and lets systemd merge it under its own policy. */
function attemptAsDelivered(image: ImageRecipe): Step {
  const { kind, name } = image
  const script = [
    `systemd-${kind} unmerge --no-reload >/dev/null 2>&1`,
    `rm -rf ${folderOf(kind)}`,
    `mkdir -p ${folderOf(kind)}`,
    `cp ${inGuest.image(image)} ${folderOf(kind)}/`,
    `SYSTEMD_LOG_LEVEL=debug systemd-${kind} merge --no-reload`,
  ]
  return { name: `try ${name}`, script: script.join('\n') }
}

function folderOf(kind: ExtensionKind): string {
  return `/.extra/${kind}`
}
