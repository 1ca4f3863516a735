/** Blocks that make NaN where they are told to, by every mechanism; and harmless ones that only compute. */
import type { Val } from './sketch';
import type { Layout } from './layouts';
import { layoutsOf } from './layouts';
import type { World } from './world';

export type Block = (w: World, x: Val) => Val;

const inf = Infinity;
const layout = (w: World, need: (layout: Layout) => boolean = () => true): Layout =>
  w.random.pick(layoutsOf(w).filter(need));
const rows = (w: World): Layout => layout(w, (one) => one.rows);

const zeroTimesInf: Block = (w, x) => {
  const places = w.places();
  const own = layout(w);
  const { sketch: k } = w;
  const zeroed = k.binary('Mul', own.go(x), own.go(w.planted(1, 0, places)));
  const second = w.random.chance(0.8) ? places : w.places();
  return own.back(k.binary('Mul', zeroed, own.go(w.planted(1, w.random.pick([inf, -inf]), second))));
};

const infMinusInf: Block = (w, x) => {
  const places = w.places();
  const own = layout(w);
  const { sketch: k } = w;
  const high = own.go(w.planted(0, inf, places));
  const up = k.binary('Add', own.go(x), high);
  return own.back(k.binary('Sub', up, w.random.chance(0.5) ? up : own.go(w.planted(0, inf, places))));
};

const division: Block = (w, x) => {
  const places = w.places();
  const own = layout(w);
  const { sketch: k } = w;
  if (w.random.chance(0.5)) {
    const zero = own.go(w.planted(1, 0, places));
    return own.back(k.binary('Div', k.binary('Mul', own.go(x), zero), zero));
  }
  const big = own.go(w.planted(1, inf, places));
  return own.back(k.binary('Div', k.binary('Mul', own.go(x), big), own.go(w.planted(1, [inf, 1], places))));
};

const ofNegative: Block = (w, x) => {
  const own = layout(w);
  const { sketch: k } = w;
  const positive = k.binary('Add', k.unary('Abs', own.go(x)), k.scalar(1));
  const signed = k.binary('Mul', positive, own.go(w.planted(1, -1)));
  const op = w.random.pick(['Log', 'Sqrt', 'Pow']);
  return own.back(op === 'Pow' ? k.binary('Pow', signed, k.scalar(0.5)) : k.unary(op, signed));
};

/** Infinities of both signs in one row that is summed, averaged, normalised or multiplied with weights. */
const inRow: Block = (w, x) => {
  const own = rows(w);
  const { sketch: k } = w;
  const both = w.random.chance(0.6) && w.hidden > 1 ? [inf, -inf] : [inf];
  const row = k.binary('Add', own.go(x), own.go(w.planted(0, both)));
  const last = row.dims.length - 1;
  switch (w.random.int(0, k.opset >= 12 ? 6 : 5)) {
    case 0:
      return own.back(k.binary('Add', own.go(x), k.reduce(w.random.pick(['Sum', 'Mean', 'LogSumExp']), row, [last])));
    case 1:
      return own.back(k.softmax(row));
    case 2:
      return own.back(w.linear(row));
    case 3:
      return own.back(norm(w, row));
    case 4:
      return own.back(k.softmax(row, -1, 'LogSoftmax'));
    case 5:
      return own.back(k.node('CumSum', [row, k.ints([last], [])], row.dims, {}));
    default:
      return own.back(k.einsum(last === 1 ? 'ab,bc->ac' : 'xab,bc->xac', row, k.weight([w.hidden, w.hidden])));
  }
};

