/** The version of this program, from package.json; the bundler puts the text in its place. */

import manifest from '../../package.json' with { type: 'json' }

export const version: string = manifest.version
