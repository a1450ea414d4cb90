/** `extsign cred setup FILE`. */

import { toHex } from '../../bytes/hex.ts'
import { createHostSecret } from '../../credentials/host-secret.ts'
import { flag, option, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { machineIdType, readMachineId } from '../credential/scope.ts'
import { ExitCode, UsageError } from '../errors.ts'
import { formatJson } from '../json.ts'
import { formatPairs, formatSize, paint, printable } from '../terminal.ts'
import { file } from '../types.ts'

export const credSetup = defineCommand({
  name: 'cred setup',
  description:
    'Makes a host secret: the file /var/lib/systemd/credential.secret of a machine, bound to its machine ID, mode 0400. Credentials can then be sealed for the machine before it exists. An existing file is never replaced.\n\nWhoever has the file can open what is sealed with it: bring it to the machine as you would a private key.',
  arguments: {
    file: positional({ type: file, description: 'the file to make' }),
    machineId: option({
      long: 'machine-id',
      type: machineIdType,
      description: 'the machine it is for; by default this one',
    }),
    json: flag({ long: 'json', description: 'print the result as JSON' }),
  },
  examples: [
    'extsign cred setup --machine-id 3f2a1c589f0e4c7b8d516a2b7c9d0e1f web1.secret',
    'extsign cred setup /var/lib/systemd/credential.secret',
  ],
  async run({ file, json, ...values }, context) {
    const machineId = values.machineId ?? (await readMachineId())
    if (machineId === undefined) {
      throw new UsageError('--machine-id is missing: this machine has no ID of its own')
    }
    const size = await createHostSecret(file, { machineId, random: context.random })
    const result = { file, machineId, secretSize: size }
    if (json) {
      context.stdout.write(formatJson(result))
    } else {
      const title = paint(context, context.stdout, 'bold', printable(file))
      const pairs = formatPairs([['machine', toHex(machineId)]])
      context.stdout.write(`${title}: host secret of ${formatSize(size)}\n${pairs}`)
    }
    return ExitCode.done
  },
})
