/**
 * A small T5 (arXiv 1910.10683, section 2.1): encoder and decoder, RMSNorm before each sublayer, no positions but a
 * bias of the scores that the first block of each stack learns for all of them, scores without a scale, and one
 * table for both embeddings and the head.
 *
 * Names follow `modeling_t5`. Weights of linear layers are [inputs, outputs].
 */
import type { ModelProto } from 'onnx-buf';
import { attend, fromHeads, opsetOf, toHeads } from './attention';
import { builtinMetadata, builtinVocabulary, commonConfig, commonSpecs, fanIn, intoResidual } from './definition';
import type { CommonConfig, Definition } from './definition';
import { GraphBuilder } from './graphBuilder';
import type { Value } from './graphBuilder';
import { add, gatherAxis0, linear, mul, rmsNorm, transpose } from './layers';
import { additiveMask, causalAndPadding, forQueries, keyPadding, sharedMask } from './masks';
import { relativeBias, relativeBuckets } from './relativeBias';

const id = 't5-mini';
const encoderLength = 'encoder_sequence';
const decoderLength = 'decoder_sequence';

export const t5Mini: Definition = {
  id,
  title: 'T5 mini',
  description:
    'Small T5 encoder-decoder: relative position bias, RMSNorm, cross-attention; as many blocks in each stack as layers.',
  specs: commonSpecs(3),
  parameters: (values) => parameters(commonConfig(values)),
  build: (values, uri) => build(commonConfig(values), uri),
};

const sizes = ({ hidden, heads }: CommonConfig) => ({
  head: Math.max(8, Math.ceil(hidden / heads)),
  inner: 4 * hidden,
});

function parameters(config: CommonConfig): number {
  const { layers, hidden, heads } = config;
  const { head, inner } = sizes(config);
  const attention = 4 * hidden * heads * head + hidden;
  const mlp = 2 * hidden * inner + hidden;
  const bias = 2 * relativeBuckets * heads;
  return layers * (3 * attention + 2 * mlp) + bias + 2 * hidden + builtinVocabulary * hidden;
}

/**
 * Inputs `input_ids` and `attention_mask` [batch, encoder_sequence], `decoder_input_ids` and
 * `decoder_attention_mask` [batch, decoder_sequence], int64, 1 real and 0 pad in masks; output `logits`.
 */
function build(config: CommonConfig, uri: string): ModelProto {
  const { hidden, attention } = config;
  const g = new GraphBuilder(config.seed, opsetOf(attention));
  const [encoderDims, decoderDims] = [encoderLength, decoderLength].map((length) => ['batch', length]);
  if (encoderDims === undefined || decoderDims === undefined) {
    throw new Error('expected two sequences');
  }
  const ids = g.input('input_ids', 'int64', encoderDims);
  const encoderMask = g.input('attention_mask', 'int64', encoderDims);
  const decoderIds = g.input('decoder_input_ids', 'int64', decoderDims);
  const decoderMask = g.input('decoder_attention_mask', 'int64', decoderDims);
  const table = g.inModule('shared', () => g.weight('weight', [builtinVocabulary, hidden], 1));
  const memory = g.inModule('encoder', () => encoder(g, config, table, ids, encoderMask));
  const states = g.inModule('decoder', () =>
    decoder(g, config, table, { ids: decoderIds, mask: decoderMask, memory, memoryMask: encoderMask }),
  );
  const scaled = mul(g, states, g.scalar(1 / Math.sqrt(hidden)));
  const logits = g.inModule('lm_head', () =>
    g.node('MatMul', [scaled, transpose(g, table, [1, 0])], { outputName: 'logits' }),
  );
  g.output(logits, [...decoderDims, builtinVocabulary]);
  return g.build({
    name: id,
    doc: 'A small T5 encoder-decoder with seeded random weights, made by NaNoscope.',
    metadata: builtinMetadata(uri),
  });
}

function encoder(g: GraphBuilder, config: CommonConfig, table: Value, ids: Value, attentionMask: Value): Value {
  const { hidden, layers, heads } = config;
  let states = embedTokens(g, table, ids);
  const allowed = keyPadding(g, attentionMask);
  let mask: SelfMask | null = null;
  for (let block = 0; block < layers; block++) {
    states = g.inModule(`block.${String(block)}`, () => {
      const attended = g.inModule('layer.0', () => {
        const normed = rmsNorm(g, 'layer_norm', states, hidden);
        const out = g.inModule('SelfAttention', () => {
          const bias = { like: ids, length: encoderLength, bidirectional: true, heads };
          mask ??= selfMask(g, config, allowed, relativeBias(g, bias));
          return attention(g, config, normed, normed, mask);
        });
        return add(g, states, out);
      });
      return g.inModule('layer.1', () => feedForward(g, config, attended));
    });
  }
  return rmsNorm(g, 'final_layer_norm', states, hidden);
}

