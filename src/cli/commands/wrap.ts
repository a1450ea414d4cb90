/** `extsign wrap FILESYSTEM`. */

import { wrapFilesystem } from '../../images/wrap.ts'
import { positional } from '../arguments.ts'
import {
  imageFiles,
  layoutOptions,
  outputOptions,
  signingOptions,
  toLayoutOptions,
  watch,
} from '../build-options.ts'
import { formatWrapResult } from '../build-report.ts'
import { defineCommand } from '../command.ts'
import { blame, ExitCode, printWarnings } from '../errors.ts'
import { nameWrapped } from '../image-name.ts'
import { formatJson } from '../json.ts'
import { progressLine } from '../progress.ts'
import { loadSigning } from '../signing.ts'
import { file, named } from '../types.ts'

export const wrap = defineCommand({
  name: 'wrap',
  description:
    'Puts an existing file system into a signed image, unchanged: its bytes become the first partition, with a dm-verity hash tree and a signature beside it, laid out as systemd-repart does.',
  arguments: {
    filesystem: positional({
      type: named('FILESYSTEM', file),
      description: 'an EROFS or squashfs file',
    }),
    ...outputOptions,
    ...signingOptions,
    ...layoutOptions,
  },
  examples: [
    'extsign wrap hello.erofs --private-key keys/release.key --certificate keys/release.crt',
    'extsign wrap tools.squashfs --unsigned --output tools.sysext.raw',
  ],
  files: (values) => imageFiles(nameWrapped(values.filesystem, values).output, values),
  async run(values, context) {
    const { name, output } = nameWrapped(values.filesystem, values)
    const { signing, warnings, forget } = await loadSigning(values, context)
    printWarnings(warnings, context.stderr)
    const line = progressLine(context, values.quiet)
    const result = await wrapFilesystem({
      ...toLayoutOptions(values, output),
      filesystem: values.filesystem,
      name,
      onProgress: watch(line, context.interrupts()),
      ...(values.version && { version: values.version }),
      ...(signing && { signing }),
    })
      .catch(blame(values.filesystem))
      .finally(() => {
        forget()
        line.clear()
      })
    printWarnings(result.warnings, context.stderr)
    if (values.json) {
      context.stdout.write(formatJson({ ...result, warnings: [...warnings, ...result.warnings] }))
    } else if (!values.quiet) {
      context.stdout.write(formatWrapResult(result, context))
    }
    return ExitCode.done
  },
})
