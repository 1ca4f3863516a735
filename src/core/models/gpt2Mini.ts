/**
 * A small GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each sublayer, one product for queries,
 * keys and values, GELU in its tanh form, and the embedding's table as the head. Left out: dropout and the cache.
 *
 * Names follow `modeling_gpt2`. Its `Conv1D` flattens batch and sequence, multiplies and restores them, as here.
 */
import type { ModelProto } from 'onnx-buf';
import { attend, fromHeads, opsetOf, toHeads } from './attention';
import {
  builtinMetadata,
  builtinVocabulary,
  commonConfig,
  commonSpecs,
  fanIn,
  intoResidual,
  mustDivide,
} from './definition';
import type { CommonConfig, Definition } from './definition';
import { GraphBuilder } from './graphBuilder';
import type { Value } from './graphBuilder';
import {
  add,
  biasStd,
  concat,
  embedding,
  gatherAxis0,
  geluTanh,
  layerNorm,
  reshape,
  splitLast,
  transpose,
} from './layers';
import { causalAndPadding, positionIds, sharedMask, steps } from './masks';

interface Gpt2Config extends CommonConfig {
  /** `counted`: from each sample's first real token; `arange`: from the left edge, wrong under left padding. */
  readonly positions: 'counted' | 'arange';
}

const id = 'gpt2-mini';
const epsilon = 1e-5;
/** Rows of the position table: longer sequences have no position. */
const maxPositions = 1024;

export const gpt2Mini: Definition = {
  id,
  title: 'GPT-2 mini',
  description: `Small GPT-2 decoder: learned positions (at most ${String(maxPositions)}), LayerNorm, fused query, key and value, GELU.`,
  specs: commonSpecs(4, [{ name: 'positions', kind: 'choice', default: 'counted', choices: ['counted', 'arange'] }]),
  check: (values) => {
    mustDivide(id, values, 'heads', 'hidden');
  },
  parameters: (values) => parameters(configOf(values)),
  build: (values, uri) => build(configOf(values), uri),
};

const configOf = (values: Parameters<Definition['parameters']>[0]): Gpt2Config => ({
  ...commonConfig(values),
  positions: values.get('positions') === 'arange' ? 'arange' : 'counted',
});

function parameters({ layers, hidden }: Gpt2Config): number {
  const attention = hidden * 3 * hidden + 3 * hidden + hidden * hidden + hidden;
  const mlp = hidden * 4 * hidden + 4 * hidden + 4 * hidden * hidden + hidden;
  return layers * (attention + mlp + 4 * hidden) + (builtinVocabulary + maxPositions) * hidden + 2 * hidden;
}

/** Inputs `input_ids` and `attention_mask` (1 real, 0 pad), int64 [batch, sequence]; output `logits`. */
function build(config: Gpt2Config, uri: string): ModelProto {
  const g = new GraphBuilder(config.seed, opsetOf(config.attention));
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  const { states, table } = g.inModule('transformer', () => decoder(g, config, ids, mask));
  const logits = g.inModule('lm_head', () =>
    g.node('MatMul', [states, transpose(g, table, [1, 0])], { outputName: 'logits' }),
  );
  g.output(logits, ['batch', 'sequence', builtinVocabulary]);
  return g.build({
    name: id,
    doc: 'A small GPT-2 decoder with seeded random weights, made by NaNoscope.',
    metadata: builtinMetadata(uri),
  });
}

function decoder(g: GraphBuilder, config: Gpt2Config, ids: Value, attentionMask: Value) {
  const { hidden, layers, attention } = config;
  const table = g.inModule('wte', () => g.weight('weight', [builtinVocabulary, hidden], 0.1));
  const positions = config.positions === 'counted' ? positionIds(g, attentionMask) : steps(g, attentionMask);
  const tokens = g.inModule('wte', () => gatherAxis0(g, table, ids));
  let states = add(g, tokens, embedding(g, 'wpe', positions, { vocabulary: maxPositions, width: hidden, std: 0.05 }));
  const mask = sharedMask(g, attention, causalAndPadding(g, attentionMask));
  for (let layer = 0; layer < layers; layer++) {
    states = g.inModule(`h.${String(layer)}`, () => decoderLayer(g, config, states, mask));
  }
  return { states: layerNorm(g, 'ln_f', states, hidden, epsilon), table };
}

function decoderLayer(g: GraphBuilder, config: Gpt2Config, states: Value, mask: Value): Value {
  const { hidden, layers } = config;
  const normed = layerNorm(g, 'ln_1', states, hidden, epsilon);
  const middle = add(
    g,
    g.inModule('attn', () => selfAttention(g, config, normed, mask)),
    states,
  );
  const normedAgain = layerNorm(g, 'ln_2', middle, hidden, epsilon);
  const out = g.inModule('mlp', () => {
    const wide = conv1d(g, 'c_fc', normedAgain, fanIn(hidden, 4 * hidden));
    const active = g.inModule('act', () => geluTanh(g, wide));
    return conv1d(g, 'c_proj', active, intoResidual(4 * hidden, hidden, 2 * layers));
  });
  return add(g, middle, out);
}

function selfAttention(g: GraphBuilder, config: Gpt2Config, x: Value, mask: Value): Value {
  const { hidden, heads, layers, attention } = config;
  const width = hidden / heads;
  const fused = conv1d(g, 'c_attn', x, fanIn(hidden, 3 * hidden));
  const [queries, keys, values] = splitLast(g, fused, [hidden, hidden, hidden]).map((part) =>
    toHeads(g, part, heads, width),
  );
  if (queries === undefined || keys === undefined || values === undefined) {
    throw new Error('expected three parts');
  }
  const mixed = attend(g, { kind: attention, scale: 1 / Math.sqrt(width) }, queries, keys, values, mask);
  return conv1d(g, 'c_proj', fromHeads(g, mixed, hidden), intoResidual(hidden, hidden, 2 * layers));
}

/** x·W + b over the rows of a flattened x. Weights: `<name>.weight` [inputs, outputs], `<name>.bias`. */
function conv1d(
  g: GraphBuilder,
  name: string,
  x: Value,
  { inputs, outputs, std }: { readonly inputs: number; readonly outputs: number; readonly std: number },
): Value {
  return g.inModule(name, () => {
    const leading = g.node('Slice', [g.node('Shape', [x], { dtype: 'int64' }), g.ints(0), g.ints(2), g.ints(0)]);
    const rows = reshape(g, x, -1, inputs);
    const weights = [g.weight('weight', [inputs, outputs], std), g.weight('bias', [outputs], biasStd)];
    const flat = g.node('Gemm', [rows, ...weights]);
    const out = g.node('Reshape', [flat, concat(g, [leading, g.ints(outputs)], 0)]);
    g.describe(out, ['batch', 'sequence', outputs]);
    return out;
  });
}
