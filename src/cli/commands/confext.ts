/** `extsign confext TREE`. */

import { extensionCommand } from '../extension-command.ts'

export const confext = extensionCommand('confext', {
  tree: 'the folder with etc/ and nothing else',
  description:
    'Builds a configuration extension: an image that systemd-confext merges into /etc, with an EROFS file system, a dm-verity hash tree and a signature.\n\nThe same inputs give the same bytes. The image appears whole or not at all.',
  examples: [
    'extsign confext site --private-key keys/release.key --certificate keys/release.crt',
    'extsign confext site --id debian --version-id 13 --scope system,initrd …',
  ],
})
