/** Blocks that move, mix or pick positions and samples: what makes following them hard. */
import type { Block } from './faults';
import type { Val } from './sketch';
import type { World } from './world';

const inf = Infinity;

/** A block of its own with a fault inside: log of a number that is negative at the planted places. */
function signed(w: World, x: Val): Val {
  const { sketch: k } = w;
  return k.binary('Mul', k.binary('Add', k.unary('Abs', x), k.scalar(1)), w.planted(1, -1));
}
const fragile = (w: World, x: Val): Val => w.sketch.unary(w.random.pick(['Log', 'Sqrt']), x);

/** The same with rows of one number, infinite where planted. */
const spiked = (w: World, x: Val, special: number | number[] = inf): Val =>
  w.sketch.binary('Add', x, w.planted(0, special));

/** Each token meets the one before it, as in token-shift layers. */
const shift: Block = (w, x) => {
  const { sketch: k } = w;
  const { batch, tokens } = w.sizes;
  const source = w.random.chance(0.7) ? spiked(w, x) : fragile(w, signed(w, x));
  let before: Val;
  if (w.random.chance(0.5)) {
    const zeros = k.weight([batch, 1, w.hidden], new Array<number>(batch * w.hidden).fill(0));
    before = k.concat([zeros, k.slice(source, 1, 0, tokens - 1)], 1);
  } else {
    const padded = k.node('Pad', [source, k.ints([0, 1, 0, 0, 0, 0])], [batch, tokens + 1, w.hidden], {});
    before = k.slice(padded, 1, 0, tokens);
  }
  return k.binary(w.random.pick(['Sub', 'Add', 'Mul']), source, before);
};

/** Positions turned around, worked on, turned back. */
const reversed: Block = (w, x) => {
  const { sketch: k } = w;
  const { tokens } = w.sizes;
  const turn = (v: Val): Val =>
    w.random.chance(0.5)
      ? k.slice(v, 1, tokens - 1, -1, -1)
      : k.gather(v, k.ints(Array.from({ length: tokens }, (_, i) => tokens - 1 - i)), 1);
  const worked = fragile(w, turn(signed(w, x)));
  if (w.random.chance(0.5)) return turn(worked);
  return k.binary('Sub', spiked(w, x), w.random.chance(0.5) ? turn(spiked(w, x)) : worked);
};

/** Samples in another order (a beam search), worked on, put back; or subtracted from the ones they left. */
const reordered: Block = (w, x) => {
  const { sketch: k } = w;
  const order = w.random.shuffled(Array.from({ length: w.sizes.batch }, (_, i) => i));
  const moved = k.gather(signed(w, x), k.ints(order), 0);
  const worked = fragile(w, moved);
  if (w.random.chance(0.6)) return k.gather(worked, k.ints(order.map((_, i) => order.indexOf(i))), 0);
  const high = spiked(w, x);
  return k.binary('Sub', high, k.gather(high, k.ints(order), 0));
};

/** A class token in front: it belongs to its sample and to no position. */
const classToken: Block = (w, x) => {
  const { sketch: k } = w;
  const { batch, tokens } = w.sizes;
  const data = Array.from({ length: w.hidden }, () => k.number());
  if (w.faulty && w.random.chance(0.3)) data[0] = w.random.pick([NaN, -inf]);
  const token = k.say(k.expand(k.weight([1, 1, w.hidden], data), [batch, 1, w.hidden]), ['s', '.', '.']);
  const long = k.concat([token, x], 1);
  let worked = w.random.chance(0.5) ? k.softmax(long) : k.unary('Tanh', long);
  if (w.random.chance(0.4)) worked = k.binary('Add', worked, k.reduce('Mean', worked, [1]));
  if (w.random.chance(0.5)) w.side.push(k.say(k.gather(worked, k.ints([0], []), 1), ['s', '.']));
  return k.slice(worked, 1, 1, tokens + 1);
};

/** Running sums over positions, forward and backward. */
const cumulative: Block = (w, x) => {
  const { sketch: k } = w;
  const source = w.random.chance(0.6) ? spiked(w, spiked(w, x), -inf) : fragile(w, signed(w, x));
  const axis = w.random.pick([1, -2]);
  const sum = k.node('CumSum', [source, k.ints([axis], [])], x.dims, {
    exclusive: w.random.int(0, 1),
    reverse: w.random.int(0, 1),
  });
  return w.random.chance(0.5) ? k.binary('Add', x, w.tame(sum)) : w.tame(sum);
};

