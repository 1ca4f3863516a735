/** Births, contamination, guards and crossings on graphs made by hand, with flags made by hand. */
import { describe, expect, it } from 'vitest';
import type { AttentionSite } from '../../../src/core/diagnose/attentionSites';
import { contaminate } from '../../../src/core/diagnose/contamination';
import { guardOf } from '../../../src/core/diagnose/silent/guarded';
import type { MaskPlane } from '../../../src/core/diagnose/maskPlane';
import { findNewNaN } from '../../../src/core/diagnose/newNaN';
import { crossings } from '../../../src/core/diagnose/spread';
import type { AxesOfGraph } from '../../../src/core/onnx/axes/infer';
import { Graph } from '../../../src/core/onnx/graph';
import type { Flags } from '../../../src/core/trace/health';
import { NAN, nanPositions } from '../../../src/core/trace/health';
import { model, node, value } from '../onnx/support';
import type { NodeInit } from '../onnx/support';

const positions = 4;

/** One string per sample, `x` where NaN is: `flags('x...', '....')`. */
function flags(...rows: readonly string[]): Flags {
  const bits = Uint8Array.from(rows.join(''), (letter) => (letter === 'x' ? NAN : 0));
  const width = rows[0]?.length ?? 0;
  return {
    samples: rows.length,
    positions: width,
    perSample: rows.length > 1,
    perPosition: true,
    sequence: 0,
    key: false,
    bits,
  };
}
const withoutPositions = (...rows: readonly string[]): Flags => ({ ...flags(...rows), perPosition: false });

/** Operators called `Mix` read every position of their sample, all others only their own. */
const axes: AxesOfGraph = {
  keyOperand: () => null,
  of: () => null,
  reads: (reader) =>
    ['Mix', 'MatMul'].includes(reader.op) ? 'all-positions' : reader.op === 'Shape' ? 'nothing' : 'same-position',
};
const graphOf = (nodes: readonly NodeInit[], outputs: readonly string[] = ['y']): Graph =>
  new Graph(
    model({
      name: 'made',
      input: [value('x', [2, positions])],
      output: outputs.map((name) => value(name, [2, positions])),
      node: [...nodes],
    }),
  );
const of =
  (known: Readonly<Record<string, Flags>>) =>
  (name: string): Flags | null =>
    known[name] ?? null;
const noInteger = (): boolean => false;
const rows = (found: Flags): string[] =>
  Array.from({ length: found.samples }, (_, sample) => nanPositions(found, sample).join());

describe('new NaN', () => {
  it('birth and propagation at the same node are told apart by position and sample', () => {
    const graph = graphOf([node('Log', ['x'], ['y'])]);
    const found = findNewNaN(graph, axes, of({ x: flags('x...', '....'), y: flags('xx..', 'x...') }));
    expect(found.births.map((birth) => rows(birth.cells))).toEqual([['1', '0']]);
    expect(found.crossings).toEqual([]);
  });

  it('what another position of the same sample could have brought is a crossing; another sample cannot', () => {
    const graph = graphOf([node('Mix', ['x'], ['y'])]);
    const found = findNewNaN(graph, axes, of({ x: flags('x...', '....'), y: flags('xxxx', '...x') }));
    expect(found.crossings.map((crossing) => rows(crossing.cells))).toEqual([['0,1,2,3', '']]);
    expect(found.births.map((birth) => rows(birth.cells))).toEqual([['', '3']]);
  });

  it('an input without positions is read everywhere', () => {
    const graph = graphOf([node('Mul', ['x', 'scale'], ['y'])]);
    const found = findNewNaN(graph, axes, of({ scale: withoutPositions('x', '.'), y: flags('xxxx', 'x...') }));
    expect(found.births.map((birth) => rows(birth.cells))).toEqual([['', '0']]);
  });

  it('a value without a batch axis is read by every sample; an output without one has read them all', () => {
    const shared = findNewNaN(
      graphOf([node('Add', ['x', 'table'], ['y'])]),
      axes,
      of({ table: flags('.x..'), y: flags('.x..', 'xx..') }),
    );
    expect(shared.births.map((birth) => rows(birth.cells))).toEqual([['', '0']]);
    const folded = findNewNaN(
      graphOf([node('Neg', ['x'], ['y'])]),
      axes,
      of({ x: flags('....', 'x...'), y: flags('xx..') }),
    );
    expect(folded.births.map((birth) => rows(birth.cells))).toEqual([['1']]);
  });

  it('a shape of a NaN tensor brings no NaN', () => {
    const graph = graphOf([node('Shape', ['x'], ['s']), node('Log', ['s'], ['y'])]);
    const found = findNewNaN(graph, axes, of({ x: flags('xxxx', 'xxxx'), y: flags('x...', '....') }));
    expect(found.births.map((birth) => birth.value)).toEqual(['y']);
  });
});

