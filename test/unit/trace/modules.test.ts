/** Names that exporters give to nodes, and the layer, block and stage that they stand for. Written by hand. */
import { describe, expect, it } from 'vitest';
import { layerModule, modulePath, modulePlaces, placeOfNode } from '../../../src/core/trace/modules';

/** `stage layer block module`, with `-` for none; the names are those of one whole model. */
function check(expected: Readonly<Record<string, string>>): void {
  const placeOf = modulePlaces(Object.keys(expected));
  const seen = Object.fromEntries(
    Object.keys(expected).map((name) => {
      const { stage, layer, block, module } = placeOf(name);
      return [name, [stage, layer ?? '-', block ?? '-', module === '' ? '-' : module].join(' ')];
    }),
  );
  expect(seen).toEqual(expected);
}

describe('families of names', () => {
  it('Llama, Qwen, Kimi: /layers.0/self_attn', () => {
    check({
      '/model/embed_tokens/Gather': 'embed - - model.embed_tokens',
      '/model/layers.0/input_layernorm/Mul': 'attn-norm 0 self model.layers.0.input_layernorm',
      '/model/layers.0/self_attn/q_proj/MatMul': 'attention 0 self model.layers.0.self_attn',
      '/model/layers.0/self_attn/Softmax': 'attention 0 self model.layers.0.self_attn',
      '/model/layers.0/Add': 'layer 0 - model.layers.0',
      '/model/layers.0/post_attention_layernorm/Mul': 'mlp-norm 0 - model.layers.0.post_attention_layernorm',
      '/model/layers.0/mlp/experts.3/down_proj/MatMul': 'mlp 0 - model.layers.0.mlp',
      '/model/layers.60/mlp/gate/Sigmoid': 'mlp 60 - model.layers.60.mlp',
      '/model/layers.60/Add_1': 'layer 60 - model.layers.60',
      '/model/norm/Mul': 'final-norm - - model.norm',
      '/lm_head/MatMul': 'logits - - lm_head',
    });
  });

  it('BERT: /encoder/layer.3/attention, with residual and norm in modules called output', () => {
    check({
      '/bert/embeddings/word_embeddings/Gather': 'embed - - bert.embeddings.word_embeddings',
      '/bert/embeddings/position_embeddings/Gather': 'other - - bert.embeddings.position_embeddings',
      '/bert/embeddings/token_type_embeddings/Gather': 'other - - bert.embeddings.token_type_embeddings',
      '/bert/encoder/layer.3/attention/self/query/MatMul': 'attention 3 self bert.encoder.layer.3.attention',
      '/bert/encoder/layer.3/attention/self/Softmax': 'attention 3 self bert.encoder.layer.3.attention',
      // Out of a sublayer is before the residual add.
      '/bert/encoder/layer.3/attention/output/dense/MatMul': 'attention 3 self bert.encoder.layer.3.attention',
      '/bert/encoder/layer.3/attention/output/Add': 'other 3 self bert.encoder.layer.3.attention.output',
      '/bert/encoder/layer.3/attention/output/LayerNorm/Div':
        'attn-norm 3 self bert.encoder.layer.3.attention.output.LayerNorm',
      '/bert/encoder/layer.3/intermediate/dense/MatMul': 'mlp 3 - bert.encoder.layer.3.intermediate',
      '/bert/encoder/layer.3/intermediate/intermediate_act_fn/Erf': 'mlp 3 - bert.encoder.layer.3.intermediate',
      '/bert/encoder/layer.3/output/dense/MatMul': 'mlp 3 - bert.encoder.layer.3.output',
      '/bert/encoder/layer.3/output/Add': 'other 3 - bert.encoder.layer.3.output',
      '/bert/encoder/layer.3/output/LayerNorm/Div': 'mlp-norm 3 - bert.encoder.layer.3.output.LayerNorm',
      '/cls/predictions/decoder/MatMul': 'logits - - cls',
    });
  });

  it('GPT-2: /h.0/attn', () => {
    check({
      '/transformer/wte/Gather': 'embed - - transformer.wte',
      '/transformer/wpe/Gather': 'other - - transformer.wpe',
      '/transformer/h.0/ln_1/Div': 'attn-norm 0 self transformer.h.0.ln_1',
      '/transformer/h.0/attn/c_attn/Gemm': 'attention 0 self transformer.h.0.attn',
      '/transformer/h.0/attn/Softmax': 'attention 0 self transformer.h.0.attn',
      '/transformer/h.0/ln_2/Div': 'mlp-norm 0 - transformer.h.0.ln_2',
      '/transformer/h.0/mlp/c_fc/Gemm': 'mlp 0 - transformer.h.0.mlp',
      '/transformer/h.0/Add': 'layer 0 - transformer.h.0',
      '/transformer/ln_f/Div': 'final-norm - - transformer.ln_f',
      '/lm_head/MatMul': 'logits - - lm_head',
    });
  });

  it('timm: /blocks.2', () => {
    check({
      '/blocks.2/norm1/LayerNormalization': 'attn-norm 2 self blocks.2.norm1',
      '/blocks.2/attn/qkv/MatMul': 'attention 2 self blocks.2.attn',
      '/blocks.2/norm2/LayerNormalization': 'mlp-norm 2 - blocks.2.norm2',
      '/blocks.2/mlp/fc1/MatMul': 'mlp 2 - blocks.2.mlp',
      '/blocks.2/Add_1': 'layer 2 - blocks.2',
      '/norm/LayerNormalization': 'final-norm - - norm',
      '/head/Gemm': 'logits - - head',
    });
  });

  it('nn.TransformerEncoder: linear1 and linear2 are the mlp, norm1 and norm2 stand after their sublayers', () => {
    check({
      '/emb/Gather': 'embed - - emb',
      '/encoder/layers.0/self_attn/Softmax': 'attention 0 self encoder.layers.0.self_attn',
      '/encoder/layers.0/norm1/Div': 'attn-norm 0 self encoder.layers.0.norm1',
      '/encoder/layers.0/linear1/MatMul': 'mlp 0 - encoder.layers.0.linear1',
      '/encoder/layers.0/linear2/MatMul': 'mlp 0 - encoder.layers.0.linear2',
      '/encoder/layers.0/norm2/Div': 'mlp-norm 0 - encoder.layers.0.norm2',
      '/encoder/norm/Div': 'final-norm - - encoder.norm',
    });
  });

  it('nn.TransformerDecoder: /decoder/layers.0/multihead_attn is cross-attention, and norm2 is its norm', () => {
    check({
      '/encoder/layers.0/norm2/Div': 'mlp-norm 0 - encoder.layers.0.norm2',
      '/decoder/layers.0/self_attn/Softmax': 'attention 0 self decoder.layers.0.self_attn',
      '/decoder/layers.0/norm1/Div': 'attn-norm 0 self decoder.layers.0.norm1',
      '/decoder/layers.0/multihead_attn/Softmax': 'attention 0 cross decoder.layers.0.multihead_attn',
      '/decoder/layers.0/norm2/Div': 'attn-norm 0 cross decoder.layers.0.norm2',
      '/decoder/layers.0/linear1/MatMul': 'mlp 0 - decoder.layers.0.linear1',
      '/decoder/layers.0/norm3/Div': 'mlp-norm 0 - decoder.layers.0.norm3',
    });
  });

  it('BART, Whisper: encoder_attn and its norm', () => {
    check({
      '/model/decoder/layers.1/self_attn_layer_norm/Div':
        'attn-norm 1 self model.decoder.layers.1.self_attn_layer_norm',
      '/model/decoder/layers.1/encoder_attn/Softmax': 'attention 1 cross model.decoder.layers.1.encoder_attn',
      '/model/decoder/layers.1/encoder_attn_layer_norm/Div':
        'attn-norm 1 cross model.decoder.layers.1.encoder_attn_layer_norm',
      '/model/decoder/layers.1/fc1/MatMul': 'mlp 1 - model.decoder.layers.1.fc1',
      '/model/decoder/layers.1/final_layer_norm/Div': 'mlp-norm 1 - model.decoder.layers.1.final_layer_norm',
    });
  });

  it('T5: sublayers in a list of their own, whose layer_norm belongs to what else the sublayer holds', () => {
    check({
      '/shared/Gather': 'embed - - shared',
      '/encoder/block.0/layer.0/SelfAttention/Softmax': 'attention 0 self encoder.block.0.layer.0.SelfAttention',
      '/encoder/block.0/layer.0/layer_norm/Mul': 'attn-norm 0 self encoder.block.0.layer.0.layer_norm',
      '/encoder/block.0/layer.1/DenseReluDense/wi/MatMul': 'mlp 0 - encoder.block.0.layer.1.DenseReluDense',
      '/encoder/block.0/layer.1/layer_norm/Mul': 'mlp-norm 0 - encoder.block.0.layer.1.layer_norm',
      '/decoder/block.4/layer.0/SelfAttention/Softmax': 'attention 4 self decoder.block.4.layer.0.SelfAttention',
      '/decoder/block.4/layer.0/layer_norm/Sqrt': 'attn-norm 4 self decoder.block.4.layer.0.layer_norm',
      '/decoder/block.4/layer.1/EncDecAttention/Softmax': 'attention 4 cross decoder.block.4.layer.1.EncDecAttention',
      '/decoder/block.4/layer.1/layer_norm/Mul': 'attn-norm 4 cross decoder.block.4.layer.1.layer_norm',
      '/decoder/block.4/layer.2/DenseReluDense/wo/MatMul': 'mlp 4 - decoder.block.4.layer.2.DenseReluDense',
      '/decoder/block.4/layer.2/layer_norm/Mul': 'mlp-norm 4 - decoder.block.4.layer.2.layer_norm',
      '/decoder/block.4/layer.2/Add': 'layer 4 - decoder.block.4',
      '/decoder/final_layer_norm/Mul': 'final-norm - - decoder.final_layer_norm',
      '/lm_head/MatMul': 'logits - - lm_head',
    });
  });
});

