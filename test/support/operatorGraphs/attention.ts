/** Attention as one operator, and what else optimisers and model builders fuse around it. */
import type { OperatorGraph } from './build';
import { bytes, constant, floats, graph, ids, positive, scalar, weight, whole } from './build';

const x = floats();
const four = { q: floats([2, 4, 3, 4]), k: floats([2, 4, 3, 4], { seed: 2 }), v: floats([2, 4, 3, 4], { seed: 3 }) };
const three = { q: floats(), k: floats(undefined, { seed: 2 }), v: floats(undefined, { seed: 3 }) };
const grouped = { q: floats(), k: floats([2, 3, 8], { seed: 2 }), v: floats([2, 3, 8], { seed: 3 }) };
const past = (groups: number, length: number, size = 4, layout = 'b...') => ({
  past_key: floats([2, groups, length, size], { layout, seed: 4 }),
  past_value: floats([2, groups, length, size], { layout, seed: 5 }),
});
const mask = whole('bool', [2, 1, 3, 3], [1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1], 'b.sk');
const additive = whole(
  'float32',
  [2, 1, 3, 3],
  [0, -1e9, -1e9, 0, 0, -1e9, 0, 0, 0, 0, -1, -1, 0, 0, -1, 0, 0, 0],
  'b.sk',
);
const padding = whole('int32', [2, 3], [0, 1, 1, 1, 1, 1]);
const norm = { epsilon: 1e-5 };
const cache = { cos: positive([8, 2]), sin: positive([8, 2], 2) };
const position_ids = whole('int64', [2, 3], [0, 1, 2, 0, 1, 2]);

export const standardAttention: readonly OperatorGraph[] = [
  graph('Attention of four axes', { opset: 23, in: four, run: ['y = Attention(q, k, v)'] }),
  graph('Attention of three axes', {
    opset: 23,
    in: three,
    run: [['y = Attention(q, k, v)', { q_num_heads: 4, kv_num_heads: 4 }]],
  }),
  graph('Attention, causal', { opset: 24, in: four, run: [['y = Attention(q, k, v)', { is_causal: 1 }]] }),
  graph('Attention with a bool mask', {
    opset: 23,
    in: { ...four, attn_mask: mask },
    run: ['y = Attention(q, k, v, attn_mask)'],
  }),
  graph('Attention with a float mask and a cap', {
    opset: 25,
    in: { ...four, attn_mask: additive },
    run: [['y = Attention(q, k, v, attn_mask)', { softcap: 5.5 }]],
  }),
  graph('Attention of groups', {
    opset: 26,
    in: grouped,
    run: [['y = Attention(q, k, v)', { q_num_heads: 4, kv_num_heads: 2, is_causal: 1 }]],
  }),
  graph('Attention with a past', {
    opset: 23,
    in: { ...four, ...past(4, 5, 4, 'b.p.') },
    past: 5,
    run: ['y, pk, pv, qk = Attention(q, k, v, _, past_key, past_value)'],
    out: ['y', 'pk', 'pv', 'qk'],
    layouts: { pk: 'b.p.', pv: 'b.p.', qk: 'b.s.' },
  }),
  graph('Attention with lengths of keys', {
    opset: 24,
    in: { ...four, lengths: whole('int64', [2], [3, 2]) },
    run: ['y = Attention(q, k, v, _, _, _, lengths)'],
  }),
  graph('RotaryEmbedding', {
    opset: 23,
    in: { x: floats([2, 4, 3, 4]), position_ids },
    weights: cache,
    run: ['y = RotaryEmbedding(x, cos, sin, position_ids)'],
  }),
  graph('RotaryEmbedding, interleaved', {
    opset: 23,
    in: { x, position_ids },
    weights: cache,
    run: [['y = RotaryEmbedding(x, cos, sin, position_ids)', { num_heads: 4, interleaved: 1 }]],
  }),
];

