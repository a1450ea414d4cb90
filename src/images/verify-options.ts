/** What can be asked of {@link verifyImage}. */

import type { ExtensionKind } from '../formats/release/index.ts'
import type { LoadedCertificate } from '../keys/certificate.ts'
import type { TrustStore } from '../keys/trust.ts'
import type { Progress } from './options.ts'

export interface VerifyOptions {
  /** Certificates to trust, as `loadCertificate` reads them. */
  readonly certificates?: readonly LoadedCertificate[] | undefined
  /** The `verity.d` directories of the target, as `readTrustDirectories` reads them. */
  readonly trust?: TrustStore | undefined
  /** What the image is; by default its name and contents decide. */
  readonly kind?: ExtensionKind | undefined
  /** The target's os-release file: shall it be decided whether the image is merged there? */
  readonly osRelease?: { readonly path: string; readonly text: string } | undefined
  /** Scope of the target: `system` (default), `initrd` or `portable`. */
  readonly scope?: string | undefined
  /** systemd's name for the target's machine. Not compared when absent. */
  readonly architecture?: string | undefined
  /** A policy as in systemd.image-policy(7). */
  readonly imagePolicy?: string | undefined
  /** Worker threads; 0 works in the calling thread. Default: by size and processors. */
  readonly threads?: number | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}