describe('names that say nothing', () => {
  it.each(['', 'MatMul_12', 'Softmax', 'onnx::Add_3', '/MatMul', '/', '//', 'layers.0.self_attn.Softmax'])(
    '%j is `other`, outside of any layer',
    (name) => {
      expect(placeOfNode(name)).toMatchObject({ stage: 'other', layer: null, block: null });
    },
  );

  it('a module that no word knows is `other` outside of layers, and the layer inside of one', () => {
    check({
      '/tower/Conv': 'other - - tower',
      '/layers.3/frobnicate/Mul': 'layer 3 - layers.3',
    });
  });

  it('a list without numbers, or a number without a list, makes no layer', () => {
    expect(placeOfNode('/layers/Add').layer).toBeNull();
    expect(placeOfNode('/7/Add').layer).toBeNull();
    expect(placeOfNode('/layers.x/self_attn/Add').layer).toBeNull();
    expect(placeOfNode('/layers.-1/self_attn/Add').layer).toBeNull();
    expect(placeOfNode('/layers.1e3/self_attn/Add').layer).toBeNull();
  });

  it('words only count as whole names', () => {
    expect(placeOfNode('/layers.0/my_attention_thing/Mul').stage).toBe('layer');
    expect(placeOfNode('/layers.0/mlpish/Mul').stage).toBe('layer');
    expect(placeOfNode('/abnormal/Mul').stage).toBe('other');
    expect(placeOfNode('/spearhead/Mul').stage).toBe('other');
  });
});

