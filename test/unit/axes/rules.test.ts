/** Every rule that carries axes through an operator. Expected axes are written by hand from the ONNX specification. */
import { describe, expect, it } from 'vitest';
import { node } from '../onnx/support';
import { infer, int, ints, text, through, written } from './support';

describe('Gather', () => {
  it('a lookup takes the axes of its ids', () => {
    expect(through('Gather', { table: 'o16 o8', ids: 'B2 P5' }, [2, 5, 8])).toBe('B2 P5 o8');
  });
  it('rows of positions, negative numbers and order kept', () => {
    expect(
      through('Gather', { x: 'B2 P5 o8' }, [2, 3, 8], [int('axis', 1)], { reads: ['x', 'i'], ints: { i: [4, -3, 0] } }),
    ).toBe('B2 P3[4,2,0] o8');
  });
  it('rows of the batch', () => {
    expect(
      through('Gather', { x: 'B2 P5' }, [3, 5], [int('axis', 0)], { reads: ['x', 'i'], ints: { i: [1, 1, 0] } }),
    ).toBe('B3[1,1,0] P5');
  });
  it('one position by a scalar leaves none', () => {
    const shapes = { y: [2, 8], i: [] };
    expect(
      through('Gather', { x: 'B2 P5 o8' }, [2, 8], [int('axis', 1)], { reads: ['x', 'i'], shapes, ints: { i: [0] } }),
    ).toBe('B2 o8');
  });
  it('rows that are not known are unknown, also when there are as many as positions', () => {
    expect(
      through('Gather', { x: 'B5 P5 o5' }, [5, 5, 5], [int('axis', 1)], {
        reads: ['x', 'i'],
        shapes: { y: [5, 5, 5], i: [5] },
      }),
    ).toBe('B5 ?5 o5');
  });
  it('rows of a merged batch × position axis are routed tokens', () => {
    expect(through('Gather', { x: 'B2*P5 o8' }, [3, 8], [], { reads: ['x', 'i'], ints: { i: [1, 5, 9] } })).toBe(
      'R3[0:1,1:0,1:4] o8',
    );
    expect(through('Gather', { x: 'P5*B2 o8' }, [2, 8], [], { reads: ['x', 'i'], ints: { i: [1, 4] } })).toBe(
      'R2[1:0,0:2] o8',
    );
  });
});

describe('GatherND, GatherElements', () => {
  it('GatherND with NonZero-made indices: routed tokens', () => {
    const shapes = { y: [3, 8], i: [3, 2] };
    expect(
      through('GatherND', { x: 'B2 P5 o8' }, [3, 8], [], {
        reads: ['x', 'i'],
        shapes,
        ints: { i: [0, 1, 1, 0, 1, 4] },
      }),
    ).toBe('R3[0:1,1:0,1:4] o8');
  });
  it('GatherND without index values is unknown', () => {
    const shapes = { y: [5, 8], i: [5, 2] };
    expect(through('GatherND', { x: 'B2 P5 o8' }, [5, 8], [], { reads: ['x', 'i'], shapes })).toBe('?5 ?8');
  });
  it('GatherElements along features keeps batch and position', () => {
    expect(through('GatherElements', { x: 'B2 P5 o8', i: 'B2 P5 o2' }, [2, 5, 2], [int('axis', 2)])).toBe('B2 P5 o2');
  });
  it('GatherElements along positions by an index without labels does not say which', () => {
    const shapes = { y: [2, 5, 8], i: [2, 5, 8] };
    expect(
      through('GatherElements', { x: 'B2 P5 o8' }, [2, 5, 8], [int('axis', 1)], { reads: ['x', 'i'], shapes }),
    ).toBe('B2 ?5 o8');
  });
});

