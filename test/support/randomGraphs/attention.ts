/** Attention in plain operators, in the shapes that exporters give it, with masks that can go wrong. */
import type { Val } from './sketch';
import type { World } from './world';

const inf = Infinity;
const lowest = -3.4028234663852886e38;

type Form = 'heads' | 'merged' | 'sequence-first' | 'einsum' | 'grouped' | 'keys-first';
type MaskKind = 'none' | 'add-inf' | 'add-lowest' | 'add-twice' | 'where' | 'where-lowest' | 'product';

export function attention(w: World, x: Val): Val {
  const { sketch: k, sizes } = w;
  const cross = w.memory !== null && w.random.chance(0.6);
  const source = cross ? w.memory! : x;
  const keys = cross ? sizes.memory : sizes.tokens;
  const forms: Form[] = ['heads', 'merged', 'sequence-first', 'grouped'];
  if (k.opset >= 12) forms.push('einsum');
  if (k.opset >= 13) forms.push('keys-first');
  const form = w.random.pick(forms);
  const scale = k.scalar(1 / Math.sqrt(sizes.width));
  let query = k.binary('Mul', w.linear(x), scale);
  if (w.faulty && w.random.chance(0.25)) query = k.binary('Mul', query, w.planted(1, w.random.pick([1e38, inf])));
  const key = w.linear(source);
  const value = w.linear(source);
  const causal = !cross && w.random.chance(0.4);
  const mask = cross ? w.memoryMask : w.mask;
  if (k.opset >= 23 && w.random.chance(0.4)) {
    const attributes = { q_num_heads: sizes.heads, kv_num_heads: sizes.heads };
    const fused = k.node('Attention', [query, key, value], [sizes.batch, sizes.tokens, w.hidden], attributes);
    return k.binary('Add', x, w.linear(k.say(fused, ['s', 'q', '.'])));
  }
  const out = core(w, form, { query, key, value, keys, cross, causal, mask });
  const projected = w.linear(out);
  return w.random.chance(0.7) ? k.binary('Add', x, projected) : projected;
}

interface Parts {
  readonly query: Val;
  readonly key: Val;
  readonly value: Val;
  readonly keys: number;
  readonly cross: boolean;
  readonly causal: boolean;
  readonly mask: Val | null;
}

function core(w: World, form: Form, parts: Parts): Val {
  const { sketch: k, sizes } = w;
  const { batch, tokens, heads, width } = sizes;
  const { keys, cross } = parts;
  const back = (v: Val): Val => k.reshape(k.transpose(v, [0, 2, 1, 3]), [batch, tokens, w.hidden]);
  const apart = (v: Val, length: number): Val => k.reshape(v, [batch, length, heads, width]);
  if (form === 'sequence-first' || form === 'merged') {
    const flat = (v: Val, length: number): Val =>
      form === 'merged'
        ? k.reshape(k.transpose(apart(v, length), [0, 2, 1, 3]), [batch * heads, length, width])
        : k.transpose(k.reshape(k.transpose(v, [1, 0, 2]), [length, batch * heads, width]), [1, 0, 2]);
    const q = flat(parts.query, tokens);
    const scores = k.matmul(q, k.transpose(flat(parts.key, keys), [0, 2, 1]));
    const masked = applyMask(w, scores, parts, (mask) =>
      mask.dims[0] === 1
        ? k.squeeze(mask, [0])
        : k.reshape(k.expand(mask, [batch, heads, mask.dims[2]!, keys]), [batch * heads, mask.dims[2]!, keys]),
    );
    const read = k.matmul(soft(w, masked), flat(parts.value, keys));
    if (form === 'merged') return back(k.reshape(read, [batch, heads, tokens, width]));
    return k.transpose(k.reshape(k.transpose(read, [1, 0, 2]), [tokens, batch, w.hidden]), [1, 0, 2]);
  }
  if (form === 'einsum') {
    const scores = k.einsum('bqhd,bkhd->bhqk', apart(parts.query, tokens), apart(parts.key, keys));
    const masked = applyMask(w, scores, parts, (mask) => mask);
    return k.reshape(k.einsum('bhqk,bkhd->bqhd', soft(w, masked), apart(parts.value, keys)), [batch, tokens, w.hidden]);
  }
  const q = k.transpose(apart(parts.query, tokens), [0, 2, 1, 3]);
  if (form === 'keys-first') {
    // K·Qᵀ: the softmax runs over rows; the mask is laid the other way as well.
    const kk = k.transpose(apart(parts.key, keys), [0, 2, 1, 3]);
    const scores = k.matmul(kk, k.transpose(q, [0, 1, 3, 2]));
    k.say(scores, ['s', '.', cross ? 'km' : 'k', 'q']);
    const masked = applyMask(w, scores, parts, (mask) => k.transpose(mask, [0, 1, 3, 2]), true);
    const probabilities = k.softmax(masked, -2);
    const v = k.transpose(apart(parts.value, keys), [0, 2, 3, 1]);
    // [b, h, d, k] × [b, h, k, q]
    const read = k.matmul(v, probabilities);
    return back(k.transpose(read, [0, 1, 3, 2]));
  }
  const repeat = (v: Val): Val => {
    // One group of keys and values for all heads.
    const one = k.unsqueeze(k.slice(v, 2, 0, width), [1]);
    const way = w.random.int(0, 2);
    if (way === 0) return k.expand(one, [batch, heads, keys, width]);
    if (way === 1) return k.node('Tile', [one, k.ints([1, heads, 1, 1])], [batch, heads, keys, width]);
    return k.concat(
      Array.from({ length: heads }, () => one),
      1,
    );
  };
  const spread = (v: Val): Val => (form === 'grouped' ? repeat(v) : k.transpose(apart(v, keys), [0, 2, 1, 3]));
  const scores = k.matmul(q, k.transpose(spread(parts.key), [0, 1, 3, 2]));
  const masked = applyMask(w, scores, parts, (mask) => mask);
  return back(k.matmul(soft(w, masked), spread(parts.value)));
}