/** Mean over positions, plain or of the real tokens only (an empty sample divides 0 by 0), given back to all. */
const pooled: Block = (w, x) => {
  const { sketch: k } = w;
  const { mask } = w;
  let mean: Val;
  if (mask && w.random.chance(0.6)) {
    const weight = k.unsqueeze(k.cast(mask, 'float32'), [2]);
    mean = k.binary('Div', k.reduce('Sum', k.binary('Mul', x, weight), [1]), k.reduce('Sum', weight, [1]));
  } else {
    mean = k.reduce(
      w.random.pick(['Mean', 'Sum', 'Max']),
      w.random.chance(0.5) ? x : spiked(w, spiked(w, x), -inf),
      [1],
    );
  }
  if (w.random.chance(0.5)) return k.binary('Add', x, mean);
  w.side.push(w.random.chance(0.5) ? k.squeeze(mean, [1]) : mean);
  return x;
};

/** What one position of all samples is on average: no sample of its own. */
const batchMean: Block = (w, x) => {
  if (w.sizes.batch === 1) return x;
  const { sketch: k } = w;
  const source = w.random.chance(0.5) ? x : fragile(w, signed(w, x));
  return k.binary('Sub', x, k.reduce('Mean', source, [0]));
};

/** The last token of each sample as a vector; the vectors against each other. */
const lastToken: Block = (w, x) => {
  const { sketch: k } = w;
  const { tokens, batch } = w.sizes;
  const source = w.random.chance(0.5) ? x : spiked(w, x);
  const vector = w.random.chance(0.5)
    ? k.gather(source, k.ints([w.random.pick([tokens - 1, -1])], []), 1)
    : k.squeeze(k.slice(source, 1, tokens - 1, tokens), [1]);
  k.say(vector, ['s', '.']);
  const own = k.binary('Sub', vector, w.random.chance(0.5) ? vector : k.reduce('Mean', vector, [1]));
  if (w.random.chance(0.4) && batch > 1) w.side.push(k.matmul(own, k.transpose(own, [1, 0])));
  else w.side.push(own);
  return w.random.chance(0.3) ? k.binary('Add', x, k.unsqueeze(own, [1])) : x;
};

/** Tokens handed to an expert by number and put back where they came from. */
const routed: Block = (w, x) => {
  const { sketch: k } = w;
  const { batch, tokens } = w.sizes;
  const all = batch * tokens;
  const source = signed(w, x);
  const flat = k.reshape(source, [all, w.hidden]);
  const chosen = w.random.shuffled(Array.from({ length: all }, (_, i) => i)).slice(0, w.random.int(1, all));
  const pairs = chosen.flatMap((row) => [Math.floor(row / tokens), row % tokens]);
  const byPair = w.random.chance(0.3);
  const taken = byPair
    ? k.node('GatherND', [source, k.ints(pairs, [chosen.length, 2])], [chosen.length, w.hidden])
    : k.gather(flat, k.ints(chosen), 0);
  const worked = w.linear(fragile(w, taken));
  const zeros = w.random.chance(0.5);
  const into = zeros ? k.weight([all, w.hidden], new Array<number>(all * w.hidden).fill(0)) : flat;
  let back: Val;
  if (w.random.chance(0.6)) {
    const adds = k.opset >= 16 && w.random.chance(0.3) ? { reduction: 'add' } : {};
    back = k.node('ScatterND', [into, k.ints(chosen, [chosen.length, 1]), worked], [all, w.hidden], adds);
  } else {
    const index = k.ints(
      chosen.flatMap((row) => new Array<number>(w.hidden).fill(row)),
      [chosen.length, w.hidden],
    );
    back = k.node('ScatterElements', [into, index, worked], [all, w.hidden], { axis: 0 });
  }
  k.sayAt(back, ([row = 0]) => ({ s: Math.floor(row / tokens), q: row % tokens }));
  return k.binary('Add', x, k.reshape(back, [batch, tokens, w.hidden]));
};

/** Features in parts: each worked on by itself, laid together again in another order. */
const parts: Block = (w, x) => {
  const { sketch: k } = w;
  const first = w.random.int(1, w.hidden - 1);
  const list = w.random.chance(0.5)
    ? k.split(signed(w, x), 2, [first, w.hidden - first])
    : ((v: Val) => [k.slice(v, 2, 0, first), k.slice(v, 2, first, w.hidden)])(signed(w, x));
  return k.concat([fragile(w, list[1]!), k.unary('Neg', list[0]!)], 2);
};