describe('hostile names', () => {
  it('words of JavaScript objects are no stages', () => {
    for (const word of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
      expect(placeOfNode(`/${word}/Mul`)).toEqual({ module: word, layer: null, block: null, stage: 'other' });
    check({ '/__proto__.0/self_attn/Mul': 'other - - __proto__.0.self_attn' });
  });

  it('HTML, quotes, newlines and right-to-left marks stay as they are', () => {
    const name = '<img src=x onerror=alert(1)>"\'\n\u202e';
    expect(placeOfNode(`/${name}/layers.2/self_attn/Softmax`)).toEqual({
      module: [...name.split('.'), 'layers', '2', 'self_attn'].join('.'),
      layer: 2,
      block: 'self',
      stage: 'attention',
    });
  });

  it('a layer number that no number can hold makes no layer', () => {
    const { layer } = placeOfNode(`/layers.${'9'.repeat(400)}/self_attn/Softmax`);
    expect(layer === null || Number.isSafeInteger(layer)).toBe(true);
  });

  // Work that grows with the square would take minutes and fail by the time-out.
  it('a path of a hundred thousand parts is no obstacle', { timeout: 60_000 }, () => {
    expect(placeOfNode(`/${'attention/'.repeat(100_000)}Softmax`).layer).toBeNull();
    expect(placeOfNode(`/layers.0/${'attention/output/'.repeat(50_000)}Softmax`).layer).toBe(0);
    placeOfNode(`/${'layers.'.repeat(100_000)}/Softmax`);
    modulePlaces([`/layers.0/${'a.'.repeat(100_000)}/Softmax`]);
  });

  it('the first list of layers counts', () => {
    expect(placeOfNode('/layers.1/blocks.2/h.3/attn/Softmax').layer).toBe(1);
  });
});

describe('paths', () => {
  it('`layers.0` and `layers/0` are the same module', () => {
    expect(modulePath('/model/layers/0/self_attn/Softmax')).toEqual(modulePath('/model/layers.0/self_attn/Softmax'));
  });

  it('the module of a layer ends with its number', () => {
    expect(layerModule('/decoder/layers.12/self_attn/Softmax')).toBe('decoder.layers.12');
    expect(layerModule('/decoder/norm/Mul')).toBe('');
  });
});
