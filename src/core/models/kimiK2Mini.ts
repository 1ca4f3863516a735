/**
 * A small Kimi K2: the architecture of DeepSeek-V3 (arXiv 2412.19437, section 2.1) with Kimi K2's choices: one
 * router group, one shared expert, the first layer dense, routed scaling 2.827, rope theta 50 000. Left out:
 * YaRN scaling of the angles (its sequences are far shorter than the original context) and the key/value cache.
 *
 * Names follow `modeling_deepseek_v3`. Weights of linear layers are [inputs, outputs].
 */
import type { ModelProto } from 'onnx-buf';
import { attend, fromHeads, opsetOf, toHeads } from './attention';
import { builtinMetadata, builtinVocabulary, commonConfig, commonSpecs, fanIn, integer } from './definition';
import type { CommonConfig, Definition } from './definition';
import { GraphBuilder } from './graphBuilder';
import type { Value } from './graphBuilder';
import {
  add,
  applyRotary,
  concat,
  div,
  embedding,
  linear,
  matmul,
  mul,
  rmsNorm,
  rotary,
  sigmoid,
  splitLast,
  swiGlu,
} from './layers';
import type { Rotary } from './layers';
import { causalAndPadding, positionIds, sharedMask } from './masks';

interface KimiK2MiniConfig extends CommonConfig {
  readonly experts: number;
}

export const kimiK2Mini: Definition = {
  id: 'kimi-k2-mini',
  title: 'Kimi K2 mini',
  description:
    'Small Kimi K2 / DeepSeek-V3 decoder: multi-head latent attention, one dense layer, then mixture of experts.',
  specs: commonSpecs(4, [{ name: 'experts', kind: 'integer', default: 8, min: 1, max: 64 }]),
  parameters: (values) => parameters(configOf(values)),
  build: (values, uri) => buildKimiK2Mini(configOf(values), uri),
};

const configOf = (values: Parameters<Definition['parameters']>[0]): KimiK2MiniConfig => ({
  ...commonConfig(values),
  experts: integer(values, 'experts'),
});

/** Sizes that follow from the options, in about the proportions of the large model. */
function sizes(config: KimiK2MiniConfig) {
  const { hidden, heads, experts } = config;
  return {
    nope: Math.max(8, Math.ceil(hidden / heads)),
    rope: 8,
    value: Math.max(8, Math.ceil(hidden / heads)),
    queryRank: hidden / 2,
    keyValueRank: hidden / 4,
    dense: hidden * 2,
    expert: hidden / 2,
    perToken: Math.min(2, experts),
  };
}

const routedScaling = 2.827;
const ropeTheta = 50_000;

/** Number of weights; checked before anything is allocated. */
function parameters(config: KimiK2MiniConfig): number {
  const { layers, hidden, heads, experts } = config;
  const s = sizes(config);
  const attention =
    hidden * s.queryRank +
    s.queryRank * heads * (s.nope + s.rope) +
    hidden * (s.keyValueRank + s.rope) +
    s.keyValueRank * heads * (s.nope + s.value) +
    heads * s.value * hidden;
  const moe = 3 * hidden * s.expert * (experts + 1) + hidden * experts + experts;
  const norms = 2 * hidden + s.queryRank + s.keyValueRank;
  return (
    layers * (attention + norms) + 3 * hidden * s.dense + (layers - 1) * moe + 2 * builtinVocabulary * hidden + hidden
  );
}

/** Inputs `input_ids` and `attention_mask` (1 real, 0 pad), int64 [batch, sequence]; output `logits`. */
function buildKimiK2Mini(config: KimiK2MiniConfig, uri: string): ModelProto {
  const g = new GraphBuilder(config.seed, opsetOf(config.attention));
  const ids = g.input('input_ids', 'int64', ['batch', 'sequence']);
  const mask = g.input('attention_mask', 'int64', ['batch', 'sequence']);
  const states = g.inModule('model', () => decoder(g, config, ids, mask));
  const logits = linear(
    g,
    'lm_head',
    states,
    { inputs: config.hidden, outputs: builtinVocabulary, std: 1 / Math.sqrt(config.hidden) },
    'logits',
  );
  g.output(logits, ['batch', 'sequence', builtinVocabulary]);
  return g.build({
    name: 'kimi-k2-mini',
    doc: 'A small Kimi K2 / DeepSeek-V3 decoder with seeded random weights, made by NaNoscope.',
    metadata: builtinMetadata(uri),
  });
}

function decoder(g: GraphBuilder, config: KimiK2MiniConfig, ids: Value, attentionMask: Value): Value {
  const { hidden, layers, attention } = config;
  let states = embedding(g, 'embed_tokens', ids, { vocabulary: builtinVocabulary, width: hidden, std: 0.1 });
  const positions = positionIds(g, attentionMask);
  const mask = sharedMask(g, attention, causalAndPadding(g, attentionMask));
  const angles = rotary(g, positions, sizes(config).rope, ropeTheta);
  for (let layer = 0; layer < layers; layer++) {
    states = g.inModule(`layers.${String(layer)}`, () => decoderLayer(g, config, layer, states, mask, angles));
  }
  return rmsNorm(g, 'norm', states, hidden);
}

