/** `extsign inspect IMAGE`. */

import { inspectImage } from '../../images/inspect.ts'
import { flag, positional } from '../arguments.ts'
import { defineCommand } from '../command.ts'
import { blame, ExitCode } from '../errors.ts'
import { formatInspection } from '../inspect-report.ts'
import { formatJson } from '../json.ts'
import { file, named } from '../types.ts'

export const inspect = defineCommand({
  name: 'inspect',
  description:
    'Shows everything inside an image: partition table, file system, hash tree, signature, release file, and which image policies admit it. Nothing is verified; extsign verify does that.',
  arguments: {
    image: positional({ type: named('IMAGE', file), description: 'the image' }),
    json: flag({ long: 'json', description: 'print everything as JSON' }),
  },
  examples: ['extsign inspect hello.sysext.raw', 'extsign inspect --json hello.sysext.raw'],
  async run({ image, json }, context) {
    const inspection = await inspectImage(image).catch(blame(image))
    context.stdout.write(json ? formatJson(inspection) : formatInspection(inspection, context))
    return ExitCode.done
  },
})