describe('products', () => {
  it('a linear layer', () => {
    expect(through('MatMul', { x: 'B2 P5 o8', w: 'o8 o8' }, [2, 5, 8])).toBe('B2 P5 o8');
  });
  it('Q·Kᵀ tells query and key apart, all sizes equal', () => {
    expect(through('MatMul', { q: 'B3 o3 P3 o3', k: 'B3 o3 o3 P3' }, [3, 3, 3, 3])).toBe('B3 o3 P3 K3');
  });
  it('P·V gives positions back', () => {
    expect(through('MatMul', { p: 'B2 o4 P5 K5', v: 'B2 o4 P5 o8' }, [2, 4, 5, 8])).toBe('B2 o4 P5 o8');
  });
  it('scores of a memory', () => {
    expect(through('MatMul', { q: 'B2 P5 o8', k: 'B2 o8 M7' }, [2, 5, 7])).toBe('B2 P5 N7');
  });
  it('one-dimensional operands', () => {
    expect(through('MatMul', { x: 'B2 P5 o8', w: 'o8' }, [2, 5])).toBe('B2 P5');
    expect(through('MatMul', { w: 'o8', x: 'B2 o8 P5' }, [2, 5])).toBe('B2 P5');
    expect(through('MatMul', { a: 'o8', b: 'o8' }, [])).toBe('');
  });
  it('Gemm, transposed', () => {
    expect(through('Gemm', { x: 'B2*P5 o8', w: 'o3 o8', c: 'o3' }, [10, 3], [int('transB', 1)])).toBe('B2*P5 o3');
    expect(through('Gemm', { x: 'o8 B2*P5', w: 'o8 o3' }, [10, 3], [int('transA', 1)])).toBe('B2*P5 o3');
  });
  it('Einsum of queries and keys in any order; the softmax tells which is which', () => {
    const scored = (equation: string, inputs: Record<string, string>, shape: readonly number[], axis = -1): string =>
      infer({
        inputs,
        nodes: [
          node('Einsum', Object.keys(inputs), ['s'], { attribute: [text('equation', equation)] }),
          node('Softmax', ['s'], ['p'], { attribute: [int('axis', axis)] }),
        ],
        shapes: { s: shape, p: shape },
      }).of('p');
    const [q, k] = ['B2 P3 o2 o3', 'B2 P3 o2 o3'];
    expect(scored('bqhd,bkhd->bhqk', { q, k }, [2, 2, 3, 3])).toBe('B2 o2 P3 K3');
    expect(scored('bkhd,bqhd->bhqk', { k, q }, [2, 2, 3, 3])).toBe('B2 o2 P3 K3');
    expect(scored('bqhd,bkhd->bhkq', { q, k }, [2, 2, 3, 3], 2)).toBe('B2 o2 K3 P3');
    expect(scored('bqhd,bkhd->bqkh', { q, k }, [2, 3, 3, 2], 2)).toBe('B2 P3 K3 o2');
    expect(scored('...id,...jd->...ij', { q: 'B2 o2 P3 o3', k: 'B2 o2 P3 o3' }, [2, 2, 3, 3])).toBe('B2 o2 P3 K3');
  });
  it('K·Qᵀ with the softmax over axis −2', () => {
    const shape = [2, 3, 3];
    const { of } = infer({
      inputs: { k: 'B2 P3 o8', q: 'B2 o8 P3' },
      nodes: [
        node('MatMul', ['k', 'q'], ['s']),
        node('Softmax', ['s'], ['p'], { attribute: [int('axis', -2)] }),
        node('Transpose', ['p'], ['t'], { attribute: [ints('perm', [0, 2, 1])] }),
      ],
      shapes: { s: shape, p: shape, t: shape },
    });
    expect([of('s'), of('p'), of('t')]).toEqual(['B2 K3 P3', 'B2 K3 P3', 'B2 P3 K3']);
  });
});

