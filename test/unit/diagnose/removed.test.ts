/** Swallowed and laundered, on graphs and flags made by hand. */
import { describe, expect, it } from 'vitest';
import { contaminate } from '../../../src/core/diagnose/contamination';
import { findNewNaN } from '../../../src/core/diagnose/newNaN';
import { explainRemoved, removedFrom } from '../../../src/core/diagnose/silent/removed';
import type { Removed } from '../../../src/core/diagnose/silent/removed';
import type { AxesOfGraph } from '../../../src/core/onnx/axes/infer';
import { Graph } from '../../../src/core/onnx/graph';
import type { Flags } from '../../../src/core/trace/health';
import { NAN } from '../../../src/core/trace/health';
import { model, node, value } from '../onnx/support';
import type { NodeInit } from '../onnx/support';

/** One string per sample, `x` where NaN is. */
function flags(...rows: readonly string[]): Flags {
  return {
    samples: rows.length,
    positions: rows[0]?.length ?? 0,
    perSample: true,
    perPosition: true,
    sequence: 0,
    key: false,
    bits: Uint8Array.from(rows.join(''), (letter) => (letter === 'x' ? NAN : 0)),
  };
}
const axes: AxesOfGraph = {
  of: () => null,
  reads: (reader) => (reader.op === 'MatMul' ? 'all-positions' : reader.op === 'Shape' ? 'nothing' : 'same-position'),
};

function removed(nodes: readonly NodeInit[], known: Readonly<Record<string, Flags>>): Removed | null {
  const graph = new Graph(
    model({ name: 'made', input: [value('x', [2, 4])], output: [value('y', [2, 4])], node: [...nodes] }),
  );
  const of = (name: string): Flags | null => known[name] ?? null;
  // What has no flags here and is called i… holds integers.
  const isInteger = (name: string): boolean => name.startsWith('i');
  const birth = findNewNaN(graph, axes, of).births[0];
  if (!birth) throw new Error('nothing is born');
  return removedFrom(graph, birth, contaminate(graph, axes, of, birth, isInteger), isInteger);
}
const outline = (found: Removed | null): unknown =>
  found && [found.mechanism, ...found.ends.map((end) => `${end.node.op} ${end.how}`)];

const clean = flags('....', '....');
const born = flags('xx..', '....');

describe('NaN that no output shows', () => {
  it('swallowed by a choice of the largest: whole numbers cannot be NaN', () => {
    const found = removed([node('Log', ['x'], ['a']), node('ArgMax', ['a'], ['i']), node('Cast', ['i'], ['y'])], {
      a: born,
      y: clean,
    });
    expect(outline(found)).toEqual(['swallowed', 'ArgMax integer']);
  });

  it('swallowed by a kernel, or by leaving the positions out', () => {
    expect(outline(removed([node('Log', ['x'], ['a']), node('Max', ['a'], ['y'])], { a: born, y: clean }))).toEqual([
      'swallowed',
      'Max kernel',
    ]);
    expect(outline(removed([node('Log', ['x'], ['a']), node('Slice', ['a'], ['y'])], { a: born, y: clean }))).toEqual([
      'swallowed',
      'Slice selection',
    ]);
  });

  it('laundered when it had spread before it was wiped, even by an explicit test', () => {
    const found = removed(
      [
        node('Log', ['x'], ['a']),
        node('MatMul', ['a', 'a'], ['m']),
        node('IsNaN', ['m'], ['it']),
        node('Where', ['it', 'zero', 'm'], ['y']),
      ],
      { a: born, m: flags('xxxx', '....'), y: clean },
    );
    expect(outline(found)).toEqual(['laundered', 'Where guard']);
  });

  it('reaching another sample is spreading', () => {
    const found = removed([node('Log', ['x'], ['a']), node('MatMul', ['a'], ['m']), node('Max', ['m'], ['y'])], {
      a: born,
      m: { ...flags('xx..', 'xx..'), perSample: true },
      y: clean,
    });
    // MatMul reads its own sample here, so the NaN of sample 1 is not this birth's.
    expect(outline(found)).toEqual(['swallowed', 'Max kernel']);
  });

  it('nothing is said where an output shows it, or where nobody reads it', () => {
    expect(removed([node('Log', ['x'], ['y'])], { y: born })).toBeNull();
    expect(removed([node('Log', ['x'], ['a']), node('Neg', ['x'], ['y'])], { a: born, y: clean })).toBeNull();
  });

  it('a look at whether it is NaN, or at its shape, is no end of it', () => {
    expect(
      removed([node('Log', ['x'], ['a']), node('IsNaN', ['a'], ['i']), node('Cast', ['i'], ['y'])], {
        a: born,
        y: clean,
      }),
    ).toBeNull();
    expect(
      removed([node('Log', ['x'], ['a']), node('Shape', ['a'], ['i']), node('Cast', ['i'], ['y'])], {
        a: born,
        y: clean,
      }),
    ).toBeNull();
  });

  it('says where it ends, what it was born as, and how many more ends there are', () => {
    const found = removed(
      [
        node('Log', ['x'], ['a']),
        node('ArgMax', ['a'], ['i']),
        node('Max', ['a'], ['b']),
        node('Cast', ['i'], ['c']),
        node('Add', ['b', 'c'], ['y']),
      ],
      { a: born, b: clean, c: clean, y: clean },
    );
    if (!found) throw new Error('not removed');
    const { evidence, explanation } = explainRemoved(
      found,
      { node: 'Log_a', tensor: 'a', mechanism: 'log-of-negative' },
      '2 positions of sample 0',
    );
    expect(evidence).toEqual({
      bornAt: 'Log_a',
      bornIn: 'a',
      bornAs: 'log-of-negative',
      ends: [
        { node: 'ArgMax_i', op: 'ArgMax', how: 'integer' },
        { node: 'Max_b', op: 'Max', how: 'kernel' },
      ],
    });
    expect(explanation).toBe(
      '2 positions of sample 0: the NaN that is born in Log_a ends here. ArgMax gives whole numbers or truth values, ' +
        'which cannot be NaN. It ends at 1 more place. The outputs look healthy, and what was computed from it means nothing.',
    );
  });
});
