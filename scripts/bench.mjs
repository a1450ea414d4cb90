// @ts-check
/**
 * `npm run bench`: extsign against systemd-repart, veritysetup and systemd-creds, on the same input and
 * in turns.
 *
 *     node scripts/bench.mjs [--rounds N] [--only TEXT]
 *
 * Prints Markdown. Needs Linux and root, because the peers are run by chroot; says what is missing.
 */

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { credentialDuels, MACHINE_ID, startTpm } from './bench/credentials.mjs'
import { buildDuels, extsign, hashDuels, startDuel, writeLargeTree } from './bench/duels.mjs'
import { compare } from './bench/measure.mjs'
import { providePackageTree } from './bench/package-tree.mjs'
import { pcrDuels } from './bench/pcr-duels.mjs'
import { mountMachineId, mountTree, moveToDisk } from './bench/peers.mjs'
import { resignDuels } from './bench/resign-duels.mjs'
import { formatTable } from './bench/table.mjs'
import { prepare } from './prepare.mjs'
import { cacheFolder } from './provision/cache.mjs'
import { findTool, isRoot } from './provision/host-tools.mjs'
import { withLock } from './provision/lock.mjs'
import { provideTree } from './provision/trees.mjs'

/** @typedef {import('./bench/duels.mjs').Duel} Duel */
/** @typedef {import('./bench/duels.mjs').Place} Place */

const TOOLS = [
  '/usr/bin/time',
  'apt-get',
  'dpkg-deb',
  'mmdebstrap',
  'mount',
  'chroot',
  'unshare',
  'swtpm',
]
const MEMORY = '/dev/shm'
const INSIDE = 'EXTSIGN_BENCH_INSIDE'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
  },
})

process.exitCode = process.env[INSIDE] ? await runDuels() : await enterNamespace()

/** Everything is mounted where nobody else sees it and nothing is left behind. */
async function enterNamespace() {
  const missing = findMissing()
  for (const thing of missing) console.error(`missing: ${thing}`)
  if (missing.length > 0) return 1
  await prepare()
  await withLock(cacheFolder(), async () => {
    await provideTree('sid')
    await providePackageTree()
  })
  const script = [fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  const { status } = spawnSync(
    findTool('unshare') ?? '',
    ['--mount', '--propagation', 'private', process.execPath, ...script],
    { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } },
  )
  return status ?? 1
}

/** What keeps the comparison from running: one sentence per thing. */
function findMissing() {
  if (process.platform !== 'linux') return ['Linux, on which systemd-repart and veritysetup run']
  if (!isRoot()) return ['root, to run systemd-repart and veritysetup in their tree']
  if (!existsSync(MEMORY)) return [`${MEMORY}, a folder in memory`]
  return TOOLS.filter((tool) => !findTool(tool))
}

async function runDuels() {
  const tree = await providePackageTree()
  const disk = join(cacheFolder(), 'bench-disk')
  rmSync(disk, { recursive: true, force: true })
  mkdirSync(disk)
  const memory = mkdtempSync(join(MEMORY, 'extsign-bench-'))
  try {
    mountTree()
    describeMachine()
    const inMemory = /** @type {const} */ ({ folder: memory, where: 'memory' })
    fill(inMemory, tree)
    const duels = [...buildDuels(inMemory), ...hashDuels(inMemory, makeLarge(inMemory))]
    run('In memory', inMemory, [...duels, startDuel()])
    run('PCR policies, in memory', inMemory, pcrDuels(inMemory))
    await runCredentials(inMemory)
    const onDisk = /** @type {const} */ ({ folder: disk, where: 'disk' })
    fill(onDisk, tree)
    moveToDisk(disk)
    run('On disk', onDisk, [...buildDuels(onDisk), ...resignDuels(onDisk)])
    return 0
  } finally {
    rmSync(memory, { recursive: true, force: true })
    rmSync(disk, { recursive: true, force: true })
  }
}

function describeMachine() {
  const [{ model } = { model: 'unknown' }, ...others] = cpus()
  console.log(`Node ${process.versions.node}, ${others.length + 1} × ${model.trim()}.`)
  console.log(`Medians of ${options.rounds} rounds, both sides in turns.`)
}

/**
 * @param {string} title
 * @param {Place} place
 * @param {readonly Duel[]} duels
 */
function run(title, { folder }, duels) {
  const rows = duels
    .filter(({ name }) => name.includes(options.only))
    .map((duel) => {
      if (process.stderr.isTTY) console.error(`${title}: ${duel.name}`)
      const costs = compare(duel.ours, duel.peer, Number(options.rounds), folder)
      duel.check?.()
      return { ...duel, ...costs, sizes: duel.sizes?.() }
    })
  if (rows.length > 0) console.log(`\n### ${title}\n\n${formatTable(rows)}`)
}

/** @param {Place} place */
async function runCredentials(place) {
  const id = join(place.folder, 'machine-id')
  writeFileSync(id, `${MACHINE_ID}\n`)
  mountMachineId(id)
  call('cred', 'setup', '--machine-id', MACHINE_ID, join(place.folder, 'host.secret'))
  const { device, stop } = await startTpm(place)
  try {
    run('Credentials', place, credentialDuels(place, device))
  } finally {
    stop()
  }
  if (!'offline seals'.includes(options.only)) return
  const script = fileURLToPath(new URL('bench/offline-seals.mjs', import.meta.url))
  const { stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  console.log(`\nSealed offline for a TPM by one processor: ${stdout.trim()} a second (≥ 1000).`)
}

/**
 * @param {Place} place
 * @param {string} tree
 */
function fill({ folder }, tree) {
  cpSync(tree, join(folder, 'tree'), { recursive: true, verbatimSymlinks: true })
  call('keys', 'new', '--directory', folder, '--name', 'bench', '--common-name', 'bench')
}

/**
 * An image of 1 GiB, and where its file system is.
 * @param {Place} place
 */
function makeLarge({ folder }) {
  const tree = join(folder, 'large')
  writeLargeTree(tree)
  const signing = [
    '--private-key',
    join(folder, 'bench.key'),
    '--certificate',
    join(folder, 'bench.crt'),
  ]
  const result = call('sysext', tree, '--output', join(folder, 'large.raw'), '--json', ...signing)
  rmSync(tree, { recursive: true })
  return JSON.parse(result).partitions[0]
}

/** @param {readonly string[]} args */
function call(...args) {
  const { command, args: all } = extsign(...args)
  const { status, stdout, stderr } = spawnSync(command, [...all], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`extsign ${args.join(' ')}: ${stderr}`)
  return stdout
}
