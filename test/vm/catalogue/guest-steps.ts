/** What is done with images in the guest, as steps of a run. */

import type { ExtensionKind } from '../../../src/images/options.ts'
import type { Step } from '../harness/index.ts'
import { contentFolder } from './content-folder.ts'
import { describeCommand } from './describe-folder.ts'
import type { ImageRecipe } from './image.ts'
import type { KeyName } from './keys.ts'
import { inGuest } from './payload.ts'

/** Whatever is merged must be signed. */
export const SIGNED_ONLY = 'root=signed+absent:usr=signed+absent'

/** Where images are offered to systemd. */
export const IMAGE_FOLDERS = { sysext: '/run/extensions', confext: '/run/confexts' } as const

export interface Trust {
  /** What is in verity.d. */
  readonly verityD: readonly KeyName[]
  /** Whether systemd may look there when the kernel has refused. */
  readonly userspace: boolean
}

/** Says what the firmware trusts, and whom the kernel has from it. */
export const PLATFORM: Step = {
  name: 'platform',
  script: 'mokutil --sb-state; keyctl list %:.platform',
}

/**
 * Brings the modules that systemd would get by its services, and ends udev: it decides nothing about
 * an image, and what it does for each of the twenty devices an image goes through takes longer than a
 * merge.
 */
export const PREPARE: Step = {
  name: 'prepare',
  script: `
modprobe -a loop dm_mod
systemctl stop 'systemd-udevd*.socket' systemd-udevd.service
`,
}

/**
 * Merges these images and no others. The status is that of systemd; standard output says what is
 * merged then, standard error is systemd's log.
 */
export function merge(
  name: string,
  kind: ExtensionKind,
  images: readonly ImageRecipe[],
  trust: Trust,
): Step {
  const script = [
    ...offer(kind, images, trust),
    mergeCommand(kind, trust),
    'status=$?',
    `systemd-${kind} status --json=short`,
    'exit $status',
  ]
  return { name, script: script.join('\n'), timeout: 60 + 5 * images.length }
}

/**
 * Merges one image, reads all of its content, and takes it away again. Standard output says how far
 * that went, standard error is systemd's log.
 */
export function attempt(name: string, image: ImageRecipe, trust: Trust): Step {
  const content = `/${contentFolder(image.kind, image.name)}`
  const script = [
    ...offer(image.kind, [image], trust),
    mergeCommand(image.kind, trust),
    'status=$?',
    `[ -e ${content} ] || exit $status`,
    'echo merged',
    `find ${content} -type f -exec cat {} + 2>&1 >/dev/null && echo read`,
    unmergeCommand(image.kind),
  ]
  return { name, script: script.join('\n') }
}

/** Leaves the guest as it was. */
export function unmerge(name: string, kind: ExtensionKind): Step {
  return { name, script: unmergeCommand(kind), timeout: 120 }
}

/** Prints the names of the images whose files differ from their checksums. */
export function compareChecksums(name: string, images: readonly ImageRecipe[]): Step {
  const commands = images.map((image) => {
    return `b2sum --check --quiet --strict ${inGuest.checksums(image)} || echo ${image.name}`
  })
  return { name, script: ['cd /', ...commands].join('\n'), timeout: 200 }
}

/** Prints what is merged of an image's content. */
export function describeContent({ kind, name }: ImageRecipe): Step {
  const script = describeCommand(`/${contentFolder(kind, name)}`)
  return { name: `describe ${name}`, script, timeout: 120 }
}

/** The names of merged images in what `status --json=short` prints. */
export function readStatus(json: string): readonly string[] {
  const hierarchies: { readonly extensions: string | readonly string[] }[] = JSON.parse(json)
  return hierarchies.flatMap(({ extensions }) => (extensions === 'none' ? [] : extensions))
}

function offer(kind: ExtensionKind, images: readonly ImageRecipe[], { verityD }: Trust): string[] {
  const folder = IMAGE_FOLDERS[kind]
  const copy = (command: string, files: readonly string[], into: string) =>
    files.length === 0 ? [] : [`${command} ${files.join(' ')} ${into}/`]
  return [
    `rm -rf ${folder} /etc/verity.d`,
    `mkdir ${folder} /etc/verity.d`,
    ...copy('cp', verityD.map(inGuest.certificate), '/etc/verity.d'),
    ...copy('ln -s', images.map(inGuest.image), folder),
  ]
}

/** What is merged must be signed, and systemd says all it knows. */
export function mergeCommand(kind: ExtensionKind, { userspace }: Pick<Trust, 'userspace'>): string {
  const environment = `SYSTEMD_LOG_LEVEL=debug SYSTEMD_ALLOW_USERSPACE_VERITY=${userspace ? 1 : 0}`
  return `${environment} systemd-${kind} merge --image-policy=${SIGNED_ONLY}`
}

/** Reloading the service manager would take longer than everything else. */
export function unmergeCommand(kind: ExtensionKind): string {
  return `systemd-${kind} unmerge --no-reload >/dev/null 2>&1`
}
