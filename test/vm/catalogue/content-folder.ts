/** Where an image of the catalogue has its content. */

import type { ExtensionKind } from '../../../src/images/options.ts'

/** A folder, relative to the root, in which no two images meet. */
export function contentFolder(kind: ExtensionKind, name: string): string {
  return kind === 'sysext' ? `usr/lib/${name}` : `etc/${name}`
}
