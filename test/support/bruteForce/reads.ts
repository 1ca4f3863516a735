/**
 * Which input elements each output element of a node is computed from, operator by operator, straight from the ONNX
 * specification. Knows nothing of axes, batches or positions and shares no code with the product.
 *
 * `Where` reads its condition and the chosen branch: what was selected away is not read.
 */
import type { NodeProto } from 'onnx-buf';

export interface Tensor {
  readonly dims: readonly number[];
  /** Elements as numbers: floats, integers, 0 and 1 for booleans. */
  readonly data: ArrayLike<number>;
}

/** Called for every element that is read: input slot and flat index. */
export type Visit = (slot: number, index: number) => void;
/** Visits what element `index` of one output is read from. */
export type ReadsOf = (index: number, visit: Visit) => void;

export interface NodeView {
  readonly proto: NodeProto;
  readonly opset: number;
  /** By slot; null for an omitted optional input. */
  readonly inputs: readonly (Tensor | null)[];
  readonly output: Tensor;
  /** Which output this is about. */
  readonly o: number;
}

export const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

export function coordinates(index: number, dims: readonly number[]): number[] {
  const at = new Array<number>(dims.length).fill(0);
  let rest = index;
  for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
    at[axis] = rest % dims[axis]!;
    rest = Math.floor(rest / dims[axis]!);
  }
  return at;
}

export const flat = (at: readonly number[], dims: readonly number[]): number =>
  dims.reduce((index, size, axis) => index * size + at[axis]!, 0);

/** The element of a tensor of shape `dims` that NumPy broadcasting pairs with `at`. */
export function broadcasted(at: readonly number[], dims: readonly number[]): number {
  const offset = at.length - dims.length;
  return dims.reduce((index, size, axis) => index * size + (size === 1 ? 0 : at[axis + offset]!), 0);
}

const attr = (view: NodeView, name: string) => view.proto.attribute.find((entry) => entry.name === name);
const int = (view: NodeView, name: string, fallback: number): number => Number(attr(view, name)?.i ?? fallback);
const ints = (view: NodeView, name: string): number[] | null => attr(view, name)?.ints.map(Number) ?? null;
const text = (view: NodeView, name: string): string => new TextDecoder().decode(attr(view, name)?.s);
const wrap = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const valuesOf = (tensor: Tensor | null | undefined): number[] | null => (tensor ? Array.from(tensor.data) : null);

/** Steps through all coordinates of a box. */
function* box(dims: readonly number[]): Generator<number[]> {
  for (let i = 0; i < count(dims); i += 1) yield coordinates(i, dims);
}

type Maker = (view: NodeView) => ReadsOf;

const elementwise: Maker =
  ({ inputs, output }) =>
  (index, visit) => {
    const at = coordinates(index, output.dims);
    for (const [slot, input] of inputs.entries()) if (input) visit(slot, broadcasted(at, input.dims));
  };

const where: Maker =
  ({ inputs, output }) =>
  (index, visit) => {
    const at = coordinates(index, output.dims);
    const condition = broadcasted(at, inputs[0]!.dims);
    visit(0, condition);
    const slot = inputs[0]!.data[condition] !== 0 ? 1 : 2;
    visit(slot, broadcasted(at, inputs[slot]!.dims));
  };

/** Same elements, same order. */
const sameOrder: Maker = () => (index, visit) => visit(0, index);

const transpose: Maker = (view) => {
  const input = view.inputs[0]!;
  const perm = ints(view, 'perm') ?? input.dims.map((_, i) => input.dims.length - 1 - i);
  return (index, visit) => {
    const to = coordinates(index, view.output.dims);
    const from = new Array<number>(to.length).fill(0);
    for (const [place, axis] of perm.entries()) from[axis] = to[place]!;
    visit(0, flat(from, input.dims));
  };
};