export const fused: readonly OperatorGraph[] = [
  graph('MultiHeadAttention', { in: three, run: [['y = ms.MultiHeadAttention(q, k, v)', { num_heads: 4 }]] }),
  graph('MultiHeadAttention with key padding and bias', {
    in: { ...three, key_padding_mask: padding },
    weights: { c: weight([48]) },
    run: [['y = ms.MultiHeadAttention(q, k, v, c, key_padding_mask)', { num_heads: 4 }]],
  }),
  graph('MultiHeadAttention with an attention bias', {
    in: { ...three, attn_mask: additive },
    run: [['y = ms.MultiHeadAttention(q, k, v, _, _, attn_mask)', { num_heads: 4 }]],
  }),
  graph('MultiHeadAttention, one way', {
    in: three,
    run: [['y = ms.MultiHeadAttention(q, k, v)', { num_heads: 4, unidirectional: 1 }]],
  }),
  graph('MultiHeadAttention over a memory', {
    in: {
      decoder_q: floats(),
      encoder_k: floats([2, 5, 16], { layout: 'bm.', seed: 2 }),
      encoder_v: floats([2, 5, 16], { layout: 'bm.', seed: 3 }),
    },
    run: [['y = ms.MultiHeadAttention(decoder_q, encoder_k, encoder_v)', { num_heads: 4 }]],
  }),
  graph('MultiHeadAttention with a past', {
    in: { ...three, ...past(4, 5, 4, 'b.p.') },
    past: 5,
    run: [['y, pk, pv = ms.MultiHeadAttention(q, k, v, _, _, _, past_key, past_value)', { num_heads: 4 }]],
    layouts: { pk: 'b.p.', pv: 'b.p.' },
  }),
  graph('GroupQueryAttention', {
    in: {
      q: floats([2, 3, 32]),
      k: floats(undefined, { seed: 2 }),
      v: floats(undefined, { seed: 3 }),
      seqlens_k: whole('int32', [2], [2, 2]),
    },
    weights: { total: constant('int32', [1], [3]) },
    run: [['y, pk, pv = ms.GroupQueryAttention(q, k, v, _, _, seqlens_k, total)', { num_heads: 4, kv_num_heads: 2 }]],
    layouts: { pk: 'b...', pv: 'b...' },
  }),
  graph('GroupQueryAttention with rotary positions and a window', {
    in: { ...three, seqlens_k: whole('int32', [2], [2, 2]) },
    weights: { total: constant('int32', [1], [3]), cos: positive([8, 8]), sin: positive([8, 8], 2) },
    run: [
      [
        'y, pk, pv = ms.GroupQueryAttention(q, k, v, _, _, seqlens_k, total, cos, sin)',
        { num_heads: 1, kv_num_heads: 1, do_rotary: 1, local_window_size: 2 },
      ],
    ],
    layouts: { pk: 'b...', pv: 'b...' },
  }),
  graph('GroupQueryAttention of packed heads with a past', {
    in: { qkv: floats([2, 1, 64], { layout: 'b..' }), ...past(2, 5, 8), seqlens_k: whole('int32', [2], [5, 5]) },
    weights: { total: constant('int32', [1], [6]) },
    run: [
      [
        'y, pk, pv = ms.GroupQueryAttention(qkv, _, _, past_key, past_value, seqlens_k, total)',
        { num_heads: 4, kv_num_heads: 2 },
      ],
    ],
    layouts: { y: 'b..', pk: 'b...', pv: 'b...' },
  }),
  graph('contrib Attention with a mask', {
    in: { x, mask_index: padding },
    weights: { w: weight([16, 48]), c: weight([48]) },
    run: [['y = ms.Attention(x, w, c, mask_index)', { num_heads: 4 }]],
  }),
  graph('contrib Attention, one way, with a past', {
    in: { x, past: floats([2, 2, 4, 5, 4], { layout: '.b...' }) },
    weights: { w: weight([16, 48]), c: weight([48]) },
    run: [['y, present = ms.Attention(x, w, c, _, past)', { num_heads: 4, unidirectional: 1 }]],
    layouts: { present: '.b...' },
  }),
  graph('QAttention', {
    in: {
      x: whole(
        'uint8',
        [2, 3, 16],
        Array.from({ length: 96 }, (_, i) => (i * 29) % 256),
      ),
      mask_index: padding,
    },
    weights: {
      w: bytes([16, 48]),
      c: weight([48]),
      xs: scalar(0.01),
      ws: scalar(0.004),
      xz: scalar(128, 'uint8'),
      wz: scalar(128, 'uint8'),
    },
    run: [['y = ms.QAttention(x, w, c, xs, ws, mask_index, xz, wz)', { num_heads: 4 }]],
  }),
  graph('DecoderMaskedMultiHeadAttention', {
    in: {
      q: floats([2, 1, 16], { layout: 'b..' }),
      k: floats([2, 1, 16], { layout: 'b..', seed: 2 }),
      v: floats([2, 1, 16], { layout: 'b..', seed: 3 }),
      ...past(4, 5),
    },
    weights: { n: constant('int32', [1], [4]) },
    run: [
      [
        'y, pk, pv = ms.DecoderMaskedMultiHeadAttention(q, k, v, _, _, past_key, past_value, n)',
        { num_heads: 4, past_present_share_buffer: 1 },
      ],
    ],
    out: ['y'],
    layouts: { y: 'b..', pk: 'b...', pv: 'b...' },
  }),
  graph('LinearAttention', {
    in: { q: floats(), k: floats(undefined, { seed: 2 }), v: floats(undefined, { seed: 3 }) },
    run: [['y, state = ms.LinearAttention(q, k, v)', { q_num_heads: 4, kv_num_heads: 4, update_rule: 'linear' }]],
    layouts: { state: 'b...' },
  }),
  graph('LinearAttentionGate', {
    in: { a: floats([2, 3, 4]) },
    weights: { t: weight([4]), d: weight([4], { seed: 2 }) },
    run: ['y = ms.LinearAttentionGate(a, t, d)'],
  }),
  graph('CausalConvWithState', {
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { w: weight([16, 1, 4]), c: weight([16]) },
    run: ['y, state = ms.CausalConvWithState(x, w, c)'],
    layouts: { state: 'b..' },
  }),
  graph('GatedRMSNorm', {
    in: { x, gate: floats(undefined, { seed: 2 }) },
    weights: { w: positive([16]) },
    run: ['y = ms.GatedRMSNorm(x, w, gate)'],
  }),
  graph('GatedAdd', {
    in: { x, z: floats(undefined, { seed: 2 }), gate: floats([2, 3, 1], { seed: 3 }) },
    run: ['y = ms.GatedAdd(x, z, gate)'],
  }),
  graph('MoE', {
    in: { x: floats([6, 16], { layout: '..' }) },
    weights: { router: weight([6, 4]), fc1: weight([4, 8, 16]), fc2: weight([4, 16, 8]) },
    run: [['y = ms.MoE(x, router, fc1, _, fc2)', { k: 2, activation_type: 'relu', normalize_routing_weights: 1 }]],
  }),
  graph('EmbedLayerNormalization', {
    in: { input_ids: ids([2, 3], 7, 'int32'), segment_ids: ids([2, 3], 2, 'int32'), attention_mask: padding },
    weights: {
      words: weight([7, 16]),
      places: weight([8, 16]),
      segments: weight([2, 16]),
      w: positive([16]),
      c: weight([16]),
    },
    run: [
      [
        'y, m = ms.EmbedLayerNormalization(input_ids, segment_ids, words, places, segments, w, c, attention_mask)',
        norm,
      ],
    ],
    out: ['y', 'm'],
  }),
  graph('SkipLayerNormalization', {
    in: { x, skip: floats(undefined, { seed: 2 }) },
    weights: { w: positive([16]), c: weight([16]), d: weight([16], { seed: 2 }) },
    run: [['y, _, _, sum = ms.SkipLayerNormalization(x, skip, w, c, d)', norm]],
    out: ['y', 'sum'],
  }),
  graph('SkipSimplifiedLayerNormalization', {
    in: { x, skip: floats(undefined, { seed: 2 }) },
    weights: { w: positive([16]) },
    run: [['y, _, _, sum = ms.SkipSimplifiedLayerNormalization(x, skip, w)', norm]],
    out: ['y', 'sum'],
  }),
  graph('contrib RotaryEmbedding', {
    in: { x, position_ids },
    weights: cache,
    run: [['y = ms.RotaryEmbedding(x, position_ids, cos, sin)', { num_heads: 4 }]],
  }),
  graph('FastGelu with a bias', { in: { x }, weights: { c: weight([16]) }, run: ['y = ms.FastGelu(x, c)'] }),
  graph('BiasGelu', { in: { x }, weights: { c: weight([16]) }, run: ['y = ms.BiasGelu(x, c)'] }),
  graph('contrib Gelu', { in: { x }, run: ['y = ms.Gelu(x)'] }),
  graph('QuickGelu', { in: { x }, run: [['y = ms.QuickGelu(x)', { alpha: 1.702 }]] }),
  graph('FusedMatMul', {
    in: { q: four.q, k: four.k },
    run: [['y = ms.FusedMatMul(q, k)', { transB: 1, alpha: 0.5 }]],
    layouts: { y: 'b.sk' },
  }),
  graph('TransposeMatMul', {
    in: { x },
    weights: { w: weight([5, 16]) },
    run: [['y = ms.TransposeMatMul(x, w)', { transB: 1 }]],
  }),
  graph('FusedGemm', {
    in: { x: floats([2, 16]) },
    weights: { w: weight([16, 5]) },
    run: [['y = ms.FusedGemm(x, w)', { activation: 'Relu' }]],
  }),
  graph('FusedConv', {
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { w: weight([8, 16, 3]) },
    run: [['y = ms.FusedConv(x, w)', { activation: 'Relu', pads: [1, 1] }]],
  }),
  graph('NGramRepeatBlock', {
    in: { input_ids: ids([2, 3], 7), scores: floats([2, 7], { layout: 'b.' }) },
    run: [['y = ms.NGramRepeatBlock(input_ids, scores)', { ngram_size: 2 }]],
  }),
  graph('contrib Trilu', {
    in: { x: floats([2, 4, 3, 3], { layout: 'b.sk' }) },
    weights: { k: scalar(0, 'int64') },
    run: [['y = ms.Trilu(x, k)', { upper: 0 }]],
    layouts: { y: 'b.sk' },
  }),
];