describe('contamination', () => {
  const graph = graphOf(
    [node('Log', ['x'], ['a']), node('Sqrt', ['x'], ['b']), node('Add', ['a', 'b'], ['c']), node('Mix', ['c'], ['y'])],
    ['y', 'b'],
  );
  const known = {
    a: flags('x...', '....'),
    b: flags('....', '.x..'),
    c: flags('x...', '.x..'),
    y: flags('xxxx', 'xxxx'),
  };
  const births = findNewNaN(graph, axes, of(known)).births;

  it('follows each birth on its own, to every output', () => {
    expect(births.map((birth) => birth.value)).toEqual(['a', 'b']);
    const [a, b] = births.map((birth) => contaminate(graph, axes, of(known), birth, noInteger));
    expect(rows(a?.reached.get('y') ?? flags(''))).toEqual(['0,1,2,3', '']);
    expect(a?.outputCells).toBe(4);
    // b is itself an output: its own cell counts too.
    expect(b?.outputCells).toBe(5);
    expect(a?.reached.has('b')).toBe(false);
  });

  it('ends where a node reads NaN and hands none on', () => {
    const swallowed = { ...known, y: flags('....', '....') };
    const found = births.map((birth) => contaminate(graph, axes, of(swallowed), birth, noInteger));
    expect(found.map(({ ends, outputCells }) => [ends.map((end) => end.op), outputCells])).toEqual([
      [['Mix'], 0],
      [['Mix'], 1],
    ]);
  });

  it('starts at a graph input as well', () => {
    const sick = {
      x: flags('x...', '....'),
      a: flags('x...', '....'),
      c: flags('x...', '....'),
      y: flags('xxxx', '....'),
    };
    const found = contaminate(graph, axes, of(sick), { value: 'x', cells: sick.x, node: null }, noInteger);
    expect(found.outputCells).toBe(4);
  });
});

describe('guard', () => {
  const guarded = (test: readonly NodeInit[], condition: string, more: readonly NodeInit[] = []): Graph =>
    graphOf([
      node('Softmax', ['x'], ['p']),
      ...test,
      node('Where', [condition, 'zero', 'p'], ['g']),
      ...more,
      node('Mix', ['g'], ['y']),
    ]);
  const sick = { p: flags('xx..', '....'), g: flags('....', '....'), y: flags('....', '....') };
  function guard(graph: Graph, known: Readonly<Record<string, Flags>> = sick): string | null {
    const birth = findNewNaN(graph, axes, of(known)).births[0];
    if (!birth) throw new Error('nothing is born');
    return guardOf(graph, birth, contaminate(graph, axes, of(known), birth, noInteger))?.name ?? null;
  }

  it('IsNaN and Where, directly or through Not and Cast; x ≠ x too', () => {
    expect(guard(guarded([node('IsNaN', ['p'], ['t'])], 't'))).toBe('Where_g');
    expect(
      guard(guarded([node('IsNaN', ['p'], ['t']), node('Not', ['t'], ['n']), node('Cast', ['n'], ['c'])], 'c')),
    ).toBe('Where_g');
    expect(guard(guarded([node('Equal', ['p', 'p'], ['t'])], 't'))).toBe('Where_g');
  });

  it('a Where that tests something else is no guard', () => {
    expect(guard(guarded([node('Less', ['x', 'limit'], ['t'])], 't'))).toBeNull();
    expect(guard(guarded([node('Equal', ['p', 'x'], ['t'])], 't'))).toBeNull();
  });

  it('no guard if NaN also ends in a node that swallows it', () => {
    const graph = guarded([node('IsNaN', ['p'], ['t'])], 't', [node('Max', ['p', 'zero'], ['m'])]);
    expect(guard(graph, { ...sick, m: flags('....', '....') })).toBeNull();
  });

  it('no guard if NaN reached a clean position first, or an output', () => {
    const spreadFirst = graphOf([
      node('Softmax', ['x'], ['p']),
      node('Mix', ['p'], ['m']),
      node('IsNaN', ['m'], ['t']),
      node('Where', ['t', 'zero', 'm'], ['y']),
    ]);
    const clean = flags('....', '....');
    expect(guard(spreadFirst, { p: sick.p, m: flags('xxxx', '....'), y: clean })).toBeNull();
    expect(guard(spreadFirst, { p: sick.p, m: sick.p, y: clean })).toBe('Where_y');
    expect(guard(spreadFirst, { p: sick.p, m: sick.p, y: sick.p })).toBeNull();
  });
});