function decoderLayer(
  g: GraphBuilder,
  config: KimiK2MiniConfig,
  layer: number,
  states: Value,
  mask: Value,
  angles: Rotary,
): Value {
  const { hidden } = config;
  const normed = rmsNorm(g, 'input_layernorm', states, hidden);
  const attended = g.inModule('self_attn', () => latentAttention(g, config, normed, mask, angles));
  const middle = add(g, states, attended);
  const normedAgain = rmsNorm(g, 'post_attention_layernorm', middle, hidden);
  const out = g.inModule('mlp', () =>
    layer === 0
      ? swiGlu(g, normedAgain, { hidden, inner: sizes(config).dense, outStd: outStd(config, sizes(config).dense) })
      : mixtureOfExperts(g, config, normedAgain),
  );
  return add(g, middle, out);
}

/** Sublayers that write into the residual stream are scaled down with depth (GPT-2), so 61 layers stay sane. */
function outStd(config: KimiK2MiniConfig, inputs: number): number {
  return 1 / Math.sqrt(inputs * 2 * config.layers);
}

/** Multi-head latent attention: queries, and keys with values, each through a low rank; one rope key for all heads. */
function latentAttention(g: GraphBuilder, config: KimiK2MiniConfig, x: Value, mask: Value, angles: Rotary): Value {
  const { hidden, heads } = config;
  const { nope, rope, value, queryRank, keyValueRank } = sizes(config);

  const queryLatent = rmsNorm(g, 'q_a_layernorm', linear(g, 'q_a_proj', x, fanIn(hidden, queryRank)), queryRank);
  const query = linear(g, 'q_b_proj', queryLatent, fanIn(queryRank, heads * (nope + rope)));
  const [queryNope, queryRope] = pair(splitLast(g, toHeads(g, query, heads, nope + rope), [nope, rope]));

  const compressed = linear(g, 'kv_a_proj_with_mqa', x, fanIn(hidden, keyValueRank + rope));
  const [latent, sharedKey] = pair(splitLast(g, compressed, [keyValueRank, rope]));
  const keyValueLatent = rmsNorm(g, 'kv_a_layernorm', latent, keyValueRank);
  const keyValue = linear(g, 'kv_b_proj', keyValueLatent, fanIn(keyValueRank, heads * (nope + value)));
  const [keyNope, values] = pair(splitLast(g, toHeads(g, keyValue, heads, nope + value), [nope, value]));

  const queryRotated = applyRotary(g, queryRope, angles);
  const keyRotated = applyRotary(g, toHeads(g, sharedKey, 1, rope), angles);
  const keyRope = g.node('Expand', [keyRotated, g.ints(1, heads, 1, 1)]);
  const queries = concat(g, [queryNope, queryRotated], -1);
  const keys = concat(g, [keyNope, keyRope], -1);

  const spec = { kind: config.attention, scale: 1 / Math.sqrt(nope + rope) };
  const mixed = attend(g, spec, queries, keys, values, mask);
  return linear(g, 'o_proj', fromHeads(g, mixed, heads * value), {
    inputs: heads * value,
    outputs: hidden,
    std: outStd(config, heads * value),
  });
}

/**
 * Sigmoid router. The correction bias takes part in choosing the experts only; their weights are the plain
 * scores, normalised over the chosen ones and scaled. Every expert computes every token and counts with weight 0
 * where it was not chosen: the same sum as routing, with a graph whose shapes do not depend on the data.
 */
function mixtureOfExperts(g: GraphBuilder, config: KimiK2MiniConfig, x: Value): Value {
  const { hidden, experts } = config;
  const { expert: inner, perToken } = sizes(config);
  const shape = { hidden, inner, outStd: outStd(config, inner) };

  const weights = g.inModule('gate', () => {
    const router = g.weight('weight', [hidden, experts], 1 / Math.sqrt(hidden));
    const bias = g.weight('e_score_correction_bias', [experts], 0.05);
    const scores = sigmoid(g, matmul(g, x, router));
    const [, chosen] = pair(
      g.nodeWithOutputs('TopK', [add(g, scores, bias), g.ints(perToken)], ['float32', 'int64'], { axis: -1 }),
    );
    const plain = g.node('GatherElements', [scores, chosen], { attributes: { axis: -1 } });
    const total = g.node('ReduceSum', [plain, g.ints(-1)], { attributes: { keepdims: 1 } });
    const share = mul(g, div(g, plain, add(g, total, g.scalar(1e-20))), g.scalar(routedScaling));
    const nothing = g.node('ConstantOfShape', [g.node('Shape', [scores])], { dtype: 'float32' });
    g.describe(nothing, ['batch', 'sequence', experts]);
    return g.node('ScatterElements', [nothing, chosen, share], { attributes: { axis: -1 } });
  });
  const perExpert = splitLast(
    g,
    weights,
    Array.from({ length: experts }, () => 1),
  );
  const routed = perExpert
    .map((weight, e) =>
      mul(
        g,
        g.inModule(`experts.${String(e)}`, () => swiGlu(g, x, shape)),
        weight,
      ),
    )
    .reduce((sum, part) => add(g, sum, part));
  return add(
    g,
    routed,
    g.inModule('shared_experts', () => swiGlu(g, x, shape)),
  );
}

function pair(values: readonly Value[]): [Value, Value] {
  const [a, b] = values;
  if (a === undefined || b === undefined) {
    throw new Error('expected two outputs');
  }
  return [a, b];
}
