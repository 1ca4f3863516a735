/** Fused and quantised operators: probed, screened and diagnosed without a bit of difference. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fused, standardAttention } from '../../support/operatorGraphs/attention';
import type { Checker } from '../../support/operatorGraphs/check';
import { startChecker } from '../../support/operatorGraphs/check';
import { quantised } from '../../support/operatorGraphs/quantised';

let checker: Checker;
beforeAll(async () => {
  checker = await startChecker();
});
afterAll(() => checker.close());

describe.each([
  ['attention', standardAttention],
  ['fused', fused],
  ['quantised', quantised],
])('%s', (_family, graphs) => {
  it.each(graphs.map((graph) => [graph.name, graph] as const))('%s', async (_, graph) => {
    const problems = await checker.check(graph);
    expect(problems, problems.join('\n')).toEqual([]);
  });
});
