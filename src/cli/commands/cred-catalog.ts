/** `extsign cred catalog [GLOB]`. */

import { searchCatalog } from '../../credentials/catalog.ts'
import { flag, optionalPositional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { ExitCode } from '../errors.ts'
import { formatJson } from '../json.ts'
import { formatPairs, paint } from '../terminal.ts'
import { text } from '../types.ts'

export const credCatalog = defineCommand({
  name: 'cred catalog',
  description:
    'Lists the credentials that systemd and util-linux look for: which program reads them, what they have to contain, and since which version of systemd.\n\nEnds with 3 when there is none of that name.',
  arguments: {
    glob: optionalPositional({
      type: text('GLOB'),
      description: 'a name, or a pattern with * and ?; by default all',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: ["extsign cred catalog 'firstboot.*'", 'extsign cred catalog network.wireguard.site'],
  async run({ glob = '*', json }, context) {
    const found = searchCatalog(glob)
    if (json) {
      context.stdout.write(formatJson(found))
    } else {
      for (const { name, consumer, content, since } of found) {
        const title = paint(context, context.stdout, 'bold', name)
        const pairs = formatPairs([
          ['read by', `${consumer}, since systemd ${since}`],
          ['content', content],
        ])
        context.stdout.write(`${title}\n${pairs}`)
      }
    }
    return found.length > 0 ? ExitCode.done : ExitCode.wanting
  },
})
