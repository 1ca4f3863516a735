/** Graphs that nobody exports, and that the engine runs all the same. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { diagnosedModel } from '../../support/diagnosing';
import { f32, vector } from '../../support/tinyAttention';
import { model, node, value } from '../../unit/onnx/support';
import type { GraphInit, NodeInit } from '../../unit/onnx/support';
import { fusedModel, mhaBias, padded } from '../fused/support';

const dims = ['batch', 'seq', 4];
// Sample 0 holds −5 … 6, sample 1 is positive.
const x = f32(
  [2, 3, 4],
  Array.from({ length: 24 }, (_, i) => i - 5),
);
const made = (nodes: readonly NodeInit[], outputs: readonly string[], more: Partial<GraphInit> = {}) =>
  model({
    name: 'odd',
    input: [value('x', dims)],
    output: outputs.map((name) => value(name, dims)),
    node: [...nodes],
    ...more,
  });
const chain = (length: number, op: string, from: string): NodeInit[] =>
  Array.from({ length }, (_, i) => node(op, [i === 0 ? from : `v${String(i - 1)}`], [`v${String(i)}`]));
const fixes = { fixes: false };

describe('odd graphs', () => {
  it('nodes in no order: positions are followed, the birth reaches the output', async () => {
    const nodes = [node('Exp', ['b'], ['y']), node('Neg', ['a'], ['b']), node('Log', ['x'], ['a'])];
    const report = await diagnosedModel(made(nodes, ['y']), { x }, fixes);
    expect(report.outputs).toEqual([{ name: 'y', nanPositions: [2, 0], of: 3, nanAt: ['0-1', ''] }]);
    expect(report.origins).toMatchObject([{ node: 'Log_a', mechanism: 'log-of-negative', positions: ['0-1', ''] }]);
  });

  it('an output that is called as a kept tensor might be', async () => {
    const outputs = ['y', 'probed:y', '__nanoscope_y', 'probed_y', 'alone_0:y'];
    const nodes = outputs.map((name, i) => node(i === 0 ? 'Log' : 'Neg', ['x'], [name]));
    const report = await diagnosedModel(made(nodes, outputs), { x });
    expect(report.observer).toMatchObject({ outputsBitEqual: true, userLevel: { sameNanPositions: true } });
  });

  it('a second look at what makes an output leaves the output as it was measured', async () => {
    const whole = fusedModel([mhaBias]);
    const last = whole.graph?.node.find((entry) => entry.opType === 'MultiHeadAttention')?.output[0] ?? '';
    const graph = whole.graph;
    if (!graph) throw new Error('the model has a graph');
    graph.output = graph.output.map((output) => ({ ...output, name: last }));
    const report = await diagnosedModel(whole, padded(3), fixes);
    expect(report.outputs[0]?.name).toBe(last);
    expect(report.origins).toMatchObject([{ mechanism: 'fully-masked-row', positions: ['0-1', ''] }]);
    expect(report.observer?.outputsBitEqual).toBe(true);
  });

  it('12,000 copies in a row, of a value and of a weight, in seconds', async () => {
    const copies = 12_000;
    const values = made([node('Log', ['x'], ['l']), ...chain(copies, 'Identity', 'l')], [`v${String(copies - 1)}`]);
    expect((await diagnosedModel(values, { x }, fixes)).origins).toMatchObject([{ node: 'Log_l' }]);
    const weight = made(
      [...chain(copies, 'Identity', 'w'), node('Add', ['x', `v${String(copies - 1)}`], ['y'])],
      ['y'],
      { initializer: [vector('w', 1, 2, 3, NaN)] },
    );
    expect((await diagnosedModel(weight, { x }, fixes)).origins).toMatchObject([
      { node: 'Identity_v0', mechanism: 'nan-in-weights' },
    ]);
  }, 120_000);

  it('a chosen column of NaN in 400 births, each told apart', async () => {
    const pick = { name: 'c', dims: [1n, 1n, 4n], dataType: DataType.BOOL, int32Data: [1, 1, 0, 1] };
    const nodes = Array.from({ length: 400 }, (_, i) => [
      node('Log', ['x'], [`l${String(i)}`]),
      node('Where', ['c', i === 0 ? 'x' : `r${String(i - 1)}`, `l${String(i)}`], [`r${String(i)}`]),
    ]).flat();
    const report = await diagnosedModel(made(nodes, ['r399'], { initializer: [pick] }), { x }, fixes);
    expect(report.origins).toHaveLength(400);
  }, 120_000);
});