interface DecoderInputs {
  readonly ids: Value;
  readonly mask: Value;
  readonly memory: Value;
  readonly memoryMask: Value;
}

function decoder(g: GraphBuilder, config: CommonConfig, table: Value, inputs: DecoderInputs): Value {
  const { hidden, layers, heads } = config;
  let states = embedTokens(g, table, inputs.ids);
  const allowed = causalAndPadding(g, inputs.mask, decoderLength);
  const memoryAllowed = forQueries(g, config.attention, keyPadding(g, inputs.memoryMask), inputs.ids);
  const crossMask = { bias: null, mask: sharedMask(g, config.attention, memoryAllowed) };
  let mask: SelfMask | null = null;
  for (let block = 0; block < layers; block++) {
    states = g.inModule(`block.${String(block)}`, () => {
      const attended = g.inModule('layer.0', () => {
        const normed = rmsNorm(g, 'layer_norm', states, hidden);
        const out = g.inModule('SelfAttention', () => {
          const bias = { like: inputs.ids, length: decoderLength, bidirectional: false, heads };
          mask ??= selfMask(g, config, allowed, relativeBias(g, bias));
          return attention(g, config, normed, normed, mask);
        });
        return add(g, states, out);
      });
      const crossed = g.inModule('layer.1', () => {
        const normed = rmsNorm(g, 'layer_norm', attended, hidden);
        const out = g.inModule('EncDecAttention', () => attention(g, config, normed, inputs.memory, crossMask));
        return add(g, attended, out);
      });
      return g.inModule('layer.2', () => feedForward(g, config, crossed));
    });
  }
  return rmsNorm(g, 'final_layer_norm', states, hidden);
}

const embedTokens = (g: GraphBuilder, table: Value, ids: Value): Value =>
  g.inModule('embed_tokens', () => gatherAxis0(g, table, ids));

/** What meets the scores of a stack's self-attention, made by its first block and handed on to the others. */
interface SelfMask {
  /** Added before the mask; `null` where there is none, or where the mask holds it already. */
  readonly bias: Value | null;
  readonly mask: Value;
}

/** Additive masks take the bias into them, once. @param bias [1, N, S, S] */
function selfMask(g: GraphBuilder, { attention: kind }: CommonConfig, allowed: Value, bias: Value): SelfMask {
  return kind === 'eager-where'
    ? { bias, mask: allowed }
    : { bias: null, mask: add(g, bias, additiveMask(g, kind, allowed)) };
}

/** @param x [B, S, H], the queries' states; memory [B, T, H], those of keys and values */
function attention(g: GraphBuilder, config: CommonConfig, x: Value, memory: Value, { bias, mask }: SelfMask): Value {
  const { hidden, heads, layers } = config;
  const { head } = sizes(config);
  const width = heads * head;
  // Without a scale of the scores the queries' weights have to be that much smaller.
  const small = { inputs: hidden, outputs: width, std: 1 / Math.sqrt(hidden * head) };
  const queries = toHeads(g, linear(g, 'q', x, small), heads, head);
  const keys = toHeads(g, linear(g, 'k', memory, fanIn(hidden, width)), heads, head);
  const values = toHeads(g, linear(g, 'v', memory, fanIn(hidden, width)), heads, head);
  const spec = { kind: config.attention, scale: null, ...(bias === null ? {} : { bias }) };
  const mixed = attend(g, spec, queries, keys, values, mask);
  return linear(g, 'o', fromHeads(g, mixed, width), intoResidual(width, hidden, 3 * layers));
}

function feedForward(g: GraphBuilder, config: CommonConfig, x: Value): Value {
  const { hidden, layers } = config;
  const { inner } = sizes(config);
  const normed = rmsNorm(g, 'layer_norm', x, hidden);
  const out = g.inModule('DenseReluDense', () => {
    const wide = linear(g, 'wi', normed, fanIn(hidden, inner));
    const active = g.inModule('act', () => g.node('Relu', [wide]));
    return linear(g, 'wo', active, intoResidual(inner, hidden, 3 * layers));
  });
  return add(g, x, out);
}