describe('crossings in attention', () => {
  const graph = graphOf([
    node('MatMul', ['q', 'k'], ['s']),
    node('Add', ['s', 'mask'], ['m']),
    node('Softmax', ['m'], ['p']),
    node('MatMul', ['p', 'v'], ['y']),
  ]);
  const [scores, add, softmax, output] = graph.nodes;
  if (!scores || !add || !softmax || !output) throw new Error('four nodes');
  const site = (masks: AttentionSite['masks']): AttentionSite => ({
    softmax,
    scores,
    query: 'q',
    key: 'k',
    masks,
    path: [add, softmax],
    output,
    value: 'v',
  });
  const additive = site([{ node: add, kind: 'add', mask: 'mask', keepWhen: true, fill: null, scores: 's' }]);
  const chosen = site([{ node: add, kind: 'where', mask: 'mask', keepWhen: true, fill: 'low', scores: 's' }]);
  /** Masks the given keys for every query of both samples. */
  const masking = (text: string): MaskPlane => ({
    samples: 1,
    queries: 1,
    keys: positions,
    masked: Uint8Array.from(text, (letter) => (letter === '#' ? 1 : 0)),
  });
  const pads = flags('xx..', '....');
  const all = flags('xxxx', '....');
  const none = flags('....', '....');
  const found = (one: AttentionSite, known: Readonly<Record<string, Flags>>, planes: readonly MaskPlane[]) =>
    crossings(graph, findNewNaN(graph, axes, of(known)).crossings, [one], axes, of(known), () => planes).map(
      (crossed) => [
        crossed.node.name,
        crossed.mechanism,
        rows(crossed.cells),
        crossed.detail.nanRead,
        crossed.detail.allowed,
      ],
    );

  it('a masked NaN key crosses at the mask’s Add', () => {
    const known = { q: pads, k: pads, v: pads, s: all, m: all, p: all, y: all };
    expect(found(additive, known, [masking('##..')])).toEqual([
      ['Add_m', 'nan-plus-minus-inf', ['2,3', ''], '0-1', ''],
    ]);
  });

  it('a key that the row may attend to crosses at Q·Kᵀ', () => {
    const known = { q: pads, k: pads, v: pads, s: all, m: all, p: all, y: all };
    expect(found(additive, known, [masking('#...')])).toEqual([['MatMul_s', 'contraction', ['2,3', ''], '0-1', '1']]);
    expect(found(additive, known, [])).toEqual([['MatMul_s', 'contraction', ['2,3', ''], '0-1', '0-1']]);
  });

  it('Where stops it in K, not in V', () => {
    const known = { q: pads, k: pads, v: pads, s: all, m: pads, p: pads, y: all };
    expect(found(chosen, known, [masking('##..')])).toEqual([['MatMul_y', 'zero-times-nan', ['2,3', ''], '0-1', '']]);
    expect(found(chosen, { ...known, v: none, y: pads }, [masking('##..')])).toEqual([]);
  });

  it('a value that the row may read crosses at P·V as a contraction', () => {
    const known = { q: none, k: none, v: pads, s: none, m: none, p: none, y: all };
    expect(found(additive, known, [masking('#...')])).toEqual([
      ['MatMul_y', 'contraction', ['0,1,2,3', ''], '0-1', '1'],
    ]);
  });

  it('rows whose query is NaN were not clean', () => {
    const known = { q: all, k: pads, v: none, s: all, m: all, p: all, y: all };
    expect(found(additive, known, [masking('##..')])).toEqual([]);
  });
});
