import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {readonly string[]} files absolute paths of the test files that ran
 * @property {string} text what the person should see
 */

/**
 * What a run of vitest comes to, from its JSON report. Never better than the exit code: a run that failed for any
 * reason counts at least one failure. A file that cannot be loaded, a skipped test and a run without tests are
 * failures.
 *
 * @param {string} file the JSON report; may be missing when vitest died
 * @param {number} exitCode
 * @param {string} text what vitest printed
 * @returns {Tally}
 */
export function countVitest(file, exitCode, text) {
  /** @typedef {{ status: string; fullName: string }} Test */
  /** @type {{ testResults: { name: string; status: string; assertionResults: Test[] }[] }} */
  let report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, files: [], text: `${text}\nThe suite ended with ${exitCode} and left no report.` };
  }
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
  const unloadable = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  let failed = tests.filter(({ status }) => status === 'failed').length + skipped.length + unloadable.length;
  const remarks = [];
  if (skipped.length > 0)
    remarks.push(`Skipped, which counts as failed:`, ...skipped.map((test) => `  ${test.fullName}`));
  if (tests.length === 0) remarks.push('No test ran.');
  if (failed === 0 && (exitCode !== 0 || tests.length === 0)) {
    failed = 1;
    remarks.push(`The suite ended with ${exitCode}.`);
  }
  return { passed, failed, files: report.testResults.map(({ name }) => name), text: [text, ...remarks].join('\n') };
}