/** Statistics over the last axis, one operator or many; an epsilon of 0 lets a row of equal numbers divide 0 by 0. */
export function norm(w: World, x: Val): Val {
  const { sketch: k } = w;
  const last = x.dims.length - 1;
  const d = x.dims[last]!;
  if (k.opset >= 17 && w.random.chance(0.4)) {
    return k.node('LayerNormalization', [x, k.weight([d]), w.random.chance(0.5) ? k.weight([d]) : null], x.dims, {
      axis: -1,
    });
  }
  const centred = w.random.chance(0.5) ? k.binary('Sub', x, k.reduce('Mean', x, [last])) : x;
  const square = w.random.chance(0.5) ? k.binary('Mul', centred, centred) : k.binary('Pow', centred, k.scalar(2));
  const variance = k.reduce('Mean', square, [last]);
  const epsilon = k.scalar(w.faulty && w.random.chance(0.4) ? 0 : 1e-5);
  const scale = k.unary('Sqrt', k.binary('Add', variance, epsilon));
  const normed = w.random.chance(0.5)
    ? k.binary('Div', centred, scale)
    : k.binary('Mul', centred, k.unary('Reciprocal', scale));
  return k.binary('Mul', normed, k.weight([d]));
}

/** A row of zeros into a norm. */
const zeroRow: Block = (w, x) => {
  const own = rows(w);
  const { sketch: k } = w;
  const zeros = new Array<number>(w.hidden).fill(0);
  return own.back(norm(w, k.binary('Mul', own.go(x), own.go(w.planted(1, zeros)))));
};

const nanInInput: Block = (w, x) => {
  const own = layout(w);
  return own.back(w.sketch.binary(w.random.pick(['Add', 'Mul']), own.go(x), own.go(w.planted(1, NaN))));
};

/** A table with a NaN row, looked up by ids: only tokens with that id are hit. */
const nanRow: Block = (w, x) => {
  const { sketch: k } = w;
  if (!w.ids) return x;
  const table = Array.from({ length: 8 * w.hidden }, () => k.number());
  if (w.faulty) table[w.random.int(0, 7) * w.hidden + w.random.int(0, w.hidden - 1)] = NaN;
  return k.binary('Add', x, k.gather(k.weight([8, w.hidden], table), w.ids, 0));
};

/** Learned positions with a NaN row, sliced or gathered by number. */
const nanPosition: Block = (w, x) => {
  const { sketch: k } = w;
  const { tokens } = w.sizes;
  const table = Array.from({ length: (tokens + 2) * w.hidden }, () => k.number());
  if (w.faulty) table[w.random.int(0, tokens - 1) * w.hidden + w.random.int(0, w.hidden - 1)] = NaN;
  const weight = k.weight([tokens + 2, w.hidden], table);
  const rowsOf = w.random.chance(0.5)
    ? k.slice(weight, 0, 0, tokens)
    : k.gather(weight, k.ints(Array.from({ length: tokens }, (_, i) => i)), 0);
  k.say(rowsOf, ['q', '.']);
  return k.binary('Add', x, rowsOf);
};

/** NaN in a weight that everything meets: left on a side branch, where it drowns nothing else. */
const nanWeight: Block = (w, x) => {
  const { sketch: k } = w;
  const data = Array.from({ length: w.hidden }, () => k.number());
  if (w.faulty) data[w.random.int(0, w.hidden - 1)] = NaN;
  const own = rows(w);
  const op = w.random.pick(['Add', 'Mul', 'Div', 'Sub', 'MatMul', 'Where']);
  const at = own.go(x);
  let out: Val;
  if (op === 'MatMul')
    out = k.matmul(
      at,
      k.weight(
        [w.hidden, 2],
        data.flatMap((v) => [v, 1]),
      ),
    );
  else if (op === 'Where') {
    // Of a branch that is NaN and not chosen the product cannot tell that it was not read: it holds none here.
    const tidy = k.where(k.unary('IsNaN', at, 'bool'), k.scalar(1), at);
    const chosen = k.binary(w.random.pick(['Greater', 'Less']), tidy, k.scalar(0.5), 'bool');
    out = w.random.chance(0.5)
      ? k.where(chosen, k.weight([w.hidden], data), tidy)
      : k.where(chosen, tidy, k.weight([w.hidden], data));
  } else out = k.binary(op, at, k.weight([w.hidden], data));
  w.side.push(out);
  return x;
};

