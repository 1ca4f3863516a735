/** The last line of `npm test` is never better than what happened. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { countVitest } from '../../../scripts/lib/count.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-count-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Status = 'passed' | 'failed' | 'pending' | 'todo';
interface Case {
  readonly what: string;
  /** Per file: the state of its tests; `null` for a file that could not be loaded. */
  readonly files: readonly (readonly Status[] | null)[] | 'no report' | 'broken report';
  readonly exitCode: number;
  readonly expected: { readonly passed: number; readonly failed: number };
}

const cases: readonly Case[] = [
  { what: 'all passed', files: [['passed', 'passed'], ['passed']], exitCode: 0, expected: { passed: 3, failed: 0 } },
  { what: 'one failed', files: [['passed', 'failed']], exitCode: 1, expected: { passed: 1, failed: 1 } },
  { what: 'a skipped test', files: [['passed', 'pending']], exitCode: 0, expected: { passed: 1, failed: 1 } },
  { what: 'a test to be written', files: [['passed', 'todo']], exitCode: 0, expected: { passed: 1, failed: 1 } },
  { what: 'a file that does not load', files: [['passed'], null], exitCode: 1, expected: { passed: 1, failed: 1 } },
  { what: 'an error outside tests', files: [['passed']], exitCode: 1, expected: { passed: 1, failed: 1 } },
  { what: 'no test at all', files: [], exitCode: 0, expected: { passed: 0, failed: 1 } },
  { what: 'no report', files: 'no report', exitCode: 0, expected: { passed: 0, failed: 1 } },
  { what: 'half a report', files: 'broken report', exitCode: 0, expected: { passed: 0, failed: 1 } },
];

describe('counting a suite', () => {
  it.each(cases)('$what', ({ what, files, exitCode, expected }) => {
    const file = path.join(folder, `${what}.json`);
    if (files === 'broken report') writeFileSync(file, '{"testResults": [');
    else if (files !== 'no report') {
      const testResults = files.map((tests, index) => ({
        name: `/tests/${String(index)}.test.ts`,
        status: tests === null || tests.includes('failed') ? 'failed' : 'passed',
        assertionResults: (tests ?? []).map((status, n) => ({ status, fullName: `test ${String(n)}` })),
      }));
      writeFileSync(file, JSON.stringify({ testResults }));
    }
    const { passed, failed } = countVitest(file, exitCode, '');
    expect({ passed, failed }).toEqual(expected);
  });
});
