/** Branches, loops, functions, lists, odd tensors and every opset: probed, screened and diagnosed without a bit of difference. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Checker } from '../../support/operatorGraphs/check';
import { startChecker } from '../../support/operatorGraphs/check';
import { control } from '../../support/operatorGraphs/control';
import { oddTensors } from '../../support/operatorGraphs/oddTensors';
import { everyOpset } from '../../support/operatorGraphs/opsets';

let checker: Checker;
beforeAll(async () => {
  checker = await startChecker();
});
afterAll(() => checker.close());

describe.each([
  ['control flow', control],
  ['odd tensors', oddTensors],
  ['opsets', everyOpset],
])('%s', (_family, graphs) => {
  it.each(graphs.map((graph) => [graph.name, graph] as const))('%s', async (_, graph) => {
    const problems = await checker.check(graph);
    expect(problems, problems.join('\n')).toEqual([]);
  });
});
