/** Comparisons for the tests of the page, made from the fixture reports. */
import { compareRuns } from '../../../src/core/compare/compare';
import { runOfReport } from '../../../src/core/compare/runOfReport';
import type { ComparedRun, Comparison, Dimension } from '../../../src/core/compare/types';
import type { SampleHealth } from '../../../src/core/report';
import type { ComparisonState } from '../../../src/protocol/comparing';
import { kimi, type KimiOptions } from '../../fixtures/reports/generate';

/** Left padded: NaN at padding from layer 0 on, at real tokens from layer 1 on. */
export const leftPadded = (options: KimiOptions, label = 'padding left'): ComparedRun => ({
  ...runOfReport(kimi(options), label, ['412 ms']),
});

const clean = (health: SampleHealth): SampleHealth => ({ ...health, nan: 0, padNan: 0, realNan: 0, nanAt: '' });

/** The same samples with their padding behind them, and no NaN anywhere. */
export function rightPadded(options: KimiOptions, label = 'padding right'): ComparedRun {
  const run = leftPadded(options, label);
  return {
    ...run,
    roles: run.roles.map((roles) => roles.replaceAll('p', '') + roles.replaceAll('r', '')),
    table: run.table.map((row) => ({ ...row, samples: row.samples?.map(clean) ?? null })),
    births: [],
    facts: ['388 ms'],
    difference: 3.8e-6,
  };
}

/** As it is left padded, but layer 1 keeps NaN at the padding. */
export function blocked(options: KimiOptions, label: string): ComparedRun {
  const run = leftPadded(options, label);
  const pads = `0-${String((options.positions ?? 35) - 6)}`;
  return {
    ...run,
    table: run.table.map((row) => ({
      ...row,
      samples:
        row.samples?.map((health) =>
          health.realNan === 0 ? health : { ...health, nan: health.padNan, realNan: 0, nanAt: pads },
        ) ?? null,
    })),
    difference: 'NaN',
  };
}

export const comparisonOf = (
  runs: readonly ComparedRun[],
  about: readonly Dimension[] = ['padding'],
  notes: readonly string[] = [],
): Comparison => compareRuns(runs, about, notes);

export const leftAndRight = (options: KimiOptions = { layers: 2 }): Comparison =>
  comparisonOf([leftPadded(options), rightPadded(options)]);

export const threeVariants = (options: KimiOptions = { layers: 61 }): Comparison =>
  comparisonOf(
    [leftPadded(options, 'eager-add'), blocked(options, 'eager-where'), leftPadded(options, 'eager-finite')],
    ['attention'],
  );

export const compared = (comparison: Comparison | null, change: Partial<ComparisonState> = {}): ComparisonState => ({
  id: 'c1',
  title: 'padding left, right',
  phase: 'done',
  progress: null,
  planned: [],
  error: null,
  comparison,
  ...change,
});
