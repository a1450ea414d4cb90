/** `extsign cred inspect FILE`. */

import { inspectCredential } from '../../credentials/inspect.ts'
import { parseCredentialText } from '../../formats/credential/text.ts'
import { flag, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { nameOfInput, readCredentialFile } from '../credential/files.ts'
import { formatInspectedCredential, timesToText } from '../credential/report.ts'
import { blame, ExitCode } from '../errors.ts'
import { formatJson } from '../json.ts'
import { file, named } from '../types.ts'

export const credInspect = defineCommand({
  name: 'cred inspect',
  description:
    'Shows what can be known of an encrypted credential without any key: what it is sealed to, which PCRs and which signing key guard it, and which systemd opens it. Name and times are encrypted; they are shown where the key is null.',
  arguments: {
    file: positional({
      type: named('FILE', file),
      description: 'a credential, or - for standard input',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: ['extsign cred inspect db-password.cred'],
  async run({ file, json }, context) {
    const text = await readCredentialFile(file, context)
    const inspect = async () => {
      const { bytes, unitName } = parseCredentialText(text)
      return { file, unitName, ...inspectCredential(bytes) }
    }
    const inspection = await inspect().catch(blame(nameOfInput(file)))
    const { content, ...rest } = inspection
    context.stdout.write(
      json
        ? formatJson({ ...rest, content: content && timesToText(content) })
        : formatInspectedCredential(inspection, context),
    )
    return ExitCode.done
  },
})
