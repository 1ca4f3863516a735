/**
 * A small BERT (arXiv 1810.04805): an encoder with learned positions and segments, LayerNorm behind each sublayer,
 * and a mask of padded keys only, so that a row is fully masked only where a sample is empty.
 *
 * Names follow `BertModel` of `modeling_bert`. Weights of linear layers are [inputs, outputs]. Positions count from
 * the left edge, as BERT's do: it wants padding on the right.
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
import { add, biasStd, embedding, geluErf, layerNorm, linearWithBias } from './layers';
import { forQueries, keyPadding, sharedMask } from './masks';

const id = 'bert-mini';
const epsilon = 1e-12;
/** Rows of the position table: longer sequences have no position. */
const maxPositions = 512;
const segments = 2;

export const bertMini: Definition = {
  id,
  title: 'BERT mini',
  description: `Small BERT encoder: key padding mask, segments, learned positions (at most ${String(maxPositions)}), LayerNorm after each sublayer.`,
  specs: commonSpecs(4),
  check: (values) => {
    mustDivide(id, values, 'heads', 'hidden');
  },
  parameters: (values) => parameters(commonConfig(values)),
  build: (values, uri) => build(commonConfig(values), uri),
};

function parameters({ layers, hidden }: CommonConfig): number {
  const square = hidden * hidden + hidden;
  const mlp = hidden * 4 * hidden + 4 * hidden + 4 * hidden * hidden + hidden;
  const embeddings = (builtinVocabulary + maxPositions + segments) * hidden + 2 * hidden;
  return layers * (4 * square + mlp + 4 * hidden) + embeddings + square;
}

/**
 * Inputs `input_ids`, `attention_mask` (1 real, 0 pad) and `token_type_ids` (0 or 1), int64 [batch, sequence];
 * outputs `last_hidden_state` [batch, sequence, hidden] and `pooler_output` [batch, hidden].
 */
function build(config: CommonConfig, uri: string): ModelProto {
  const { hidden, layers, attention } = config;
  const g = new GraphBuilder(config.seed, opsetOf(attention));
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const attentionMask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  const types = g.input('token_type_ids', 'int64', ['batch', 'sequence']);
  const mask = sharedMask(g, attention, forQueries(g, attention, keyPadding(g, attentionMask), ids));
  const embedded = g.inModule('embeddings', () => embeddings(g, hidden, ids, types));
  const states = g.inModule('encoder', () => {
    let running = embedded;
    for (let layer = 0; layer < layers; layer++) {
      const outputName = layer === layers - 1 ? 'last_hidden_state' : undefined;
      running = g.inModule(`layer.${String(layer)}`, () => encoderLayer(g, config, running, mask, outputName));
    }
    return running;
  });
  g.output(states, ['batch', 'sequence', hidden]);
  g.output(
    g.inModule('pooler', () => pooler(g, hidden, states)),
    ['batch', hidden],
  );
  return g.build({
    name: id,
    doc: 'A small BERT encoder with seeded random weights, made by NaNoscope.',
    metadata: builtinMetadata(uri),
  });
}

function embeddings(g: GraphBuilder, hidden: number, ids: Value, types: Value): Value {
  const buffer = g.fixedInts(
    'position_ids',
    [1, maxPositions],
    Array.from({ length: maxPositions }, (_, i) => i),
  );
  const length = g.node('Slice', [g.node('Shape', [ids]), g.ints(1), g.ints(2), g.ints(0)]);
  const positions = g.node('Slice', [buffer, g.ints(0), length, g.ints(1)]);
  g.describe(positions, [1, 'sequence']);
  const tables = { width: hidden, std: 0.1 };
  const words = embedding(g, 'word_embeddings', ids, { vocabulary: builtinVocabulary, ...tables });
  const kinds = embedding(g, 'token_type_embeddings', types, { vocabulary: segments, ...tables });
  const places = embedding(g, 'position_embeddings', positions, { vocabulary: maxPositions, ...tables });
  return layerNorm(g, 'LayerNorm', add(g, add(g, words, kinds), places), hidden, epsilon);
}

function encoderLayer(g: GraphBuilder, config: CommonConfig, states: Value, mask: Value, outputName?: string): Value {
  const { hidden, layers } = config;
  const attended = g.inModule('attention', () => {
    const mixed = g.inModule('self', () => selfAttention(g, config, states, mask));
    return g.inModule('output', () => {
      const projected = linearWithBias(g, 'dense', mixed, intoResidual(hidden, hidden, 2 * layers));
      return layerNorm(g, 'LayerNorm', add(g, projected, states), hidden, epsilon);
    });
  });
  const active = g.inModule('intermediate', () => {
    const wide = linearWithBias(g, 'dense', attended, fanIn(hidden, 4 * hidden));
    return g.inModule('intermediate_act_fn', () => geluErf(g, wide));
  });
  return g.inModule('output', () => {
    const narrow = linearWithBias(g, 'dense', active, intoResidual(4 * hidden, hidden, 2 * layers));
    return layerNorm(g, 'LayerNorm', add(g, narrow, attended), hidden, epsilon, outputName);
  });
}

function selfAttention(g: GraphBuilder, config: CommonConfig, x: Value, mask: Value): Value {
  const { hidden, heads, attention } = config;
  const width = hidden / heads;
  const part = (name: string): Value => toHeads(g, linearWithBias(g, name, x, fanIn(hidden, hidden)), heads, width);
  const queries = part('query');
  const keys = part('key');
  const values = part('value');
  const mixed = attend(g, { kind: attention, scale: 1 / Math.sqrt(width) }, queries, keys, values, mask);
  return fromHeads(g, mixed, hidden);
}

/** tanh(W · first token + b). */
function pooler(g: GraphBuilder, hidden: number, states: Value): Value {
  const first = g.node('Gather', [states, g.constant('int64', [], [0])], { attributes: { axis: 1 } });
  const dense = g.inModule('dense', () => {
    const { std } = fanIn(hidden, hidden);
    return g.node('Gemm', [first, g.weight('weight', [hidden, hidden], std), g.weight('bias', [hidden], biasStd)]);
  });
  return g.inModule('activation', () => g.node('Tanh', [dense], { outputName: 'pooler_output' }));
}