const matmul: Maker = ({ inputs, output }) => {
  const [a, b] = [inputs[0]!, inputs[1]!];
  const inner = a.dims.at(-1)!;
  return (index, visit) => {
    const at = coordinates(index, output.dims);
    const n = at.at(-1)!;
    const m = at.at(-2)!;
    const batch = at.slice(0, -2);
    const aBase = broadcasted(batch, a.dims.slice(0, -2)) * a.dims.at(-2)!;
    const bBase = broadcasted(batch, b.dims.slice(0, -2)) * inner;
    for (let k = 0; k < inner; k += 1) {
      visit(0, (aBase + m) * inner + k);
      visit(1, (bBase + k) * b.dims.at(-1)! + n);
    }
  };
};

const gemm: Maker = (view) => {
  const [a, b, c] = view.inputs;
  const transA = int(view, 'transA', 0) !== 0;
  const transB = int(view, 'transB', 0) !== 0;
  const inner = a!.dims[transA ? 0 : 1]!;
  return (index, visit) => {
    const [m = 0, n = 0] = coordinates(index, view.output.dims);
    for (let k = 0; k < inner; k += 1) {
      visit(0, transA ? flat([k, m], a!.dims) : flat([m, k], a!.dims));
      visit(1, transB ? flat([n, k], b!.dims) : flat([k, n], b!.dims));
    }
    if (c) visit(2, broadcasted([m, n], c.dims));
  };
};

const einsum: Maker = (view) => {
  const [left = '', right = ''] = text(view, 'equation').replaceAll(' ', '').split('->');
  const terms = left.split(',');
  const size = new Map<string, number>();
  for (const [slot, term] of terms.entries())
    for (const [axis, letter] of Array.from(term).entries()) size.set(letter, view.inputs[slot]!.dims[axis]!);
  const summed = [...size.keys()].filter((letter) => !right.includes(letter));
  return (index, visit) => {
    const to = coordinates(index, view.output.dims);
    for (const inner of box(summed.map((letter) => size.get(letter)!))) {
      const value = (letter: string): number =>
        right.includes(letter) ? to[right.indexOf(letter)]! : inner[summed.indexOf(letter)]!;
      for (const [slot, term] of terms.entries()) visit(slot, flat(Array.from(term, value), view.inputs[slot]!.dims));
    }
  };
};

/** Every element of the input whose coordinates on the axes that are not `mixed` are those of the output's. */
function group(input: Tensor, mixed: ReadonlySet<number>, at: readonly number[], visit: (index: number) => void): void {
  const axes = input.dims.map((_, axis) => axis).filter((axis) => mixed.has(axis));
  for (const inner of box(axes.map((axis) => input.dims[axis]!))) {
    const from = [...at];
    for (const [i, axis] of axes.entries()) from[axis] = inner[i]!;
    visit(flat(from, input.dims));
  }
}

/** A row is normalised; before opset 13 everything from `axis` on was one row. */
const softmax: Maker = (view) => {
  const input = view.inputs[0]!;
  const rank = input.dims.length;
  const legacy = view.opset < 13;
  const axis = wrap(int(view, 'axis', legacy ? 1 : -1), rank);
  const mixed = new Set(input.dims.map((_, i) => i).filter((i) => (legacy ? i >= axis : i === axis)));
  return (index, visit) => group(input, mixed, coordinates(index, view.output.dims), (i) => visit(0, i));
};

const reduce: Maker = (view) => {
  const input = view.inputs[0]!;
  const rank = input.dims.length;
  const given = ints(view, 'axes') ?? valuesOf(view.inputs[1]) ?? [];
  const mixed = new Set((given.length === 0 ? input.dims.map((_, i) => i) : given).map((axis) => wrap(axis, rank)));
  const keep = int(view, 'keepdims', 1) !== 0;
  return (index, visit) => {
    const to = coordinates(index, view.output.dims);
    let next = 0;
    const at = input.dims.map((_, axis) => (mixed.has(axis) && !keep ? 0 : to[next++]!));
    group(input, mixed, at, (i) => visit(0, i));
  };
};

const layerNorm: Maker = (view) => {
  const input = view.inputs[0]!;
  const rank = input.dims.length;
  const axis = wrap(int(view, 'axis', -1), rank);
  const mixed = new Set(input.dims.map((_, i) => i).filter((i) => i >= axis));
  return (index, visit) => {
    const at = coordinates(index, view.output.dims);
    group(input, mixed, at, (i) => visit(0, i));
    for (const slot of [1, 2]) {
      const scale = view.inputs[slot];
      if (scale && view.o === 0) visit(slot, broadcasted(at, scale.dims));
    }
  };
};

