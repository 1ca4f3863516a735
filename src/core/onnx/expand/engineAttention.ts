/**
 * The engine's own operators (`com.microsoft`): `MultiHeadAttention` and `Attention`, which projects first. Their key
 * masks are filled with a finite number unless `mask_filter_value` says otherwise, so a fully masked row attends to
 * every key as if unmasked.
 */
import type { TensorData } from '../../tensor';
import type { GraphNode } from '../graph';
import { attribute, intAttribute, intsAttribute } from '../graph';
import type { Around, Expansion } from './builder';
import { BodyBuilder, causalMask } from './builder';
import { refuse } from './refusal';
import type { Core } from './softmaxCore';
import { attentionCore, causal } from './softmaxCore';

/** The operators' default `mask_filter_value`. */
const defaultFill = -10000;

/** @throws Refusal */
export function expandMultiHead(node: GraphNode, around: Around): Expansion {
  const names = ['query', 'key', 'value', 'bias', 'key_padding_mask', 'attention_bias'];
  const { has, shape, body, fill, heads } = common(node, around, names);
  if (node.inputs.slice(6).some((input) => input !== '')) refuse('it keeps a cache of keys');
  if (!has(1) || !has(2)) refuse('its queries, keys and values come packed in one tensor');
  const [q, k, v] = [shape(0), shape(1), shape(2)];
  if (q.length !== 3 || k.length !== 3 || v.length !== 3) refuse('its keys come already split into heads');
  const [batch = 1, queries = 1, hidden = 1] = q;
  const keys = k[1] ?? 1;
  const valueHidden = v[2] ?? 1;
  const width = hidden / heads;
  const valueWidth = valueHidden / heads;
  const biased = (value: string, from: number, size: number, label: string): string =>
    has(3) ? body.op('Add', [value, body.slice('bias', 0, from, from + size)], {}, label) : value;
  const keyMask = keyMaskOf(body, { slot: 4, name: 'key_padding_mask', batch, queries, keys, fill }, { has, shape });
  const masks = ordered(body, node, keyMask, queries, keys);
  if (has(5)) masks.push('attention_bias');
  const core: Core = {
    query: body.splitHeads(biased('query', 0, hidden, 'biased_query'), [batch, queries, heads, width]),
    key: body.splitHeads(biased('key', hidden, hidden, 'biased_key'), [batch, keys, heads, width]),
    value: body.splitHeads(biased('value', 2 * hidden, valueHidden, 'biased_value'), [batch, keys, heads, valueWidth]),
    sizes: { batch, heads, keyHeads: heads, queries, keys, width, valueWidth },
    masks,
    scale: scaleOf(node, width),
    split: false,
  };
  return body.body([body.joinHeads(attentionCore(body, core).output, [batch, queries, valueHidden])], core);
}

/** @throws Refusal */
export function expandProjected(node: GraphNode, around: Around): Expansion {
  const names = ['input', 'weights', 'bias', 'mask_index', 'past', 'attention_bias'];
  const { has, shape, body, fill, heads } = common(node, around, names);
  if (node.inputs.slice(4, 5).some((input) => input !== '') || node.inputs.slice(6).some((input) => input !== ''))
    refuse('it keeps a cache of keys');
  if (intAttribute(node, 'do_rotary', 0) !== 0) refuse('it rotates its queries and keys');
  const [batch = 1, queries = 1] = shape(0);
  const columns = shape(1)[1] ?? 0;
  const [hidden = columns / 3, keyHidden = hidden, valueHidden = hidden] =
    intsAttribute(node, 'qkv_hidden_sizes') ?? [];
  if (hidden !== keyHidden || hidden + keyHidden + valueHidden !== columns) refuse('its weights do not fit its heads');
  const projected = body.op('MatMul', ['input', 'weights'], {}, 'projected');
  const all = has(2) ? body.op('Add', [projected, 'bias'], {}, 'biased') : projected;
  const width = hidden / heads;
  const valueWidth = valueHidden / heads;
  const keyMask = keyMaskOf(body, { slot: 3, name: 'mask_index', batch, queries, keys: queries, fill }, { has, shape });
  const masks = ordered(body, node, keyMask, queries, queries);
  if (has(5)) masks.push('attention_bias');
  const core: Core = {
    query: body.splitHeads(body.slice(all, 2, 0, hidden), [batch, queries, heads, width]),
    key: body.splitHeads(body.slice(all, 2, hidden, 2 * hidden), [batch, queries, heads, width]),
    value: body.splitHeads(body.slice(all, 2, 2 * hidden, columns), [batch, queries, heads, valueWidth]),
    sizes: { batch, heads, keyHeads: heads, queries, keys: queries, width, valueWidth },
    masks,
    scale: scaleOf(node, width),
    split: false,
  };
  return body.body([body.joinHeads(attentionCore(body, core).output, [batch, queries, valueHidden])], core);
}

