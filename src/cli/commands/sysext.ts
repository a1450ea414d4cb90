/** `extsign sysext TREE`. */

import { extensionCommand } from '../extension-command.ts'

export const sysext = extensionCommand('sysext', {
  tree: 'the folder with usr/, opt/ or both, and nothing else',
  description:
    'Builds a system extension: an image that systemd-sysext merges into /usr and /opt, with an EROFS file system, a dm-verity hash tree and a signature.\n\nThe same inputs give the same bytes. The image appears whole or not at all.',
  examples: [
    'extsign sysext hello --private-key keys/release.key --certificate keys/release.crt',
    'extsign sysext hello --version 1.2 --os-release target/os-release --compression zstd …',
    'SYSEXT_LEVEL=1.0 extsign sysext hello --id flatcar --unsigned -o hello.raw',
  ],
})
