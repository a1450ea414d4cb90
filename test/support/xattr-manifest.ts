/** The extended attributes of a folder as the metadata manifest that brings them into an image. */

import { output } from './run.ts'
import { tool } from './tools.ts'

/** Lines for everything below `folder` that has attributes, symbolic links included. */
export function describeXattrs(folder: string): string {
  const options = ['--recursive', '--physical', '--no-dereference', '--absolute-names']
  const dump = output(tool('getfattr'), [...options, '-d', '-m', '-', '-e', 'hex', folder])
  const lines = ['#mtree']
  for (const block of dump.split('\n\n')) {
    const [, file = '', attributes = ''] = /^# file: (.*)\n([\s\S]*)$/.exec(block.trim()) ?? []
    if (file === '') continue
    const path = `.${file.slice(folder.length)}`
    const words = attributes.split('\n').map((line) => `xattr.${line}`)
    // getfattr escapes as we do, but for blanks.
    lines.push([path.replaceAll(' ', '\\040'), ...words].join(' '))
  }
  return `${lines.join('\n')}\n`
}
