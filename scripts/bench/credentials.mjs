// @ts-check
/** Credentials against systemd-creds, which seals one in each run, and only where the keys are. */

import { spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { findTool } from '../provision/host-tools.mjs'
import { extsign } from './duels.mjs'
import { inTree, peerPath } from './peers.mjs'

/** @typedef {import('./duels.mjs').Duel} Duel */
/** @typedef {import('./duels.mjs').Place} Place */

export const MACHINE_ID = '0123456789abcdef0123456789abcdef'
const SECRET = 'correct horse battery staple'
const MANY = 1000
/** Fewer, because a TPM takes its time. */
const MANY_FOR_TPM = 200
const BATCH_TARGET = 0.03
const TPM_TARGET = 0.1

/**
 * @param {Place} place Takes `credentials`, and needs `host.secret` of {@link MACHINE_ID}.
 * @param {string} device The TPM.
 * @returns {Duel[]}
 */
export function credentialDuels({ folder, where }, device) {
  const work = join(folder, 'credentials')
  mkdirSync(work)
  const at = (/** @type {string} */ name) => join(work, name)
  const hostSecret = join(folder, 'host.secret')
  writeFileSync(at('plain'), SECRET)
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(at('srk.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
  const environment = {
    SYSTEMD_CREDENTIAL_SECRET: peerPath(folder, 'host.secret', where),
    WORK: join(peerPath(folder, 'credentials', where)),
  }
  const batch = (/** @type {number} */ count, /** @type {Record<string, string>} */ key) => {
    const manifest = at(`${Object.keys(key)[0]}.jsonl`)
    const lines = Array.from({ length: count }, (_, index) =>
      JSON.stringify({ input: at('plain'), output: at(`ours/${index}`), ...key }),
    )
    writeFileSync(manifest, lines.join('\n'))
    return { ...extsign('cred', 'batch', '--quiet', manifest), before: () => clear(at('ours')) }
  }
  const runs = (/** @type {number} */ count, /** @type {string} */ options) => ({
    ...inTree('sh', ['-c', loop(count, options)], environment),
    before: () => clear(at('peer')),
  })
  const counted = (/** @type {number} */ count) => () => {
    for (const side of ['ours', 'peer']) {
      const found = readdirSync(at(side)).length
      if (found !== count) throw new Error(`${side}: ${found} credentials, not ${count}`)
    }
  }
  const single = ['--name=0', at('plain'), at('ours/0')]
  return [
    {
      name: `${MANY} credentials`,
      target: BATCH_TARGET,
      ours: batch(MANY, { 'host-secret': hostSecret }),
      peer: runs(MANY, '--with-key=host'),
      check: counted(MANY),
    },
    {
      name: `${MANY_FOR_TPM} credentials for a TPM`,
      target: TPM_TARGET,
      ours: batch(MANY_FOR_TPM, { 'tpm2-device-key': at('srk.pem') }),
      peer: runs(MANY_FOR_TPM, `--with-key=tpm2 --tpm2-pcrs= --tpm2-device=${device}`),
      check: counted(MANY_FOR_TPM),
    },
    {
      name: 'one credential',
      target: undefined,
      ours: {
        ...extsign('cred', 'encrypt', '--quiet', '--host-secret', hostSecret, ...single),
        before: () => clear(at('ours')),
      },
      peer: runs(1, '--with-key=host'),
      check: counted(1),
    },
  ]
}

/** @param {string} folder */
function clear(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
}

/**
 * @param {number} count
 * @param {string} options
 */
function loop(count, options) {
  const seal = `systemd-creds encrypt ${options} --name=$i plain peer/$i 2>&1`
  return `set -e; cd "$WORK"; i=0; while [ $i -lt ${count} ]; do ${seal}; i=$((i + 1)); done`
}

/**
 * Starts a TPM in software that both sides see.
 * @param {Place} place
 * @returns {Promise<{ device: string, stop: () => void }>}
 */
export async function startTpm({ folder, where }) {
  const state = join(folder, 'tpm')
  mkdirSync(state)
  const socket = join(state, 'socket')
  const child = spawn(
    findTool('swtpm') ?? '',
    [
      ...['socket', '--tpm2', '--tpmstate', `dir=${state}`],
      ...['--server', `type=unixio,path=${socket}`, '--ctrl', `type=unixio,path=${socket}.ctrl`],
      ...['--flags', 'not-need-init,startup-clear'],
    ],
    { stdio: 'ignore' },
  )
  for (let tries = 0; !existsSync(`${socket}.ctrl`) && tries < 500; tries++) await setTimeout(10)
  return { device: `swtpm:path=${peerPath(folder, 'tpm/socket', where)}`, stop: () => child.kill() }
}
