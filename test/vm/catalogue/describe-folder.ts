/**
 * A folder as lines that can be compared: the same commands describe a tree on the host and what is
 * merged of it in the guest.
 */

import { output } from '../../support/run.ts'
import { tool } from '../../support/tools.ts'

/**
 * Lists kind, mode, owner, time and link target of everything, then links, size and device of what
 * is no folder, checksums, and extended attributes. A folder's size and links are those of the
 * overlay, and so are the times of those that are merged.
 */
const DESCRIBE = `
cd "$1"
export LC_ALL=C
find . -printf '%p %y %m %U:%G %T@ %l\\0' | sort -z
find . ! -type d -printf '%p %n %s\\0' | sort -z
find . \\( -type b -o -type c \\) -print0 | sort -z | xargs -0r stat --printf '%n %t:%T\\0'
find . -type f -print0 | sort -z | xargs -0r b2sum -z
find . -print0 | sort -z | xargs -0r getfattr --no-dereference --dump --match=- --encoding=hex |
  sed -n 's|^# file: \\./|# file: |;/^# file: /{h;d};/./{G;s/\\n/ /;p}' | sort
`

/** Shell command that describes `folder` in the guest. */
export function describeCommand(folder: string): string {
  return `sh -c ${quote(DESCRIBE)} sh ${quote(folder)}`
}

/** What the command prints for a folder of this machine. */
export function describeFolder(folder: string): string {
  return output(tool('sh'), ['-c', DESCRIBE, 'sh', folder])
}

/** The lines of a description; the end of a name is not the end of a line. */
export function linesOf(description: string): readonly string[] {
  return description.split(/[\0\n]/)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
