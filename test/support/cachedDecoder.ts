/**
 * A small decoder with a cache of keys and values, as exporters write one: the past comes in, is joined with the new
 * keys and values, and goes out again. Masks choose with Where, so that a row without any key is NaN.
 */
import type { ModelProto } from 'onnx-buf';
import { builtinOpset, fusedOpset, GraphBuilder } from '../../src/core/models/graphBuilder';
import type { Value } from '../../src/core/models/graphBuilder';
import {
  add,
  cast,
  concat,
  embedding,
  linear,
  matmul,
  reshape,
  softmax,
  transpose,
  unsqueeze,
} from '../../src/core/models/layers';
import type { TensorData } from '../../src/core/tensor';
import { f32, i64 } from './tinyAttention';

/** Where the cached positions stand: `[batch, heads, past, width]` or `[batch, past, heads, width]`. */
export type CacheLayout = 'heads-first' | 'positions-first';

export interface CachedDecoder {
  readonly layers?: number;
  readonly layout?: CacheLayout;
  /** `add`: −∞ is added to masked scores. */
  readonly mask?: 'where' | 'add';
  /** One operator for all of it, which puts the past before the new keys and values itself; heads first. */
  readonly fused?: boolean;
  /** What the mask input tells of: all positions, or the new tokens alone, all of the past being real. */
  readonly maskOf?: 'all' | 'new';
  /** Sizes that are fixed in the graph; open ones where there are none. */
  readonly fixed?: { readonly past: number; readonly tokens: number };
  /** Names of the inputs that hold the past, without `.key` and `.value`. */
  readonly past?: (layer: number) => string;
}

const heads = 2;
const width = 4;
const hidden = heads * width;
const vocabulary = 16;
const std = 0.3;

export const pastName = (layer: number): string => `past_key_values.${String(layer)}`;

export function cachedDecoder(options: CachedDecoder = {}): ModelProto {
  const {
    layers = 1,
    layout = 'heads-first',
    mask = 'where',
    maskOf = 'all',
    past = pastName,
    fixed,
    fused = false,
  } = options;
  const g = new GraphBuilder(1, fused ? fusedOpset : builtinOpset);
  const sequence = fixed?.tokens ?? 'sequence';
  const before = fixed?.past ?? 'past';
  const total = fixed ? fixed.past + fixed.tokens : 'total';
  const ids = g.input('input_ids', 'int64', ['batch', sequence]);
  const attention = g.input('attention_mask', 'int64', ['batch', maskOf === 'all' ? total : sequence]);
  const dims = (positions: number | string): (number | string)[] =>
    layout === 'heads-first' ? ['batch', heads, positions, width] : ['batch', positions, heads, width];
  const cacheDims = dims(before);
  const presentDims = dims(total);
  const caches = Array.from({ length: layers }, (_, layer) => ({
    key: g.input(`${past(layer)}.key`, 'float32', cacheDims),
    value: g.input(`${past(layer)}.value`, 'float32', cacheDims),
  }));
  const logits = g.inModule('model', () => {
    const allowed = g.inModule('mask', () =>
      allowedKeys(
        g,
        ids,
        attention,
        maskOf === 'all' ? null : { cache: caches[0]?.key ?? ids, axis: layout === 'heads-first' ? 2 : 1 },
      ),
    );
    let states = embedding(g, 'embed_tokens', ids, { vocabulary, width: hidden, std: 1 });
    for (const [layer, cache] of caches.entries()) {
      const attended = g.inModule(`layers.${String(layer)}`, () =>
        g.inModule('self_attn', () => attend(g, states, cache, allowed, { layout, mask, fused, layer, presentDims })),
      );
      states = g.inModule(`layers.${String(layer)}`, () => add(g, states, attended));
    }
    return linear(g, 'lm_head', states, { inputs: hidden, outputs: vocabulary, std }, 'logits');
  });
  g.output(logits, ['batch', sequence, vocabulary]);
  return g.build({ name: 'cached-decoder', doc: '', metadata: {} });
}

/** bool [batch, 1, queries, keys]: new token i is position past + i, and sees what is real up to itself. */
function allowedKeys(
  g: GraphBuilder,
  ids: Value,
  attention: Value,
  behind: { readonly cache: Value; readonly axis: number } | null,
): Value {
  const size = (value: Value, axis = 1): Value =>
    g.node('Gather', [g.node('Shape', [value], { dtype: 'int64' }), g.constant('int64', [], [axis])], {
      attributes: { axis: 0 },
    });
  let flags = cast(g, attention, 'float32');
  if (behind) {
    const before = unsqueeze(g, size(behind.cache, behind.axis), 0);
    flags = g.node('Pad', [flags, concat(g, [g.ints(0), before, g.ints(0, 0)], 0), g.scalar(1)]);
  }
  const total = size(flags);
  const past = g.node('Sub', [total, size(ids)]);
  const one = g.constant('int64', [], [1]);
  const keys = g.node('Range', [g.constant('int64', [], [0]), total, one]);
  const queries = g.node('Range', [past, total, one]);
  const causal = g.node('LessOrEqual', [unsqueeze(g, keys, 0), unsqueeze(g, queries, 1)]);
  const real = unsqueeze(g, cast(g, flags, 'bool'), 1, 2);
  return g.node('And', [causal, real]);
}