const slice: Maker = (view) => {
  const input = view.inputs[0]!;
  const starts = valuesOf(view.inputs[1])!;
  const axes = (valuesOf(view.inputs[3]) ?? starts.map((_, i) => i)).map((axis) => wrap(axis, input.dims.length));
  const steps = valuesOf(view.inputs[4]) ?? starts.map(() => 1);
  return (index, visit) => {
    const at = coordinates(index, view.output.dims);
    for (const [i, axis] of axes.entries()) {
      const size = input.dims[axis]!;
      const step = steps[i]!;
      const start = starts[i]! < 0 ? starts[i]! + size : starts[i]!;
      at[axis] = Math.min(Math.max(start, 0), step > 0 ? size : size - 1) + at[axis]! * step;
    }
    visit(0, flat(at, input.dims));
  };
};

const gather: Maker = (view) => {
  const [data, indices] = [view.inputs[0]!, view.inputs[1]!];
  const axis = wrap(int(view, 'axis', 0), data.dims.length);
  return (index, visit) => {
    const to = coordinates(index, view.output.dims);
    const place = flat(to.slice(axis, axis + indices.dims.length), indices.dims);
    visit(1, place);
    const row = wrap(indices.data[place]!, data.dims[axis]!);
    visit(0, flat([...to.slice(0, axis), row, ...to.slice(axis + indices.dims.length)], data.dims));
  };
};

const gatherElements: Maker = (view) => {
  const [data, indices] = [view.inputs[0]!, view.inputs[1]!];
  const axis = wrap(int(view, 'axis', 0), data.dims.length);
  return (index, visit) => {
    const at = coordinates(index, view.output.dims);
    visit(1, index);
    at[axis] = wrap(indices.data[index]!, data.dims[axis]!);
    visit(0, flat(at, data.dims));
  };
};

const gatherNd: Maker = (view) => {
  const [data, indices] = [view.inputs[0]!, view.inputs[1]!];
  const depth = indices.dims.at(-1)!;
  const lead = indices.dims.length - 1;
  return (index, visit) => {
    const to = coordinates(index, view.output.dims);
    const row = flat(to.slice(0, lead), indices.dims.slice(0, -1)) * depth;
    const from: number[] = [];
    for (let k = 0; k < depth; k += 1) {
      visit(1, row + k);
      from.push(wrap(indices.data[row + k]!, data.dims[k]!));
    }
    visit(0, flat([...from, ...to.slice(lead)], data.dims));
  };
};

/** Rows of updates replace rows of the data; the last one wins. */
const scatterNd: Maker = (view) => {
  const [data, indices, updates] = [view.inputs[0]!, view.inputs[1]!, view.inputs[2]!];
  const depth = indices.dims.at(-1)!;
  const rows = count(indices.dims.slice(0, -1));
  const inner = count(data.dims.slice(depth));
  const from = new Map<number, number>();
  for (let row = 0; row < rows; row += 1) {
    const at = Array.from({ length: depth }, (_, k) => wrap(indices.data[row * depth + k]!, data.dims[k]!));
    const base = flat(at, data.dims.slice(0, depth)) * inner;
    for (let i = 0; i < inner; i += 1) from.set(base + i, row * inner + i);
  }
  const adds = text(view, 'reduction') === 'add';
  return (index, visit) => {
    const update = from.get(index);
    if (update === undefined || adds) visit(0, index);
    if (update === undefined) return;
    for (let k = 0; k < depth; k += 1) visit(1, Math.floor(update / inner) * depth + k);
    if (!adds) {
      visit(2, update);
      return;
    }
    for (let u = 0; u < count(updates.dims); u += 1) {
      const row = Math.floor(u / inner);
      const at = Array.from({ length: depth }, (_, k) => wrap(indices.data[row * depth + k]!, data.dims[k]!));
      if (flat(at, data.dims.slice(0, depth)) * inner + (u % inner) === index) visit(2, u);
    }
  };
};