describe('layout', () => {
  it('Transpose', () => {
    expect(through('Transpose', { x: 'B2 P5 o4 o8' }, [2, 4, 5, 8], [ints('perm', [0, 2, 1, 3])])).toBe('B2 o4 P5 o8');
    expect(through('Transpose', { x: 'B2 P5' }, [5, 2])).toBe('P5 B2');
  });
  it.each([
    ['B2 P5 o8', [2, 5, 2, 4], 'B2 P5 o2 o4'],
    ['B2 P5 o2 o4', [2, 5, 8], 'B2 P5 o8'],
    ['B2 o4 P5 o8', [8, 5, 8], 'B2*o4 P5 o8'],
    ['B2*o4 P5 K5', [2, 4, 5, 5], 'B2 o4 P5 K5'],
    ['B2 P5 o8', [10, 8], 'B2*P5 o8'],
    ['B2*P5 o8', [2, 5, 8], 'B2 P5 o8'],
    ['P5 B2 o8', [5, 8, 2], 'P5 B2*o4 o2'],
    ['P5 B2*o4 o2', [5, 2, 8], 'P5 B2 o8'],
    // Everything the same size.
    ['B4 P4 o16', [4, 4, 4, 4], 'B4 P4 o4 o4'],
    ['B4 o4 P4 o4', [16, 4, 4], 'B4*o4 P4 o4'],
    ['B1 P5 o8', [1, 5, 2, 4], 'B1 P5 o2 o4'],
    ['B2 P1 o8', [2, 1, 2, 4], 'B2 P1 o2 o4'],
    // Batch cut in two: nothing can be said.
    ['B6 o4', [2, 12], '?2 ?12'],
    ['P6 o4', [3, 8], '?3 ?8'],
  ])('Reshape %s to %j', (from, shape, to) => {
    expect(through('Reshape', { x: from }, shape, [], { reads: ['x', 's'] })).toBe(to);
  });
  it('Unsqueeze and Squeeze name their axes, also where all sizes are 1', () => {
    const one = (op: string, from: string, axis: number[], shape: number[]): string =>
      through(op, { x: from }, shape, [], { reads: ['x', 'a'], ints: { a: axis } });
    expect(one('Unsqueeze', 'B1 P1', [0], [1, 1, 1])).toBe('o1 B1 P1');
    expect(one('Unsqueeze', 'B1 P1', [1, 2], [1, 1, 1, 1])).toBe('B1 o1 o1 P1');
    expect(one('Unsqueeze', 'B2 P5', [-1], [2, 5, 1])).toBe('B2 P5 o1');
    expect(one('Squeeze', 'o1 B1 P1', [0], [1, 1])).toBe('B1 P1');
    expect(one('Squeeze', 'B1 o1 P1', [-2], [1, 1])).toBe('B1 P1');
    expect(through('Unsqueeze', { x: 'B1 P1' }, [1, 1, 1], [ints('axes', [0])], { opset: 11 })).toBe('o1 B1 P1');
  });
  it('Expand, Tile', () => {
    expect(through('Expand', { x: 'B2 o4 o1 P5 o8' }, [2, 4, 3, 5, 8], [], { reads: ['x', 's'] })).toBe(
      'B2 o4 ?3 P5 o8',
    );
    expect(through('Tile', { x: 'B2 P5 o8' }, [2, 5, 24], [], { reads: ['x', 'r'] })).toBe('B2 P5 ?24');
    expect(through('Tile', { x: 'B2 P5' }, [4, 5], [], { reads: ['x', 'r'] })).toBe('?4 P5');
  });
});

describe('parts', () => {
  const slice = (bounds: Record<'starts' | 'ends' | 'axes' | 'steps', number[]>, shape: readonly number[]): string =>
    through('Slice', { x: 'B2 P5 o8' }, shape, [], { reads: ['x', 'starts', 'ends', 'axes', 'steps'], ints: bounds });
  it('Slice with offsets, steps and negative numbers', () => {
    expect(slice({ starts: [1], ends: [9], axes: [1], steps: [1] }, [2, 4, 8])).toBe('B2 P4[1,2,3,4] o8');
    expect(slice({ starts: [-2], ends: [9], axes: [-2], steps: [1] }, [2, 2, 8])).toBe('B2 P2[3,4] o8');
    expect(slice({ starts: [0], ends: [5], axes: [1], steps: [2] }, [2, 3, 8])).toBe('B2 P3[0,2,4] o8');
    expect(slice({ starts: [-1], ends: [-9], axes: [1], steps: [-1] }, [2, 5, 8])).toBe('B2 P5[4,3,2,1,0] o8');
    expect(slice({ starts: [1, 4], ends: [2, 8], axes: [0, 2], steps: [1, 1] }, [1, 5, 4])).toBe('B1[1] P5 o4');
    expect(slice({ starts: [-99], ends: [2], axes: [1], steps: [1] }, [2, 2, 8])).toBe('B2 P2[0,1] o8');
  });
  it('Slice with bounds that are not known', () => {
    expect(through('Slice', { x: 'B2 P5 o8' }, [2, 4, 8], [], { reads: ['x', 's', 'e'] })).toBe('B2 ?4 o8');
  });
  it('Slice before opset 10', () => {
    const bounds = [ints('starts', [2]), ints('ends', [4]), ints('axes', [1])];
    expect(through('Slice', { x: 'B2 P5' }, [2, 2], bounds, { opset: 9 })).toBe('B2 P2[2,3]');
  });
  it('Split along features and along positions', () => {
    const halves = (axis: number, shapes: Record<'a' | 'b', number[]>): string[] => {
      const { of } = infer({
        inputs: { x: 'B2 P5 o8' },
        nodes: [node('Split', ['x'], ['a', 'b'], { attribute: [int('axis', axis)] })],
        shapes,
      });
      return [of('a'), of('b')];
    };
    expect(halves(-1, { a: [2, 5, 6], b: [2, 5, 2] })).toEqual(['B2 P5 o6', 'B2 P5 o2']);
    expect(halves(1, { a: [2, 2, 8], b: [2, 3, 8] })).toEqual(['B2 P2[0,1] o8', 'B2 P3[2,3,4] o8']);
  });
  it('Concat of a class token, of a cache, of rotated halves', () => {
    expect(through('Concat', { c: 'B2 o1 o8', x: 'B2 P5 o8' }, [2, 6, 8], [int('axis', 1)])).toBe(
      'B2 P6[-1,0,1,2,3,4] o8',
    );
    expect(through('Concat', { a: 'B2 P5 o4', b: 'B2 P5 o4' }, [2, 5, 8], [int('axis', -1)])).toBe('B2 P5 o8');
    expect(through('Concat', { a: 'B2 ?2', b: 'B2 ?3' }, [2, 5], [int('axis', 1)])).toBe('B2 ?5');
  });
});

