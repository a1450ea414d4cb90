/** What can be asked of the extension-release file of an image. */

/** Fields of the extension-release file; what is missing is taken from the tree or left out. */
export interface ReleaseOptions {
  /** Text of the target's os-release file: ID and level, or VERSION_ID, are copied from it. */
  readonly osRelease?: string
  /** `ID`: the OS it is made for, or `_any`. */
  readonly id?: string
  readonly versionId?: string
  /** SYSEXT_LEVEL or CONFEXT_LEVEL. */
  readonly level?: string
  /** The level to stamp when `level` is absent, and what to call the place it came from. */
  readonly environmentLevel?: { readonly value: string; readonly source: string }
  /** Words of `system`, `initrd`, `portable`. */
  readonly scope?: readonly string[]
  /** `ARCHITECTURE`: systemd's name of a machine, or `_any`. */
  readonly architecture?: string
  readonly reloadManager?: boolean
  /** Further fields, in order. */
  readonly properties?: readonly (readonly [key: string, value: string])[]
}
