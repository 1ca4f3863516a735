/** What a report tells of, its table shows; what it says of weights, the file holds. */
import { describe, expect, it } from 'vitest';
import { notesByRow } from '../../../src/app/render/notes';
import type { Report } from '../../../src/core/report';
import type { TensorData } from '../../../src/core/tensor';
import { verdictSentence } from '../../../src/core/trace/verdict';
import { diagnosedModel } from '../../support/diagnosing';
import { AttributeType, floats, model, node, value } from '../../unit/onnx/support';
import type { NodeInit } from '../../unit/onnx/support';

const dims = ['batch', 'seq', 4];
const numbers = [1, 1, 1, 1, 1, -1, 1, 1, 0, 1, 1, 1];
const fed = (data: readonly number[]): TensorData => ({
  dtype: 'float32',
  dims: [1, 3, 4],
  data: Float32Array.from(data),
});
const x = fed(numbers);
const made = (
  nodes: readonly NodeInit[],
  out: readonly (string | number)[],
  stored: Readonly<Record<string, number>> = {},
) =>
  model({
    name: 'made',
    input: [value('x', dims)],
    output: [value('y', out)],
    node: [...nodes],
    initializer: Object.entries(stored).map(([name, number]) => floats(name, Float32Array.of(number), [])),
  });
const pooled: NodeInit = node('ReduceMean', ['l'], ['y'], {
  attribute: [
    { name: 'axes', type: AttributeType.INTS, ints: [1n] },
    { name: 'keepdims', type: AttributeType.INT, i: 0n },
  ],
});

/** Label, NaN of sample 0, and what stands in the margin. */
const rows = (report: Report): unknown =>
  report.table.map((row) => [
    row.label,
    row.samples?.[0]?.nan ?? row.whole?.nan,
    (notesByRow(report).get(row) ?? []).map(({ text }) => text),
  ]);
const log = 'NaN born here: Log, logarithm of a negative number';

describe('the table of a model without layers', () => {
  it('has the birth, and an output that has no positions', async () => {
    const report = await diagnosedModel(made([node('Log', ['x'], ['l']), pooled], ['batch', 4]), { x });
    expect(rows(report)).toEqual([
      ['Log_l', 1, [log]],
      ['y', true, []],
    ]);
  });

  it('has a birth that no output shows', async () => {
    const report = await diagnosedModel(made([node('Log', ['x'], ['l']), node('Relu', ['l'], ['y'])], dims), { x });
    expect(rows(report)).toContainEqual(['Log_l', 1, [log]]);
  });

  it('has an input that is fed NaN', async () => {
    const sick = fed(numbers.map((number, i) => (i === 5 ? NaN : number)));
    const report = await diagnosedModel(made([node('Neg', ['x'], ['y'])], dims), { x: sick });
    expect(rows(report)).toEqual([
      ['x', 1, ['NaN born here: the input x holds NaN']],
      ['y', 1, []],
    ]);
  });

  it('gains nothing where nothing is wrong', async () => {
    const report = await diagnosedModel(made([node('Neg', ['x'], ['n']), node('Neg', ['n'], ['y'])], dims), { x });
    expect(rows(report)).toEqual([['y', 0, []]]);
  });
});

describe('weights', () => {
  it('a damaged one is called by its own name', async () => {
    const report = await diagnosedModel(made([node('Add', ['x', 'w'], ['y'])], dims, { w: NaN }), { x });
    expect(verdictSentence(report)).toMatch(
      /^NaN is born in logits \(Add\): the stored tensor w that it reads holds NaN, which reaches 3 positions/,
    );
  });

  it.each([
    ['+inf', Infinity, false],
    ['−inf, as a mask holds', -Infinity, true],
    ['what is finite', 3e38, true],
  ])('with %s: ruled out only where nothing stored can be the cause', async (_, number, isRuledOut) => {
    const nodes = [node('Mul', ['x', 'w'], ['m']), node('Log', ['x'], ['l']), node('Add', ['m', 'l'], ['y'])];
    const report = await diagnosedModel(made(nodes, dims, { w: number }), { x });
    const said = report.ruledOut?.find(({ id }) => id === 'weights')?.because ?? null;
    expect(said).toBe(isRuledOut ? 'none of 1 stored float tensor holds NaN or +inf' : null);
  });
});