describe('reductions', () => {
  it('over features, kept and dropped', () => {
    expect(through('ReduceMean', { x: 'B2 P5 o8' }, [2, 5, 1], [ints('axes', [-1])])).toBe('B2 P5 o1');
    expect(through('ReduceMean', { x: 'B2 P5 o8' }, [2, 5], [ints('axes', [2]), int('keepdims', 0)])).toBe('B2 P5');
  });
  it('over positions and over everything', () => {
    expect(through('ReduceMean', { x: 'B2 P5 o8' }, [2, 8], [ints('axes', [1]), int('keepdims', 0)])).toBe('B2 o8');
    expect(through('ReduceSum', { x: 'B2 P5' }, [], [int('keepdims', 0)])).toBe('');
  });
  it('over axes given at run time, known or not', () => {
    const read = { reads: ['x', 'a'] };
    expect(through('ReduceSum', { x: 'B5 P5' }, [5], [int('keepdims', 0)], { ...read, ints: { a: [0] } })).toBe('P5');
    expect(through('ReduceSum', { x: 'B5 P5' }, [5], [int('keepdims', 0)], read)).toBe('?5');
  });
  it('ArgMax, TopK', () => {
    expect(through('ArgMax', { x: 'B2 P5 o8' }, [2, 5, 1], [int('axis', -1)])).toBe('B2 P5 o1');
    const { of } = infer({
      inputs: { x: 'B2 P5 o8', k: 'o1' },
      nodes: [node('TopK', ['x', 'k'], ['v', 'i'])],
      shapes: { v: [2, 5, 2], i: [2, 5, 2] },
    });
    expect([of('v'), of('i')]).toEqual(['B2 P5 o2', 'B2 P5 o2']);
  });
  it('Softmax, LayerNormalization with its statistics', () => {
    expect(through('Softmax', { s: 'B2 o4 P5 P5' }, [2, 4, 5, 5], [int('axis', -1)])).toBe('B2 o4 P5 K5');
    expect(through('Softmax', { router: 'B2 P5 o8' }, [2, 5, 8], [int('axis', -1)])).toBe('B2 P5 o8');
    const { of } = infer({
      inputs: { x: 'B2 P5 o8', g: 'o8' },
      nodes: [node('LayerNormalization', ['x', 'g'], ['y', 'mean', 'inv'])],
      shapes: { y: [2, 5, 8], mean: [2, 5, 1], inv: [2, 5, 1] },
    });
    expect([of('y'), of('mean'), of('inv')]).toEqual(['B2 P5 o8', 'B2 P5 o1', 'B2 P5 o1']);
  });
});

