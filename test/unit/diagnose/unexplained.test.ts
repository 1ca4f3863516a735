/** NaN of an output that nothing explains is laid at the node behind the gap. */
import { describe, expect, it } from 'vitest';
import { unexplained } from '../../../src/core/diagnose/unexplained';
import { Graph } from '../../../src/core/onnx/graph';
import type { Flags } from '../../../src/core/trace/health';
import { NAN, nanPositions } from '../../../src/core/trace/health';
import { model, node, value } from '../onnx/support';

const flags = (row: string): Flags => ({
  samples: 1,
  positions: row.length,
  perSample: true,
  perPosition: true,
  sequence: 0,
  key: false,
  bits: Uint8Array.from(row, (letter) => (letter === 'x' ? NAN : 0)),
});
// x → hidden (not measured) → a → b → y, and x → z.
const graph = new Graph(
  model({
    name: 'gap',
    input: [value('x', [1, 4])],
    output: [value('y', [1, 4]), value('z', [1, 4])],
    node: [
      node('Opaque', ['x'], ['hidden'], { name: 'opaque' }),
      node('Opaque', ['hidden'], ['a'], { name: 'gap' }),
      node('Relu', ['a'], ['b'], { name: 'relu' }),
      node('Neg', ['b'], ['y'], { name: 'neg' }),
      node('Exp', ['x'], ['z'], { name: 'exp' }),
    ],
  }),
);
const seen = (known: Readonly<Record<string, string>>, reached: Readonly<Record<string, string>> = {}): unknown =>
  unexplained(graph, (name) => (known[name] === undefined ? null : flags(known[name])), [
    new Map(Object.entries(reached).map(([name, row]) => [name, flags(row)])),
  ]).map((gap) => [gap.node.name, gap.value, nanPositions(gap.cells, 0)]);

describe('unexplained NaN', () => {
  it('is found behind what was not measured', () => {
    expect(seen({ x: '....', a: '.xx.', b: '.xx.', y: '.xx.', z: '....' })).toEqual([['gap', 'a', [1, 2]]]);
  });

  it('is what origins do not reach, position by position', () => {
    const known = { x: '....', a: '.xx.', b: '.xx.', y: '.xx.', z: '....' };
    expect(seen(known, { a: '.x..', b: '.x..', y: '.x..' })).toEqual([['gap', 'a', [2]]]);
    expect(seen(known, { a: '.xx.', b: '.xx.', y: '.xx.' })).toEqual([]);
  });

  it('is one finding where several outputs show it, and none where no output does', () => {
    expect(seen({ a: '.xx.', b: '.xx.', y: '....', z: '....' })).toEqual([]);
    expect(seen({ x: '....', a: 'x...', b: 'x...', y: 'x...', z: '...x' })).toEqual([
      ['gap', 'a', [0]],
      ['exp', 'z', [3]],
    ]);
  });
});