/** Overflow by size alone. */
const overflow: Block = (w, x) => {
  const own = layout(w);
  const { sketch: k } = w;
  const big = k.binary('Mul', own.go(x), own.go(w.planted(1, 3e38)));
  const bigger = k.binary('Mul', big, big);
  return own.back(w.faulty && w.random.chance(0.5) ? k.binary('Div', bigger, bigger) : k.binary('Sub', bigger, bigger));
};

export const faults: readonly Block[] = [
  zeroTimesInf,
  infMinusInf,
  division,
  ofNegative,
  inRow,
  inRow,
  zeroRow,
  nanInInput,
  nanRow,
  nanPosition,
  nanWeight,
  overflow,
];

/** Elementwise and row-wise computing without a plan to break. */
export const plain: readonly Block[] = [
  (w, x) => {
    const own = layout(w);
    return own.back(w.tame(own.go(x)));
  },
  (w, x) => {
    const own = rows(w);
    return own.back(w.linear(own.go(x)));
  },
  (w, x) => {
    const own = rows(w);
    return own.back(norm(w, own.go(x)));
  },
  (w, x) => {
    const own = rows(w);
    const { sketch: k } = w;
    const up = w.linear(own.go(x), w.hidden + 2);
    const gate = k.unary('Sigmoid', up);
    return own.back(w.linear(k.binary('Mul', up, gate), w.hidden));
  },
  (w, x) => {
    // A row-wise router: softmax over features, the best two, back by one-hot product.
    const { sketch: k } = w;
    const scores = k.softmax(x);
    const top = k.nodesWith(
      'TopK',
      [scores, k.ints([1])],
      [
        { dims: [...x.dims.slice(0, 2), 1], dtype: 'float32' },
        { dims: [...x.dims.slice(0, 2), 1], dtype: 'int64' },
      ],
      { axis: -1 },
    )[0]!;
    return k.binary('Add', x, k.binary('Mul', w.linear(x), top));
  },
  (w, x) => {
    const { sketch: k } = w;
    const { batch, tokens } = w.sizes;
    const flat = k.reshape(x, [batch * tokens, w.hidden]);
    const out = k.node('Gemm', [flat, k.weight([w.hidden, w.hidden]), k.weight([w.hidden])], flat.dims, {
      transB: w.random.int(0, 1),
    });
    return k.reshape(out, x.dims);
  },
  (w, x) => {
    const { sketch: k } = w;
    const list = [x, w.linear(x), k.weight([w.hidden])];
    return k.node(w.random.pick(['Max', 'Min', 'Sum', 'Mean']), list, x.dims);
  },
  (w, x) => {
    const ops = ['Softplus', 'Relu', 'LeakyRelu', 'Exp', 'Cos', 'Sign', 'Floor', 'Identity'];
    if (w.sketch.opset >= 20) ops.push('Gelu');
    return w.sketch.unary(w.random.pick(ops), w.tame(x));
  },
  (w, x) => {
    // Length of each row, as RMS norms and cosine similarities take it.
    const { sketch: k } = w;
    const length = k.reduce(w.random.pick(['L2', 'L1', 'SumSquare', 'Max', 'Min', 'Prod']), x, [2]);
    const least = w.faulty ? 0 : 1e-3;
    return k.binary('Div', x, k.binary('Max', k.unary('Abs', length), k.scalar(least)));
  },
  (w, x) => {
    const { sketch: k } = w;
    if (k.opset < 23) return x;
    return k.node('RMSNormalization', [x, k.weight([w.hidden])], x.dims, { axis: -1 });
  },
  (w, x) => {
    const { sketch: k } = w;
    const low = k.scalar(-2);
    return k.node('Clip', [x, low, k.scalar(2)], x.dims);
  },
];
