/** Every operator found in exported attention models: probed, screened and diagnosed without a bit of difference. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Checker } from '../../support/operatorGraphs/check';
import { startChecker } from '../../support/operatorGraphs/check';
import { elementwise } from '../../support/operatorGraphs/elementwise';
import { movement } from '../../support/operatorGraphs/movement';
import { products, reductionsAndNorms } from '../../support/operatorGraphs/products';

let checker: Checker;
beforeAll(async () => {
  checker = await startChecker();
});
afterAll(() => checker.close());

describe.each([
  ['element by element', elementwise],
  ['moved, picked, joined', movement],
  ['multiplied', products],
  ['reduced and normalised', reductionsAndNorms],
])('%s', (_family, graphs) => {
  it.each(graphs.map((graph) => [graph.name, graph] as const))('%s', async (_, graph) => {
    const problems = await checker.check(graph);
    expect(problems, problems.join('\n')).toEqual([]);
  });
});
