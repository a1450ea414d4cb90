/** Names of machines in `ARCHITECTURE=`, from systemd `src/basic/architecture.c`. */

const NAMES =
  'alpha arc arc-be arm arm-be arm64 arm64-be cris ia64 loongarch64 m68k mips mips-le mips64 ' +
  'mips64-le nios2 parisc parisc64 ppc ppc-le ppc64 ppc64-le riscv32 riscv64 s390 s390x sh sh64 ' +
  'sparc sparc64 tilegx x86 x86-64'

/** Every spelling that can match a machine. */
export const ARCHITECTURES: readonly string[] = NAMES.split(' ')

/** Spellings of other tools (uname, Debian, Go, RPM) for the same machines. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['x86_64', 'x86-64'],
  ['amd64', 'x86-64'],
  ['x64', 'x86-64'],
  ['i386', 'x86'],
  ['i486', 'x86'],
  ['i586', 'x86'],
  ['i686', 'x86'],
  ['ia32', 'x86'],
  ['386', 'x86'],
  ['aarch64', 'arm64'],
  ['armv8l', 'arm64'],
  ['aarch64_be', 'arm64-be'],
  ['armhf', 'arm'],
  ['armel', 'arm'],
  ['armv6l', 'arm'],
  ['armv7l', 'arm'],
  ['armv7hl', 'arm'],
  ['loong64', 'loongarch64'],
  ['ppc64el', 'ppc64-le'],
  ['ppc64le', 'ppc64-le'],
  ['powerpc', 'ppc'],
  ['powerpc64', 'ppc64'],
  ['powerpc64le', 'ppc64-le'],
  ['mipsel', 'mips-le'],
  ['mips64el', 'mips64-le'],
  ['mips64le', 'mips64-le'],
  ['hppa', 'parisc'],
  ['riscv', 'riscv64'],
])

/** Node's `process.arch` where it differs and leaves no doubt. */
const NODE_NAMES: ReadonlyMap<string, string> = new Map([
  ['ia32', 'x86'],
  ['x64', 'x86-64'],
  ['loong64', 'loongarch64'],
  ['mipsel', 'mips-le'],
])

/** Whether some machine calls itself `name`, so that `ARCHITECTURE=name` can match. */
export function isArchitecture(name: string): boolean {
  return ARCHITECTURES.includes(name)
}

/** The spelling systemd uses for what other tools call `alias`, or undefined where none is known. */
export function suggestArchitecture(alias: string): string | undefined {
  const spelling = alias.toLowerCase()
  if (isArchitecture(spelling)) return spelling
  return ALIASES.get(spelling)
}

/**
 * systemd's name for a value of Node's `process.arch`, or undefined where it has none.
 *
 * @param endianness `os.endianness()`, since Node says `ppc64` for both byte orders.
 */
export function architectureOfNode(arch: string, endianness: 'LE' | 'BE'): string | undefined {
  if (arch === 'ppc64' || arch === 'ppc') return endianness === 'LE' ? `${arch}-le` : arch
  return NODE_NAMES.get(arch) ?? (isArchitecture(arch) ? arch : undefined)
}
