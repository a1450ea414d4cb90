/** Images that systemd alone accepts, because their certificates are in verity.d. */

import { extension, type ImageRecipe } from './image.ts'
import { VERITY_D } from './keys.ts'
import { writeSmall } from './trees.ts'

/** Every algorithm, with the certificate in the message and without. */
export const INSTALLED: readonly ImageRecipe[] = VERITY_D.flatMap((key) => [
  extension('sysext', `by-${key}`, writeSmall, { key }),
  extension('sysext', `by-${key}-not-embedded`, writeSmall, { key, embedCertificate: false }),
  extension('confext', `by-${key}-confext`, writeSmall, { key }),
])
