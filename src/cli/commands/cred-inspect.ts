/** `extsign cred inspect FILE`. */

import { inspectCredential } from '../../credentials/inspect.ts'
import { parseCredentialFile } from '../../formats/credential/credential-file.ts'
import { flag, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { nameOfInput, readCredentialFile } from '../credential/files.ts'
import { formatInspectedCredential, timesToText } from '../credential/report.ts'
import { blame, ExitCode, printWarnings } from '../errors.ts'
import { formatJson } from '../json.ts'
import { file, named } from '../types.ts'

export const credInspect = defineCommand({
  name: 'cred inspect',
  description:
    'Shows what can be known of an encrypted credential without any key: what it is sealed to, which PCRs and which signing key guard it, and which systemd opens it. Name and times are encrypted; they are shown where the key is null. Of a unit file or drop-in every credential in it is shown.',
  arguments: {
    file: positional({
      type: named('FILE', file),
      description: 'a credential, or a unit with credentials in it; - for standard input',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: ['extsign cred inspect db-password.cred'],
  async run({ file, json }, context) {
    const text = await readCredentialFile(file, context)
    const { inspections, notes } = await inspect(text, file).catch(blame(nameOfInput(file)))
    printWarnings(
      notes.map((note) => `${nameOfInput(file)} ${note}`),
      context.stderr,
    )
    const documents = inspections.map(({ content, ...rest }) => ({
      ...rest,
      content: content && timesToText(content),
    }))
    context.stdout.write(
      json
        ? formatJson(documents.length === 1 ? documents[0] : documents)
        : inspections.map((each) => formatInspectedCredential(each, context)).join('\n'),
    )
    return ExitCode.done
  },
})

async function inspect(text: Uint8Array, file: string) {
  const { credentials, notes } = parseCredentialFile(text, file)
  const inspections = credentials.map(({ bytes, setting }) => ({
    file,
    ...(setting && {
      line: setting.line,
      unitName: setting.unitName ?? setting.written,
      replacedIn: setting.replacedIn,
    }),
    ...inspectCredential(bytes),
  }))
  return { inspections, notes }
}
