/** `nanoscope compare` and `diff`: what is asked of the use cases, what is printed, and which code a script gets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompareRequest } from '../../src/app/compare/compare';
import type { ReportDiff } from '../../src/core/compare/changes';
import type { Comparison } from '../../src/core/compare/types';
import { compareRuns } from '../../src/core/compare/compare';
import { runHere, runProcess } from '../support/cliHarness';
import { run } from '../unit/compare/support';

const sick = run('a', ['ppr'], [{ layer: 0, stage: 'attention', nanAt: ['0-1'] }]);
const clean = run('b', ['ppr'], [{ layer: 0, stage: 'attention', nanAt: [''] }]);

async function asked(...args: readonly string[]): Promise<CompareRequest> {
  const seen: CompareRequest[] = [];
  const { code, err } = await runHere(['compare', ...args], {
    work: {
      compare: (_, request) => {
        seen.push(request);
        return Promise.resolve(compareRuns([sick, sick], ['model']));
      },
    },
  });
  expect([code, err]).toEqual([0, '']);
  const [request] = seen;
  if (!request) throw new Error('nothing was compared');
  return request;
}

describe('what is asked', () => {
  it('models and variations, in any order', async () => {
    expect(await asked('padding=left,right', 'm.onnx', 'ranks', '--lengths', '3,7', '--mask', 'a')).toEqual({
      models: ['/home/person/m.onnx'],
      base: {
        inputsFile: undefined,
        lengths: { lengths: [3, 7], pad: 'left', seed: 1 },
        mask: 'a',
        userLevel: 'all',
        cast: undefined,
        expandAttention: undefined,
      },
      variations: [
        { key: 'padding', values: ['left', 'right'] },
        { key: 'ranks', values: ['1', '2', '4', '8'] },
      ],
    });
  });

  it('built-in models keep their options, and a file may be called like a variation', async () => {
    const { models, variations } = await asked('builtin:kimi-k2-mini?layers=2', './padding=left', 'fix=none.onnx');
    expect(models).toEqual([
      'builtin:kimi-k2-mini?layers=2',
      '/home/person/./padding=left',
      '/home/person/fix=none.onnx',
    ]);
    expect(variations).toEqual([]);
  });

  it.each([
    [['padding=left,right'], 'There is no model to compare.'],
    [['m.onnx', 'colour=red'], '“colour” is nothing that can be varied.'],
    [['m.onnx', 'padding', '--markdown', '--csv'], '--markdown and --csv cannot be given together.'],
    [['m.onnx', 'padding', '--rows', '1', '--all-rows'], '--rows and --all-rows cannot be given together.'],
    [[], 'Missing required argument'],
  ])('%j is refused', async (args, message) => {
    const { code, out, err } = await runHere(['compare', ...args]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
  });
});

describe('what a script gets', () => {
  const answering = (comparison: Comparison) => ({ work: { compare: () => Promise.resolve(comparison) } });

  it.each([
    [0, [sick, sick]],
    [0, [clean, clean]],
    [1, [sick, clean]],
  ])('exit code %d', async (expected, runs) => {
    const { code } = await runHere(['compare', 'm.onnx', 'padding'], answering(compareRuns(runs, ['padding'])));
    expect(code).toBe(expected);
  });

  it('is one JSON document, also for a failure', async () => {
    const comparison = compareRuns([sick, clean], ['padding']);
    const { out } = await runHere(['compare', 'm.onnx', 'padding', '--json'], answering(comparison));
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(comparison)));
    const failed = await runHere(['compare', 'm.onnx', 'colour=red', '--json']);
    expect(failed.err).toBe('');
    expect(JSON.parse(failed.out)).toMatchObject({ error: { code: 'usage' } });
  });
});

describe('with everything real', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'nanoscope-compare-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('compares, saves, and finds a regression between two saved reports', async () => {
    const compared = await runProcess(['compare', 'builtin:kimi-k2-mini?layers=2', 'padding=left,right', '--json']);
    expect(compared.code).toBe(1);
    expect((JSON.parse(compared.out) as Comparison).variants.map(({ nan }) => nan)).toEqual(['real', 'none']);

    const files = ['left', 'right'].map((side) => join(folder, `${side}.json`));
    for (const file of files) {
      const pad = file.includes('left') ? 'left' : 'right';
      const args = ['diagnose', 'builtin:kimi-k2-mini?layers=2', '--pad', pad, '--json', '--no-fixes'];
      writeFileSync(file, (await runProcess(args)).out);
    }
    const [left = '', right = ''] = files;
    const worse = await runProcess(['diff', right, left, '--json']);
    expect(worse.code).toBe(1);
    const { regressed, changes } = JSON.parse(worse.out) as ReportDiff;
    expect(regressed).toBe(true);
    expect(changes.filter(({ kind }) => kind === 'worse').map(({ text }) => text)).toEqual([
      'NaN is born in layer 0 attention (fully-masked-row) now.',
      // What padding holds is of the batch, which is padded at another side: real tokens tell.
      expect.stringContaining('More NaN at layer 1 attention: 0/35 → 35/35 of sample 0'),
    ]);
    const better = await runProcess(['diff', left, right]);
    expect(better.code).toBe(0);
    expect(better.out).toContain('better  NaN is no longer born in layer 0 attention (fully-masked-row).');
  }, 60_000);

  it('says what a file is that is no report', async () => {
    const file = join(folder, 'other.json');
    writeFileSync(file, '{"schemaVersion": 1}');
    const { code, err } = await runProcess(['diff', file, join(folder, 'gone.json')]);
    expect(code).toBe(2);
    expect(err).toContain('is not a saved NaNoscope report');
    expect(err).toContain('nanoscope diagnose --json');
  });
});
