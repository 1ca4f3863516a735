/**
 * A small Llama (arXiv 2302.13971, with the grouped-query attention of Llama 2 70B, arXiv 2307.09288 section 2.2):
 * RMSNorm before each sublayer, rotary positions, SwiGLU. Left out: the key/value cache and scaling of the angles.
 *
 * Names follow `modeling_llama`. Weights of linear layers are [inputs, outputs].
 */
import type { ModelProto } from 'onnx-buf';
import { attend, fromHeads, opsetOf, toHeads } from './attention';
import {
  builtinMetadata,
  builtinVocabulary,
  commonConfig,
  commonSpecs,
  fanIn,
  integer,
  intoResidual,
  mustDivide,
} from './definition';
import type { CommonConfig, Definition } from './definition';
import { GraphBuilder } from './graphBuilder';
import type { Value } from './graphBuilder';
import { add, applyRotaryHalves, embedding, linear, rmsNorm, rotaryHalves, swiGlu } from './layers';
import type { Rotary } from './layers';
import { causalAndPadding, positionIds, sharedMask } from './masks';

interface LlamaConfig extends CommonConfig {
  readonly keyValueHeads: number;
}

const id = 'llama-mini';
const ropeTheta = 10_000;

export const llamaMini: Definition = {
  id,
  title: 'Llama mini',
  description: 'Small Llama decoder: grouped-query attention, rotary positions, SwiGLU, RMSNorm.',
  specs: commonSpecs(4, [{ name: 'kvHeads', kind: 'integer', default: 2, min: 1, max: 64 }]),
  check: (values) => {
    mustDivide(id, values, 'kvHeads', 'heads');
  },
  parameters: (values) => parameters(configOf(values)),
  build: (values, uri) => build(configOf(values), uri),
};

const configOf = (values: Parameters<Definition['parameters']>[0]): LlamaConfig => ({
  ...commonConfig(values),
  keyValueHeads: integer(values, 'kvHeads'),
});

/** `head` is a power of two, which the rotary frequencies need, and about hidden / heads. */
function sizes({ hidden, heads }: LlamaConfig) {
  return {
    head: 2 ** Math.max(3, Math.ceil(Math.log2(hidden / heads))),
    inner: Math.ceil((8 * hidden) / 48) * 16,
  };
}

function parameters(config: LlamaConfig): number {
  const { layers, hidden, heads, keyValueHeads } = config;
  const { head, inner } = sizes(config);
  const attention = 2 * hidden * heads * head + 2 * hidden * keyValueHeads * head;
  return layers * (attention + 3 * hidden * inner + 2 * hidden) + 2 * builtinVocabulary * hidden + hidden;
}

/** Inputs `input_ids` and `attention_mask` (1 real, 0 pad), int64 [batch, sequence]; output `logits`. */
function build(config: LlamaConfig, uri: string): ModelProto {
  const g = new GraphBuilder(config.seed, opsetOf(config.attention));
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  const states = g.inModule('model', () => decoder(g, config, ids, mask));
  const logits = linear(g, 'lm_head', states, fanIn(config.hidden, builtinVocabulary), 'logits');
  g.output(logits, ['batch', 'sequence', builtinVocabulary]);
  return g.build({
    name: id,
    doc: 'A small Llama decoder with seeded random weights, made by NaNoscope.',
    metadata: builtinMetadata(uri),
  });
}

function decoder(g: GraphBuilder, config: LlamaConfig, ids: Value, attentionMask: Value): Value {
  const { hidden, layers, attention } = config;
  let states = embedding(g, 'embed_tokens', ids, { vocabulary: builtinVocabulary, width: hidden, std: 0.1 });
  const positions = positionIds(g, attentionMask);
  const mask = sharedMask(g, attention, causalAndPadding(g, attentionMask));
  const angles = rotaryHalves(g, positions, sizes(config).head, ropeTheta);
  for (let layer = 0; layer < layers; layer++) {
    states = g.inModule(`layers.${String(layer)}`, () => decoderLayer(g, config, states, mask, angles));
  }
  return rmsNorm(g, 'norm', states, hidden);
}

function decoderLayer(g: GraphBuilder, config: LlamaConfig, states: Value, mask: Value, angles: Rotary): Value {
  const { hidden, layers } = config;
  const { inner } = sizes(config);
  const normed = rmsNorm(g, 'input_layernorm', states, hidden);
  const attended = g.inModule('self_attn', () => groupedAttention(g, config, normed, mask, angles));
  const middle = add(g, states, attended);
  const normedAgain = rmsNorm(g, 'post_attention_layernorm', middle, hidden);
  const { std } = intoResidual(inner, hidden, 2 * layers);
  return add(
    g,
    middle,
    g.inModule('mlp', () => swiGlu(g, normedAgain, { hidden, inner, outStd: std })),
  );
}

/** Head n of the queries reads head n · (heads of keys) / heads of keys and values. */
function groupedAttention(g: GraphBuilder, config: LlamaConfig, x: Value, mask: Value, angles: Rotary): Value {
  const { hidden, heads, keyValueHeads, layers, attention } = config;
  const { head } = sizes(config);
  const query = linear(g, 'q_proj', x, fanIn(hidden, heads * head));
  const key = linear(g, 'k_proj', x, fanIn(hidden, keyValueHeads * head));
  const value = linear(g, 'v_proj', x, fanIn(hidden, keyValueHeads * head));
  const queries = applyRotaryHalves(g, toHeads(g, query, heads, head), head, angles);
  const keys = applyRotaryHalves(g, toHeads(g, key, keyValueHeads, head), head, angles);
  const values = toHeads(g, value, keyValueHeads, head);
  const spec = { kind: attention, scale: 1 / Math.sqrt(head), groups: { heads, keyValueHeads, width: head } };
  const mixed = attend(g, spec, queries, keys, values, mask);
  return linear(g, 'o_proj', fromHeads(g, mixed, heads * head), intoResidual(heads * head, hidden, 2 * layers));
}
