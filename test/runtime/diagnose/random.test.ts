/**
 * Random small graphs with planted faults: the product's origins against a brute force that fetches every value and
 * applies the definition element by element. More seeds: NANOSCOPE_RANDOM_SEEDS=1-5000; one that fails prints its
 * graph.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Checked } from '../../support/randomGraphs/check';
import { check } from '../../support/randomGraphs/check';
import type { Diagnoser } from '../../support/randomGraphs/diagnoseMany';
import { diagnoser } from '../../support/randomGraphs/diagnoseMany';
import type { RandomGraph } from '../../support/randomGraphs/generate';
import { opsets, randomGraph } from '../../support/randomGraphs/generate';

const [first = 1, last = 600] = (process.env.NANOSCOPE_RANDOM_SEEDS ?? '1-600').split('-').map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, i) => first + i);
/** Graphs whose text is printed; of more only the seed. */
const shown = 3;
/** One child for each core of a small machine. */
const lanes = 2;

interface Run {
  readonly graph: RandomGraph;
  readonly checked: Checked;
}

describe('random graphs', () => {
  const runs: Run[] = [];
  const failures: string[] = [];
  const diagnosers: Diagnoser[] = [];

  beforeAll(
    async () => {
      const queue = [...seeds];
      const lane = async (): Promise<void> => {
        const own = await diagnoser();
        diagnosers.push(own);
        for (let seed = queue.shift(); seed !== undefined; seed = queue.shift()) {
          try {
            const graph = randomGraph(seed);
            const checked = await check(graph, own);
            runs.push({ graph, checked });
            if (checked.problems.length > 0)
              failures.push(
                failures.length < shown ? checked.text : `seed ${String(seed)}: ${checked.problems[0] ?? ''}`,
              );
          } catch (error) {
            failures.push(
              `seed ${String(seed)}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
            );
          }
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      console.log(told(runs));
    },
    60_000 + 1000 * seeds.length,
  );

  afterAll(async () => {
    await Promise.all(diagnosers.map((own) => own.close()));
  });

  it('origins are exactly those of the brute force, positions included', () => {
    expect(failures.join('\n\n')).toBe('');
    expect(runs).toHaveLength(seeds.length);
  });

  it('healthy graphs have no origin', () => {
    const healthy = runs.filter(({ graph }) => !graph.faulty);
    expect(healthy.length).toBeGreaterThan(seeds.length / 10);
    for (const { checked } of healthy) expect(checked.report.origins).toEqual([]);
  });

  it('positions that the builder knows are known', () => {
    expect(sum(runs, ({ checked }) => checked.wholeRows)).toBe(0);
  });

  // A hand-picked range need not hold all of this.
  it.runIf(seeds.length >= 600)('the graphs are as various as promised', () => {
    const faulty = runs.filter(({ graph }) => graph.faulty);
    expect(faulty.length).toBeGreaterThanOrEqual(500);
    expect(sum(faulty, ({ checked }) => checked.origins)).toBeGreaterThan(faulty.length);
    expect(faulty.filter(({ checked }) => checked.origins > 1).length).toBeGreaterThan(150);
    expect(sum(faulty, ({ checked }) => checked.guarded)).toBeGreaterThan(30);
    expect(new Set(faulty.map(({ graph }) => graph.opset))).toEqual(new Set(opsets));
    expect(operatorsOf(runs).size).toBeGreaterThan(50);
    expect(mechanismsOf(runs).size).toBeGreaterThanOrEqual(10);
  });
});

const sum = (runs: readonly Run[], of: (run: Run) => number): number => runs.reduce((total, run) => total + of(run), 0);
const operatorsOf = (runs: readonly Run[]): Set<string> => new Set(runs.flatMap(({ graph }) => [...graph.operators]));
const mechanismsOf = (runs: readonly Run[]): Map<string, number> => {
  const found = new Map<string, number>();
  for (const { mechanism } of runs.flatMap(({ checked }) => checked.report.origins))
    found.set(mechanism, (found.get(mechanism) ?? 0) + 1);
  return found;
};

function told(runs: readonly Run[]): string {
  const operators = operatorsOf(runs);
  return [
    `${String(runs.length)} graphs, ${String(sum(runs, ({ checked }) => checked.origins))} origins, ` +
      `${String(sum(runs, ({ checked }) => checked.guarded))} guarded births`,
    `${String(operators.size)} operators: ${[...operators].sort().join(' ')}`,
    [...mechanismsOf(runs)].map(([mechanism, count]) => `${mechanism} ${String(count)}`).join(', '),
  ].join('\n');
}