/** Positions in two pieces, one of them worked on. */
const pieces: Block = (w, x) => {
  const { sketch: k } = w;
  const { tokens } = w.sizes;
  const first = w.random.int(1, tokens - 1);
  const source = signed(w, x);
  const list = w.random.chance(0.5)
    ? k.split(source, 1, [first, tokens - first])
    : [k.slice(source, 1, 0, first), k.slice(source, 1, first, tokens)];
  const sick = w.random.int(0, 1);
  const worked = list.map((part, i) => (i === sick ? fragile(w, part) : part));
  if (w.random.chance(0.3)) w.side.push(k.binary('Sub', worked[sick]!, worked[sick]!));
  return k.concat(worked, 1);
};

/** A safe softmax or a nan_to_num: an explicit test removes NaN in place. */
const guard: Block = (w, x) => {
  const { sketch: k } = w;
  const risky = w.random.chance(0.5) ? fragile(w, signed(w, x)) : k.softmax(spiked(w, x));
  const bad = k.unary('IsNaN', risky, 'bool');
  return w.random.chance(0.7)
    ? k.where(bad, k.scalar(0), risky)
    : k.where(k.unary('Not', bad, 'bool'), risky, k.scalar(0));
};

/** Neighbours mixed by a convolution over positions. */
const convolved: Block = (w, x) => {
  const { sketch: k } = w;
  const source = k.transpose(
    w.random.chance(0.6) ? spiked(w, x, w.random.pick([inf, -inf])) : fragile(w, signed(w, x)),
    [0, 2, 1],
  );
  const made = k.node('Conv', [source, k.weight([w.hidden, 1, 3])], source.dims, {
    group: w.hidden,
    pads: [1, 1],
    kernel_shape: [3],
  });
  k.say(made, ['s', '.', 'q']);
  return k.transpose(made, [0, 2, 1]);
};

/** What some condition of the tokens chooses: the other branch is not read. */
const chosen: Block = (w, x) => {
  const { sketch: k } = w;
  if (!w.mask) return x;
  const real = k.unsqueeze(k.cast(w.mask, 'bool'), [2]);
  const risky = fragile(w, signed(w, x));
  return w.random.chance(0.5) ? k.where(real, risky, x) : k.where(real, x, risky);
};

/** Rotary positions: half of the features turned against the other half. */
const rotary: Block = (w, x) => {
  const { sketch: k } = w;
  const half = Math.floor(w.hidden / 2);
  const source = w.random.chance(0.5) ? spiked(w, x) : x;
  const turned = k.concat([k.unary('Neg', k.slice(source, 2, half, w.hidden)), k.slice(source, 2, 0, half)], 2);
  const angles = Array.from({ length: w.sizes.tokens * w.hidden }, (_, i) => Math.floor(i / w.hidden) / (1 + (i % 3)));
  const table = k.weight([1, w.sizes.tokens, w.hidden], angles);
  return k.binary(
    'Add',
    k.binary('Mul', source, k.unary('Cos', table)),
    k.binary('Mul', turned, k.unary('Sin', table)),
  );
};

/** The part below (or above) the diagonal of what each token is to each other. */
const triangular: Block = (w, x) => {
  const { sketch: k } = w;
  if (k.opset < 14) return x;
  const source = w.random.chance(0.5) ? spiked(w, x) : x;
  const scores = k.matmul(source, k.transpose(w.random.chance(0.5) ? source : x, [0, 2, 1]));
  const kept = k.node('Trilu', [scores], scores.dims, { upper: w.random.int(0, 1) });
  return k.matmul(kept, w.random.chance(0.5) ? source : x);
};

/** A value against itself in one product, as attention without projections has it. */
const itself: Block = (w, x) => {
  const { sketch: k } = w;
  if (k.opset < 12) return x;
  const source = w.random.chance(0.5) ? fragile(w, signed(w, x)) : spiked(w, x);
  const scores = k.einsum('bqd,bkd->bqk', source, source);
  return k.einsum('bqk,bkd->bqd', k.softmax(scores), x);
};

export const moves: readonly Block[] = [
  rotary,
  triangular,
  itself,
  shift,
  reversed,
  reordered,
  classToken,
  cumulative,
  pooled,
  batchMean,
  lastToken,
  routed,
  parts,
  pieces,
  guard,
  convolved,
  chosen,
];
