// @ts-check
/**
 * `npm test`: everything, on a machine that has only git and Node.
 *
 * Installs, builds, provides the foreign tools, checks the sources, runs every test, and ends with
 * the line `N passed, N failed`. Under `CI=true` whatever was skipped has failed.
 */

import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { prepare, ROOT } from './prepare.mjs'
import { npmVisibly } from './provision/npm.mjs'
import { runVisibly } from './provision/run.mjs'
import { setUp } from './setup.mjs'

const underCi = process.env.CI === 'true'
const count = { passed: 0, failed: 0 }

try {
  await prepare()
  await provide()
  if ((await npmVisibly(['run', '--silent', 'check'], { cwd: ROOT })) !== 0) fail('npm run check')
  await runTests()
} catch (error) {
  fail(error instanceof Error ? error.message : String(error))
}
console.log(`${count.passed} passed, ${count.failed} failed`)
process.exitCode = count.failed > 0 ? 1 : 0

/** @param {string} what */
function fail(what) {
  count.failed += 1
  console.log(`failed: ${what}`)
}

async function provide() {
  for (const thing of await setUp()) {
    if (underCi) fail(`missing: ${thing}`)
    else console.log(`missing, so its tests are skipped: ${thing}`)
  }
}

async function runTests() {
  const report = join(tmpdir(), `extsign-tests-${process.pid}.json`)
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const status = await runVisibly(process.execPath, [vitest, 'run', ...reporters], { cwd: ROOT })
  const results = JSON.parse(readFileSync(report, 'utf8'))
  rmSync(report)
  const failedBefore = count.failed
  addResults(results)
  if (status !== 0 && count.failed === failedBefore) fail(`vitest ended with ${status}`)
}

/** @param {any} results What vitest's JSON reporter writes. */
function addResults(results) {
  count.passed += results.numPassedTests
  count.failed += results.numFailedTests
  for (const { name, status, assertionResults } of results.testResults) {
    // A file that cannot be loaded has failed without a test that could say so.
    if (status === 'failed' && assertionResults.length === 0) fail(`${name} did not run`)
    if (!underCi) continue
    for (const test of assertionResults) {
      if (test.status === 'skipped' || test.status === 'pending') fail(`skipped: ${test.fullName}`)
    }
  }
}
