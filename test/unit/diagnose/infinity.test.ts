/** The first tensor that is infinite on the way to an undefined operation, from what was measured of each. */
import { describe, expect, it } from 'vitest';
import type { Extremes, InfiniteBirth } from '../../../src/core/diagnose/infinity';
import { infiniteBirth, infiniteOperands, infinityText } from '../../../src/core/diagnose/infinity';
import { Graph } from '../../../src/core/onnx/graph';
import { named, scalar } from '../../support/tinyAttention';
import { seedReport } from '../../support/seedReport';
import { model, value } from '../onnx/support';

const graph = new Graph(
  model({
    node: [
      named('Big', 'Mul', ['x', 'huge'], 'b'),
      named('Turned', 'Neg', ['b'], 't'),
      named('Masked', 'Add', ['t', 'mask'], 'm'),
      named('Summed', 'Add', ['x', 'mask'], 's'),
      named('Scaled', 'Mul', ['x', 'w'], 'z'),
      named('Out', 'Sub', ['m', 'z'], 'y'),
    ],
    initializer: [scalar('huge', 1e38), scalar('w', Infinity)],
    input: [value('x', [4]), value('mask', [4])],
    output: [{ name: 'y' }, { name: 's' }],
  }),
);
const finite: Extremes = { least: -4, largest: 4 };
const up: Extremes = { least: 0, largest: Infinity };
const down: Extremes = { least: -Infinity, largest: 0 };
const born = (name: string, sign: InfiniteBirth['sign'] = 0): InfiniteBirth => {
  const node = graph.nodes.find((one) => one.name === name);
  if (!node) throw new Error(name);
  return { node, sign };
};
const seen = (own: Record<string, Extremes>): ReadonlyMap<string, Extremes> => new Map(Object.entries(own));

describe('an infinity is followed back', () => {
  const all = seen({ x: finite, huge: { least: 1e38, largest: 1e38 }, b: down, t: up, mask: down, m: up, z: finite });

  it('to the node that left the range, past a mask of the other sign', () => {
    const [found, ...others] = infiniteOperands(graph, born('Out'), all);
    expect(others).toEqual([]);
    expect(found).toEqual({
      operand: 'm',
      tensor: 'b',
      how: 'computed',
      node: 'Big',
      op: 'Mul',
      read: [
        { tensor: 'x', largest: 4 },
        { tensor: 'huge', largest: 1e38 },
      ],
    });
    const [origin] = seedReport().origins;
    if (!origin || !found) throw new Error('nothing to tell');
    expect(infinityText([found], origin)).toBe(
      'm is infinite because b is. b became infinite in Big (Mul), which read x up to 4 and huge up to 1e+38.',
    );
    // Said with the scores already.
    expect(infinityText([found], { ...origin, evidence: { from: { node: 'Big' } } })).toBe('');
  });

  it('to what is fed or stored', () => {
    const fed = infiniteOperands(graph, born('Summed'), seen({ x: finite, mask: down }));
    expect(fed).toMatchObject([{ operand: 'mask', tensor: 'mask', how: 'fed', node: null }]);
    const stored = infiniteOperands(graph, born('Out'), seen({ m: finite, x: finite, w: up, z: up }));
    expect(stored).toMatchObject([{ operand: 'z', tensor: 'w', how: 'stored' }]);
  });

  it('not to what a softmax is made for: only +inf counts there', () => {
    expect(infiniteOperands(graph, born('Summed', 1), seen({ x: finite, mask: down }))).toEqual([]);
  });

  it('says nothing where nothing that the node read could be looked at', () => {
    expect(infiniteOperands(graph, born('Out'), seen({ m: up, z: finite }))).toEqual([]);
  });

  it('begins only at births of infinity that are in this graph', () => {
    const [origin] = seedReport().origins;
    if (!origin) throw new Error('no origin');
    const at = { ...origin, tensor: 'y', op: 'Sub' };
    expect(infiniteBirth(graph, { ...at, mechanism: 'inf-minus-inf' })?.sign).toBe(0);
    expect(infiniteBirth(graph, { ...at, mechanism: 'score-overflow' })?.sign).toBe(1);
    expect(infiniteBirth(graph, { ...at, mechanism: 'log-of-negative' })).toBeNull();
    expect(infiniteBirth(graph, { ...at, mechanism: 'inf-minus-inf', op: 'Loop' })).toBeNull();
  });
});