const scatterElements: Maker = (view) => {
  const [data, indices] = [view.inputs[0]!, view.inputs[1]!];
  const axis = wrap(int(view, 'axis', 0), data.dims.length);
  const from = new Map<number, number>();
  for (let i = 0; i < count(indices.dims); i += 1) {
    const at = coordinates(i, indices.dims);
    at[axis] = wrap(indices.data[i]!, data.dims[axis]!);
    from.set(flat(at, data.dims), i);
  }
  return (index, visit) => {
    const update = from.get(index);
    if (update === undefined) {
      visit(0, index);
      return;
    }
    visit(1, update);
    visit(2, update);
  };
};

const concat: Maker = (view) => {
  const axis = wrap(int(view, 'axis', 0), view.output.dims.length);
  return (index, visit) => {
    const at = coordinates(index, view.output.dims);
    for (const [slot, input] of view.inputs.entries()) {
      const size = input!.dims[axis]!;
      if (at[axis]! < size) {
        visit(slot, flat(at, input!.dims));
        return;
      }
      at[axis] = at[axis]! - size;
    }
  };
};

/** @param sizes along the axis of every output. */
const split =
  (sizes: readonly number[]): Maker =>
  (view) => {
    const input = view.inputs[0]!;
    const axis = wrap(int(view, 'axis', 0), input.dims.length);
    const offset = sizes.slice(0, view.o).reduce((a, b) => a + b, 0);
    return (index, visit) => {
      const at = coordinates(index, view.output.dims);
      at[axis] = at[axis]! + offset;
      visit(0, flat(at, input.dims));
    };
  };

const splitOf: Maker = (view) => {
  const input = view.inputs[0]!;
  const axis = wrap(int(view, 'axis', 0), input.dims.length);
  const size = view.output.dims[axis]!;
  const equal = view.proto.output.map(() => Math.ceil(input.dims[axis]! / view.proto.output.length));
  const given = ints(view, 'split') ?? valuesOf(view.inputs[1]);
  if (!given && view.o < equal.length - 1 && size !== equal[0]) throw new Error('Split: not in equal parts');
  return split(given ?? equal)(view);
};

const expand: Maker =
  ({ inputs, output }) =>
  (index, visit) => {
    visit(0, broadcasted(coordinates(index, output.dims), inputs[0]!.dims));
  };

const tile: Maker =
  ({ inputs, output }) =>
  (index, visit) => {
    const { dims } = inputs[0]!;
    visit(
      0,
      flat(
        coordinates(index, output.dims).map((at, axis) => at % dims[axis]!),
        dims,
      ),
    );
  };

const pad: Maker = (view) => {
  const { dims } = view.inputs[0]!;
  const before = valuesOf(view.inputs[1])!;
  return (index, visit) => {
    const at = coordinates(index, view.output.dims).map((value, axis) => value - before[axis]!);
    if (at.every((value, axis) => value >= 0 && value < dims[axis]!)) visit(0, flat(at, dims));
    else if (view.inputs[2]) visit(2, 0);
  };
};

/** The kept triangle is copied; zeros are nobody's. */
const trilu: Maker = (view) => {
  const shift = view.inputs[1]?.data[0] ?? 0;
  const upper = int(view, 'upper', 1) !== 0;
  return (index, visit) => {
    const at = coordinates(index, view.output.dims);
    const diagonal = at.at(-1)! - at.at(-2)!;
    if (upper ? diagonal >= shift : diagonal <= shift) visit(0, index);
  };
};

const cumSum: Maker = (view) => {
  const { dims } = view.inputs[0]!;
  const axis = wrap(view.inputs[1]!.data[0]!, dims.length);
  const exclusive = int(view, 'exclusive', 0);
  const reverse = int(view, 'reverse', 0) !== 0;
  return (index, visit) => {
    const at = coordinates(index, dims);
    const own = at[axis]!;
    for (let i = 0; i < dims[axis]!; i += 1) {
      if (!(reverse ? i >= own + exclusive : i <= own - exclusive)) continue;
      at[axis] = i;
      visit(0, flat(at, dims));
    }
  };
};

