/** The two classes of extension images, and what differs between them (UAPI.4). */

export type ExtensionKind = 'sysext' | 'confext'

export interface KindFacts {
  /** In front of `_LEVEL`, `_SCOPE`, `_ID` in the release file. */
  readonly prefix: 'SYSEXT' | 'CONFEXT'
  /** Folder of the release file inside the image. */
  readonly releaseDirectory: string
  /** What is merged; everything else in an image is ignored by systemd. */
  readonly hierarchies: readonly string[]
  /** First systemd that merges images of this kind. */
  readonly since: number
}

export const KINDS: Readonly<Record<ExtensionKind, KindFacts>> = {
  sysext: {
    prefix: 'SYSEXT',
    releaseDirectory: 'usr/lib/extension-release.d',
    hierarchies: ['usr', 'opt'],
    since: 248,
  },
  confext: {
    prefix: 'CONFEXT',
    releaseDirectory: 'etc/extension-release.d',
    hierarchies: ['etc'],
    since: 254,
  },
}