describe('element by element', () => {
  it('Where and Add broadcast; scores say whose position an axis is', () => {
    expect(through('Where', { c: 'B2 o1 o1 P5', s: 'B2 o4 P5 K5', f: '' }, [2, 4, 5, 5])).toBe('B2 o4 P5 K5');
    expect(through('Add', { m: 'B2 o1 P5 P5', s: 'B2 o4 P5 K5' }, [2, 4, 5, 5])).toBe('B2 o4 P5 K5');
  });
  it('a causal mask learns its axes from the scores it is added to', () => {
    const { of } = infer({
      inputs: { s: 'B5 o5 P5 K5' },
      nodes: [node('Range', [], ['m']), node('Add', ['s', 'm'], ['y'])],
      shapes: { m: [5, 5], y: [5, 5, 5, 5] },
    });
    expect(of('m')).toBe('P5 P5');
  });
  it('an operator that is not known is not followed, whatever the sizes', () => {
    expect(through('Mystery', { x: 'B5 P5 o5' }, [5, 5, 5])).toBe('?5 ?5 ?5');
  });
  it('Conv that keeps the length leaves positions in place; one that changes it makes new ones', () => {
    const conv = (shape: number[], ...attribute: ReturnType<typeof ints>[]) =>
      through('Conv', { x: 'B2 o8 P5', w: 'o8 o8 o3' }, shape, attribute);
    expect(conv([2, 8, 5], ints('pads', [1, 1]))).toBe('B2 o8 P5');
    expect(conv([2, 8, 5], ints('pads', [2, 0]))).toBe('B2 o8 P5');
    expect(conv([2, 8, 3])).toBe('B2 ?8 ?3');
    expect(conv([2, 8, 5], ints('pads', [4, 3]), ints('strides', [2]))).toBe('B2 ?8 ?5');
  });
  it('Pad puts rows around that are nobody’s', () => {
    const pads = { reads: ['x', 'p'], ints: { p: [0, 2, 0, 0, -1, 0] } };
    expect(through('Pad', { x: 'B2 P4 o8' }, [2, 5, 8], [], pads)).toBe('B2 P5[-1,-1,0,1,2] o8');
  });
});

describe('routed experts', () => {
  it('ScatterND back into zeros takes its axes from the residual it is added to', () => {
    const { of, graph, axes } = infer({
      inputs: { x: 'B2 P5 o8' },
      nodes: [
        node('Reshape', ['x', 's1'], ['flat']),
        node('Gather', ['flat', 'i'], ['rows']),
        node('Relu', ['rows'], ['expert']),
        node('ScatterND', ['zeros', 'i2', 'expert'], ['back']),
        node('Reshape', ['back', 's2'], ['moe']),
        node('Add', ['x', 'moe'], ['y']),
      ],
      shapes: {
        flat: [10, 8],
        rows: [3, 8],
        expert: [3, 8],
        zeros: [10, 8],
        back: [10, 8],
        moe: [2, 5, 8],
        y: [2, 5, 8],
        i2: [3, 1],
      },
      ints: { i: [1, 5, 9] },
    });
    expect(of('expert')).toBe('R3[0:1,1:0,1:4] o8');
    expect(of('back')).toBe('B2*P5 o8');
    const scatter = graph.nodes[3];
    expect(scatter && axes.reads(scatter, 2, 0)).toBe('same-position');
  });
});

describe('what is read', () => {
  it('Softmax reads its row, a score product reads all keys, a linear layer its own position', () => {
    const { graph, axes, of } = infer({
      inputs: { q: 'B2 P5 o8', k: 'B2 o8 P5', w: 'o8 o8' },
      nodes: [node('MatMul', ['q', 'w'], ['l']), node('MatMul', ['l', 'k'], ['s']), node('Softmax', ['s'], ['p'])],
      shapes: { l: [2, 5, 8], s: [2, 5, 5], p: [2, 5, 5] },
    });
    const [linear, scores, softmax] = graph.nodes;
    if (!linear || !scores || !softmax) throw new Error('three nodes');
    expect([
      axes.reads(linear, 0, 0),
      axes.reads(scores, 0, 0),
      axes.reads(scores, 1, 0),
      axes.reads(softmax, 0, 0),
    ]).toEqual(['same-position', 'same-position', 'all-positions', 'same-position']);
    expect(of('p')).toBe('B2 P5 K5');
    expect(written(null)).toBe('none');
  });
});