const topK: Maker = (view) => {
  const input = view.inputs[0]!;
  const axis = wrap(int(view, 'axis', -1), input.dims.length);
  return (index, visit) => group(input, new Set([axis]), coordinates(index, view.output.dims), (i) => visit(0, i));
};

/** One-dimensional convolution [N, C, L] with groups, strides of 1, padding before. */
const conv: Maker = (view) => {
  const [input, weight] = [view.inputs[0]!, view.inputs[1]!];
  const groups = int(view, 'group', 1);
  const before = ints(view, 'pads')?.[0] ?? 0;
  const [, perGroup = 1, kernel = 1] = weight.dims;
  const outPerGroup = weight.dims[0]! / groups;
  return (index, visit) => {
    const [n = 0, channel = 0, place = 0] = coordinates(index, view.output.dims);
    const first = Math.floor(channel / outPerGroup) * perGroup;
    for (let c = 0; c < perGroup; c += 1) {
      for (let k = 0; k < kernel; k += 1) {
        visit(1, flat([channel, c, k], weight.dims));
        const from = place + k - before;
        if (from >= 0 && from < input.dims[2]!) visit(0, flat([n, first + c, from], input.dims));
      }
    }
    if (view.inputs[2]) visit(2, channel);
  };
};

/** [batch, positions, width] each: a query reads itself and all keys and values of its sample. */
const fusedAttention: Maker = (view) => {
  const { output } = view;
  return (index, visit) => {
    const [sample = 0, position = 0] = coordinates(index, output.dims);
    for (const [slot, input] of view.inputs.slice(0, 3).entries()) {
      const [, length = 0, width = 0] = input!.dims;
      for (let row = 0; row < length; row += 1) {
        if (slot === 0 && row !== position) continue;
        for (let d = 0; d < width; d += 1) visit(slot, (sample * length + row) * width + d);
      }
    }
  };
};

const nothing: Maker = () => () => undefined;

const makers: Record<string, Maker> = {
  Where: where,
  Reshape: sameOrder,
  Flatten: sameOrder,
  Squeeze: sameOrder,
  Unsqueeze: sameOrder,
  Identity: sameOrder,
  Transpose: transpose,
  MatMul: matmul,
  Gemm: gemm,
  Einsum: einsum,
  Softmax: softmax,
  LogSoftmax: softmax,
  LayerNormalization: layerNorm,
  RMSNormalization: layerNorm,
  Slice: slice,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterND: scatterNd,
  ScatterElements: scatterElements,
  Concat: concat,
  Split: splitOf,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  Trilu: trilu,
  CumSum: cumSum,
  TopK: topK,
  Conv: conv,
  Attention: fusedAttention,
  Constant: nothing,
  ConstantOfShape: nothing,
  Shape: nothing,
  Range: nothing,
};
for (const op of ['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSum', 'LogSumExp'])
  makers[`Reduce${op}`] = reduce;
for (const op of ['ArgMax', 'ArgMin']) makers[op] = nothing;

const elementwiseOps = new Set(
  (
    'Add Sub Mul Div Pow Max Min Mean Sum And Or Xor Not Equal Greater GreaterOrEqual Less LessOrEqual Clip Relu ' +
    'Sigmoid Erf Tanh Sqrt Exp Log Neg Abs Reciprocal Cast IsNaN IsInf Gelu Sin Cos Softplus Floor Sign LeakyRelu'
  ).split(' '),
);

/** @throws Error for an operator that nobody wrote down here. */
export function readsOf(view: NodeView): ReadsOf {
  const maker = elementwiseOps.has(view.proto.opType) ? elementwise : makers[view.proto.opType];
  if (!maker) throw new Error(`no reads are written down for ${view.proto.opType}`);
  return maker(view);
}

/** Operators whose every output element is the very element that it reads from the named slots. */
export const movers: ReadonlySet<string> = new Set(
  (
    'Reshape Flatten Squeeze Unsqueeze Identity Transpose Slice Gather GatherElements GatherND ScatterND ' +
    'ScatterElements Concat Split Expand Tile Pad'
  ).split(' '),
);
export const isElementwise = (op: string): boolean => elementwiseOps.has(op) || op === 'Where';