interface Attending {
  readonly layout: CacheLayout;
  readonly mask: 'where' | 'add';
  readonly fused: boolean;
  readonly layer: number;
  readonly presentDims: readonly (number | string)[];
}

function attend(
  g: GraphBuilder,
  x: Value,
  cache: { readonly key: Value; readonly value: Value },
  allowed: Value,
  { layout, mask, fused, layer, presentDims }: Attending,
): Value {
  const project = (name: string): Value => linear(g, name, x, { inputs: hidden, outputs: hidden, std });
  const apart = (value: Value): Value => reshape(g, value, 0, 0, heads, width);
  const headsFirst = (value: Value): Value => transpose(g, value, [0, 2, 1, 3]);
  const joined = (before: Value, name: string, what: string): Value => {
    const own = apart(project(name));
    const present = g.node('Concat', [before, layout === 'heads-first' ? headsFirst(own) : own], {
      attributes: { axis: layout === 'heads-first' ? 2 : 1 },
      outputName: `present.${String(layer)}.${what}`,
    });
    g.output(present, presentDims);
    return layout === 'heads-first' ? present : headsFirst(present);
  };
  const queries = headsFirst(apart(project('q_proj')));
  const out = (mixed: Value): Value =>
    linear(g, 'o_proj', reshape(g, transpose(g, mixed, [0, 2, 1, 3]), 0, 0, hidden), {
      inputs: hidden,
      outputs: hidden,
      std,
    });
  if (fused) {
    const own = ['k_proj', 'v_proj'].map((name) => headsFirst(apart(project(name))));
    const bias = g.node('Where', [allowed, g.scalar(0), g.scalar(-Infinity)]);
    const made = g.nodeWithOutputs(
      'Attention',
      [queries, ...own, bias, cache.key, cache.value],
      ['float32', 'float32', 'float32'],
      {
        scale: { float: 1 },
      },
    );
    for (const [i, what] of ['key', 'value'].entries()) {
      const present = made[i + 1];
      if (!present) throw new Error('no present');
      g.output(g.node('Identity', [present], { outputName: `present.${String(layer)}.${what}` }), presentDims);
    }
    return out(made[0] ?? queries);
  }
  const keys = joined(cache.key, 'k_proj', 'key');
  const values = joined(cache.value, 'v_proj', 'value');
  const scores = matmul(g, queries, transpose(g, keys, [0, 1, 3, 2]));
  const masked =
    mask === 'where'
      ? g.node('Where', [allowed, scores, g.scalar(-Infinity)])
      : add(g, scores, g.node('Where', [allowed, g.scalar(0), g.scalar(-Infinity)]));
  const mixed = matmul(g, softmax(g, masked), values);
  return out(mixed);
}

export interface Step {
  /** `p` and `r` per position, past and new tokens. */
  readonly roles: readonly string[];
  /** How many of the positions are new. */
  readonly tokens: number;
  readonly layers?: number;
  readonly layout?: CacheLayout;
}

/** Inputs of one step whose past holds small numbers. */
export function stepInputs({ roles, tokens, layers = 1, layout = 'heads-first' }: Step): Record<string, TensorData> {
  const samples = roles.length;
  const total = roles[0]?.length ?? 0;
  const past = total - tokens;
  const dims = layout === 'heads-first' ? [samples, heads, past, width] : [samples, past, heads, width];
  const cache = (seed: number): TensorData =>
    f32(
      dims,
      Array.from({ length: samples * heads * past * width }, (_, i) => Math.sin(seed + 0.7 * i)),
    );
  return {
    input_ids: i64(
      [samples, tokens],
      Array.from({ length: samples * tokens }, (_, i) => 1 + (i % (vocabulary - 1))),
    ),
    attention_mask: i64(
      [samples, total],
      roles.flatMap((own) => Array.from(own, (role) => (role === 'r' ? 1 : 0))),
    ),
    ...Object.fromEntries(
      Array.from({ length: layers }, (_, layer) => layer).flatMap((layer) => [
        [`${pastName(layer)}.key`, cache(layer)] as const,
        [`${pastName(layer)}.value`, cache(layer + 0.5)] as const,
      ]),
    ),
  };
}

/** The same with NaN at one position of a past tensor, in every head. */
export function withNaNAt(
  tensor: TensorData | undefined,
  layout: CacheLayout,
  sample: number,
  position: number,
): TensorData {
  if (!tensor) throw new Error('no such past');
  const { dims } = tensor;
  const data = Float32Array.from(tensor.data as Float32Array);
  for (let head = 0; head < heads; head += 1) {
    const at =
      layout === 'heads-first'
        ? ((sample * heads + head) * (dims[2] ?? 0) + position) * width
        : ((sample * (dims[1] ?? 0) + position) * heads + head) * width;
    data[at] = NaN;
  }
  return { ...tensor, data };
}