/**
 * The masks alone of `GroupQueryAttention`, whose first step it is: nothing cached yet. It is causal always; keys
 * beyond a sample's own length come later than any query that counts.
 *
 * @throws Refusal
 */
export function groupQueryMasks(node: GraphNode, around: Around): Expansion {
  const names = [...Array.from({ length: 10 }, (_, i) => `input_${String(i)}`), 'attention_bias', 'head_sink'];
  const { has, shape, body, heads } = common(node, around, names, true);
  const [batch = 1, queries = 1] = shape(0);
  if (has(3) && shape(3)[2] !== 0) refuse('it keeps a cache of keys');
  if (intAttribute(node, 'local_window_size', -1) > 0) refuse('it sees a window of keys only');
  const masks = [causal(body, queries, queries, 0)];
  if (has(10)) masks.push('attention_bias');
  const sizes = { batch, heads, keyHeads: heads, queries, keys: queries, width: 1, valueWidth: 1 };
  return body.body([], { masks, sizes });
}

interface Slots {
  readonly has: (slot: number) => boolean;
  readonly shape: (slot: number) => readonly number[];
}

function common(
  node: GraphNode,
  around: Around,
  names: readonly string[],
  cached = false,
): Slots & { readonly body: BodyBuilder; readonly fill: number; readonly heads: number } {
  const heads = intAttribute(node, 'num_heads', 0);
  if (heads <= 0) refuse('it does not say how many heads it has');
  // Results beside the output are caches.
  if (!cached && node.outputs.slice(1).some((output) => output !== '')) refuse('it keeps a cache of keys');
  return {
    heads,
    has: (slot) => (node.inputs[slot] ?? '') !== '',
    shape: (slot) =>
      around.shape(node.inputs[slot] ?? '') ?? refuse(`the shape of its input ${names[slot] ?? ''} is not known`),
    body: new BodyBuilder(names.slice(0, node.inputs.length), around.dtype(node.inputs[0] ?? '') ?? 'float32'),
    fill: attribute(node, 'mask_filter_value')?.f ?? defaultFill,
  };
}

function scaleOf(node: GraphNode, width: number): number {
  const given = attribute(node, 'scale')?.f ?? 0;
  return given === 0 ? 1 / Math.sqrt(width) : given;
}

/** As its CPU kernel counts: query s sees keys up to s, and the last query all of them, however many there are. */
function ownOrder(queries: number, keys: number): TensorData {
  const last = Math.max(0, queries - 1) * keys;
  const open = causalMask(queries, keys, 0).data;
  const data = Uint8Array.from({ length: queries * keys }, (_, i) => (i < last ? Number(open[i]) : 1));
  return { dtype: 'bool', dims: [1, 1, queries, keys], data };
}

interface KeyMask {
  readonly slot: number;
  readonly name: string;
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly fill: number;
}

/**
 * The mask of keys, and order where `unidirectional` asks for it. A key that comes later gets the type's lowest finite
 * number *instead* of what the mask of keys says: a row whose every earlier key is −inf attends to the later ones.
 */
function ordered(body: BodyBuilder, node: GraphNode, keyMask: string | null, queries: number, keys: number): string[] {
  if (intAttribute(node, 'unidirectional', 0) === 0) return keyMask === null ? [] : [keyMask];
  const open = body.constant(ownOrder(queries, keys), 'causal');
  const lowest = body.scalar(body.dtype === 'float16' ? -65504 : -3.4028234663852886e38, 'lowest');
  return [body.op('Where', [open, keyMask ?? body.scalar(0, 'open'), lowest], {}, 'mask')];
}

/** A mask of 1 = may be attended to, as [B, T], [B, S, T] or [B, 1, S, T], or one length per sample. */
function keyMaskOf(body: BodyBuilder, mask: KeyMask, { has, shape }: Slots): string | null {
  if (!has(mask.slot)) return null;
  const own = shape(mask.slot);
  const { batch, queries, keys, name, fill } = mask;
  if (own.length === 1) {
    if (own[0] !== batch) refuse('its mask holds ends and starts of keys');
    const places = body.constant(
      { dtype: 'int32', dims: [1, 1, 1, keys], data: Int32Array.from({ length: keys }, (_, key) => key) },
      'key_places',
    );
    return body.additive(body.op('Less', [places, body.reshape(name, [batch, 1, 1, 1])], {}, 'open'), fill);
  }
  const open = body.op(
    'Greater',
    [name, body.constant({ dtype: 'int32', dims: [], data: Int32Array.of(0) }, 'zero')],
    {},
    'open',
  );
  const spread =
    own.length === 2
      ? [batch, 1, 1, keys]
      : own.length === 3
        ? [batch, 1, own[1] ?? queries, keys]
        : refuse('its mask has an axis for heads');
  return body.additive(body.reshape(open, spread), fill);
}