/** Softmax over the keys, now and then a safe one. */
function soft(w: World, scores: Val): Val {
  const { sketch: k } = w;
  const probabilities = k.softmax(scores);
  if (!w.random.chance(0.2)) return probabilities;
  return k.where(k.unary('IsNaN', probabilities, 'bool'), k.scalar(0), probabilities);
}

/** @param lay brings a mask of [batch or 1, 1, queries or 1, keys] into the shape of the scores. */
function applyMask(w: World, scores: Val, parts: Parts, lay: (mask: Val) => Val, keysFirst = false): Val {
  const { sketch: k, sizes } = w;
  const { tokens } = sizes;
  const { keys, cross, mask, causal } = parts;
  const kind = w.random.pick<MaskKind>(
    w.faulty
      ? ['none', 'add-inf', 'add-inf', 'add-lowest', 'add-twice', 'where', 'where', 'where-lowest', 'product']
      : ['none', 'add-inf', 'add-lowest', 'where', 'where-lowest'],
  );
  if (kind === 'none' || (!mask && !causal)) return scores;
  const fill = kind === 'add-lowest' || kind === 'where-lowest' || kind === 'add-twice' ? lowest : -inf;
  const keyRole = cross ? 'km' : 'k';
  const open = mask ? k.unsqueeze(mask, [1, 2]) : null;
  const triangle = Array.from({ length: tokens * keys }, (_, i) => (i % keys <= Math.floor(i / keys) ? 1 : 0));
  const square = [1, 1, tokens, keys];
  const roles = ['.', '.', 'q', keyRole] as const;
  if (kind.startsWith('where')) {
    let keep = open ? k.cast(open, 'bool') : null;
    if (causal) {
      const lower = k.say(k.bools(triangle, square), roles);
      keep = keep ? k.binary('And', keep, lower, 'bool') : lower;
    }
    if (!keep) return scores;
    const laid = lay(keep);
    return w.random.chance(0.5)
      ? k.where(laid, scores, k.scalar(fill))
      : k.where(k.unary('Not', laid, 'bool'), k.scalar(fill), scores);
  }
  const steps: Val[] = [];
  if (open) {
    if (kind === 'product') {
      // (1 − mask) · −inf: 0 · −inf wherever nothing is masked.
      steps.push(k.binary('Mul', k.binary('Sub', k.scalar(1), k.cast(open, 'float32')), k.scalar(-inf)));
    } else steps.push(k.where(k.cast(open, 'bool'), k.scalar(0), k.scalar(fill)));
  }
  if (causal) {
    const data = triangle.map((one) => (one === 1 ? 0 : fill));
    steps.push(k.say(k.weight(square, data), roles));
  }
  if (steps.length === 2 && w.random.chance(0.5)) {
    const together = k.binary('Add', steps[1]!, steps[0]!);
    return add(together);
  }
  return steps.reduce((_, step) => add(step), scores);

  function add(step: Val): Val {
    const laid = lay(step);
    scores = w.random.chance(0.8) ? k.binary('Add', scores, laid) : k.binary('Add', laid, scores);
    if (keysFirst) k.say(scores, ['s', '.', keyRole, 'q']);
    return scores;
  }
}
