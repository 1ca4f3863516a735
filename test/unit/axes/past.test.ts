/** Inputs that hold a past: which of their axes counts positions, and where the new tokens stand. */
import { describe, expect, it } from 'vitest';
import { create } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { withPast } from '../../../src/core/onnx/axes/past';
import { axisSize } from '../../../src/core/onnx/axes/types';
import { Graph } from '../../../src/core/onnx/graph';
import type { NodeInit } from '../onnx/support';
import { node } from '../onnx/support';
import { axes, int, ints, written } from './support';

function past(
  inputs: Readonly<Record<string, string>>,
  nodes: readonly NodeInit[],
  shapes: Readonly<Record<string, readonly number[]>>,
  rows: Readonly<Record<string, readonly number[]>> = {},
): Record<string, string> {
  const own = new Map(Object.entries(inputs).map(([name, text]) => [name, axes(text)]));
  const graph = new Graph(
    create(ModelProtoSchema, {
      opsetImport: [{ domain: '', version: 17n }],
      graph: { node: [...nodes], input: Object.keys(inputs).map((name) => ({ name })) },
    }),
  );
  const found = withPast(graph, own, {
    shape: (value) => own.get(value)?.map(axisSize) ?? shapes[value] ?? (rows[value] ? [rows[value].length] : null),
    ints: (value) => rows[value] ?? null,
  });
  return Object.fromEntries([...found].map(([name, text]) => [name, written(text)]));
}

const join = (before: string, fresh: string, axis: number, made = 'joined'): NodeInit =>
  node('Concat', [before, fresh], [made], { attribute: [int('axis', axis)] });

describe('a past before the new tokens', () => {
  const inputs = { k: 'B2 o4 P2 o8', past: 'B2 ?4 ?3 ?8', mask: 'B2 P5', ids: 'B2 P2' };

  it('is the axis that Concat lengthens; what counts all positions counts them from 0', () => {
    expect(past(inputs, [join('past', 'k', 2)], { joined: [2, 4, 5, 8] })).toEqual({
      k: 'B2 o4 P2[3,4] o8',
      past: 'B2 ?4 P3[0,1,2] ?8',
      mask: 'B2 P5',
      ids: 'B2 P2[3,4]',
    });
  });

  it('is told by the graph and not by sizes: all of them equal', () => {
    expect(
      past({ k: 'B2 o2 P2 o2', past: 'B2 ?2 ?2 ?2', mask: 'B2 P4' }, [join('past', 'k', -2)], { joined: [2, 2, 4, 2] }),
    ).toEqual({ k: 'B2 o2 P2[2,3] o2', past: 'B2 ?2 P2[0,1] ?2', mask: 'B2 P4' });
  });

  it('is followed through another layout', () => {
    const nodes = [
      node('Transpose', ['past'], ['turned'], { attribute: [ints('perm', [0, 2, 1, 3])] }),
      join('turned', 'k', 1),
    ];
    const shapes = { turned: [2, 3, 4, 8], joined: [2, 5, 4, 8] };
    expect(past({ k: 'B2 P2 o4 o8', past: 'B2 ?4 ?3 ?8' }, nodes, shapes).past).toBe('B2 ?4 P3[0,1,2] ?8');
  });

  it('is followed where its heads are merged with their width', () => {
    const nodes = [node('Reshape', ['past', 'to'], ['apart']), join('apart', 'k', 1)];
    const shapes = { apart: [2, 3, 4, 8], joined: [2, 5, 4, 8] };
    expect(past({ k: 'B2 P2 o4 o8', past: 'B2 ?3 ?32' }, nodes, shapes, { to: [0, 0, 4, 8] }).past).toBe(
      'B2 P3[0,1,2] ?32',
    );
  });

  it('may be shorter in some layers: a window ends where the new tokens begin', () => {
    expect(
      past(
        { k: 'B1 P2 o8', long: 'B1 ?4 ?8', window: 'B1 ?1 ?8' },
        [join('long', 'k', 1, 'a'), join('window', 'k', 1, 'b')],
        {
          a: [1, 6, 8],
          b: [1, 3, 8],
        },
      ),
    ).toEqual({ k: 'B1 P2[4,5] o8', long: 'B1 P4[0,1,2,3] ?8', window: 'B1 P1[3] ?8' });
  });

  it('leaves what tells neither of all positions nor of the new ones unknown', () => {
    expect(past({ ...inputs, odd: 'B2 P7' }, [join('past', 'k', 2)], { joined: [2, 4, 5, 8] }).odd).toBe('B2 ?7');
  });
});

describe('no past', () => {
  it.each([
    ['an empty one', { k: 'B2 P2 o8', past: 'B2 ?0 ?8' }, 1, [2, 2, 8]],
    ['features that are joined', { k: 'B2 P3 o8', past: 'B2 ?3 ?8' }, 2, [2, 3, 16]],
    ['an axis that is known to count nothing', { k: 'B2 P2 o8', past: 'B2 o3 o8' }, 1, [2, 5, 8]],
  ] as const)('%s', (_, inputs, axis, joined) => {
    expect(past(inputs, [join('past', 'k', axis)], { joined })).toEqual({ ...inputs });
  });

  it('where two places disagree about one input', () => {
    const inputs = { k: 'B1 P2 o8', past: 'B1 ?3 ?8', sink: 'B1 o1 o8' };
    const nodes = [
      join('past', 'k', 1, 'a'),
      node('Concat', ['past', 'sink', 'k'], ['b'], { attribute: [int('axis', 1)] }),
    ];
    expect(past(inputs, nodes, { a: [1, 5, 8], b: [1, 6, 8] })).toEqual(inputs);
  });
});
