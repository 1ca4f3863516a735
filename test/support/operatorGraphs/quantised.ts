/** Quantised operators, weights of few bits, and the types around them. */
import type { OperatorGraph } from './build';
import { bytes, constant, filled, floats, graph, ids, positive, scalar, weight, whole } from './build';

const x = floats();
const norm = { epsilon: 1e-5 };

export const quantised: readonly OperatorGraph[] = [
  graph('QuantizeLinear and DequantizeLinear', {
    opset: 13,
    in: { x },
    weights: { s: scalar(0.01), z: scalar(10, 'uint8') },
    run: ['q = QuantizeLinear(x, s, z)', 'y = DequantizeLinear(q, s, z)'],
    out: ['q', 'y'],
  }),
  graph('DequantizeLinear of weights, by channel', {
    opset: 13,
    in: { x },
    weights: { q: bytes([16, 5], 'int8'), s: positive([5]) },
    run: [['w = DequantizeLinear(q, s)', { axis: 1 }], 'y = MatMul(x, w)'],
    layouts: { w: '..' },
  }),
  graph('DequantizeLinear in blocks', {
    opset: 21,
    in: { x },
    weights: { q: bytes([16, 5], 'int8'), s: positive([4, 5]) },
    run: [['w = DequantizeLinear(q, s)', { axis: 0, block_size: 4 }], 'y = MatMul(x, w)'],
    layouts: { w: '..' },
  }),
  graph('DynamicQuantizeLinear and MatMulInteger', {
    opset: 11,
    in: { x },
    weights: { w: bytes([16, 5]), wz: scalar(128, 'uint8'), ws: scalar(0.004) },
    run: [
      'q, s, z = DynamicQuantizeLinear(x)',
      'i = MatMulInteger(q, w, z, wz)',
      ['f = Cast(i)', { to: 1 }],
      'sw = Mul(s, ws)',
      'y = Mul(f, sw)',
    ],
  }),
  graph('ConvInteger', {
    opset: 10,
    in: {
      x: whole(
        'uint8',
        [2, 16, 3],
        Array.from({ length: 96 }, (_, i) => (i * 29) % 256),
        'b.s',
      ),
    },
    weights: { w: bytes([8, 16, 1]) },
    run: ['i = ConvInteger(x, w)', ['y = Cast(i)', { to: 1 }]],
  }),
  graph('QLinearMatMul', {
    opset: 21,
    in: { x },
    weights: {
      s: scalar(0.01),
      z: scalar(10, 'uint8'),
      w: bytes([16, 5]),
      ws: scalar(0.004),
      wz: scalar(128, 'uint8'),
      ys: scalar(0.02),
      yz: scalar(128, 'uint8'),
    },
    run: [
      'q = QuantizeLinear(x, s, z)',
      'm = QLinearMatMul(q, s, z, w, ws, wz, ys, yz)',
      'y = DequantizeLinear(m, ys, yz)',
    ],
  }),
  graph('QLinearConv', {
    opset: 10,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: {
      s: scalar(0.01),
      z: scalar(10, 'uint8'),
      w: bytes([8, 16, 1]),
      ws: scalar(0.004),
      wz: scalar(128, 'uint8'),
      ys: scalar(0.02),
      yz: scalar(128, 'uint8'),
    },
    run: [
      'q = QuantizeLinear(x, s, z)',
      'm = QLinearConv(q, s, z, w, ws, wz, ys, yz)',
      'y = DequantizeLinear(m, ys, yz)',
    ],
  }),
  graph('QLinearAdd, QLinearMul, QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax', {
    in: { x },
    weights: { s: scalar(0.01), z: scalar(10, 'uint8') },
    run: [
      'q = QuantizeLinear(x, s, z)',
      'a = ms.QLinearAdd(q, s, z, q, s, z, s, z)',
      'm = ms.QLinearMul(a, s, z, q, s, z, s, z)',
      'g = ms.QLinearSigmoid(m, s, z, s, z)',
      ['r = ms.QLinearLeakyRelu(g, s, z, s, z)', { alpha: 0.1 }],
      ['p = ms.QLinearSoftmax(r, s, z, s, z)', { axis: -1, opset: 17 }],
      ['c = ms.QLinearConcat(s, z, p, s, z, q, s, z)', { axis: 2 }],
      'y = ms.DequantizeLinear(c, s, z)',
    ],
  }),
  graph('QLinearWhere', {
    in: { x, keep: whole('bool', [2, 3, 1], [1, 0, 1, 1, 1, 0]) },
    weights: { s: scalar(0.01), z: scalar(10, 'uint8'), o: bytes([1], 'uint8') },
    run: [
      'q = ms.QuantizeLinear(x, s, z)',
      'w = ms.QLinearWhere(keep, q, s, z, o, s, z, s, z)',
      'y = DequantizeLinear(w, s, z)',
    ],
  }),
  graph('QGemm', {
    in: { x: floats([2, 16]) },
    weights: {
      s: scalar(0.01),
      z: scalar(10, 'uint8'),
      w: bytes([16, 5]),
      ws: scalar(0.004),
      wz: scalar(128, 'uint8'),
    },
    run: ['q = QuantizeLinear(x, s, z)', 'y = ms.QGemm(q, s, z, w, ws, wz)'],
  }),
  graph('QLinearAveragePool and QLinearGlobalAveragePool', {
    in: { x: floats([2, 5, 4, 4], { layout: 'b...' }) },
    weights: { s: scalar(0.01), z: scalar(10, 'uint8') },
    run: [
      'q = QuantizeLinear(x, s, z)',
      ['a = ms.QLinearAveragePool(q, s, z, s, z)', { kernel_shape: [2, 2] }],
      ['g = ms.QLinearGlobalAveragePool(q, s, z, s, z)', { channels_last: 0 }],
      'y = DequantizeLinear(g, s, z)',
    ],
    out: ['y', 'a'],
    layouts: { y: 'b...' },
  }),
  graph('MatMulIntegerToFloat', {
    in: { x },
    weights: { w: bytes([16, 5]), wz: scalar(128, 'uint8'), ws: scalar(0.004) },
    run: ['q, s, z = DynamicQuantizeLinear(x)', 'y = ms.MatMulIntegerToFloat(q, w, s, ws, z, wz)'],
  }),
  graph('DynamicQuantizeMatMul', {
    in: { x },
    weights: { w: bytes([16, 5]), ws: scalar(0.004), wz: scalar(128, 'uint8') },
    run: ['y = ms.DynamicQuantizeMatMul(x, w, ws, wz)'],
  }),
  graph('MatMulNBits', {
    in: { x: floats([2, 3, 32]) },
    weights: { w: bytes([5, 1, 16]), s: positive([5]) },
    run: [['y = ms.MatMulNBits(x, w, s)', { K: 32, N: 5, bits: 4, block_size: 32 }]],
  }),
  graph('MatMulNBits of eight bits, exact', {
    in: { x: floats([2, 3, 32]) },
    weights: { w: bytes([5, 1, 32]), s: positive([5]), z: bytes([5]) },
    run: [['y = ms.MatMulNBits(x, w, s, z)', { K: 32, N: 5, bits: 8, block_size: 32 }]],
  }),
  graph('MatMulBnb4', {
    in: { x: floats([2, 3, 16]) },
    weights: { w: bytes([40]), s: positive([5]) },
    run: [['y = ms.MatMulBnb4(x, w, s)', { K: 16, N: 5, block_size: 16, quant_type: 1 }]],
  }),
  graph('GatherBlockQuantized', {
    in: { input_ids: ids([2, 3], 7) },
    weights: { w: bytes([7, 8]), s: positive([7, 1]) },
    run: [
      ['y = ms.GatherBlockQuantized(w, input_ids, s)', { bits: 4, block_size: 16, gather_axis: 0, quantize_axis: 1 }],
    ],
  }),
  graph('QMoE', {
    in: { x: floats([6, 16], { layout: '..' }) },
    weights: {
      router: weight([6, 4]),
      fc1: bytes([4, 8, 8]),
      s1: positive([4, 8]),
      fc2: bytes([4, 16, 4]),
      s2: positive([4, 16]),
    },
    prepackingMatters: true,
    run: [
      [
        'y = ms.QMoE(x, router, fc1, s1, _, fc2, s2)',
        { k: 2, activation_type: 'relu', expert_weight_bits: 4, normalize_routing_weights: 1 },
      ],
    ],
  }),
  graph('QEmbedLayerNormalization', {
    in: { input_ids: ids([2, 3], 7, 'int32'), segment_ids: ids([2, 3], 2, 'int32') },
    weights: {
      words: bytes([7, 16]),
      places: bytes([8, 16]),
      segments: bytes([2, 16]),
      w: bytes([16]),
      c: bytes([16]),
      s: scalar(0.01),
      z: scalar(100, 'uint8'),
      m: filled([2, 3], 1, 'int32'),
    },
    run: [
      [
        'y, n = ms.QEmbedLayerNormalization(input_ids, segment_ids, words, places, segments, w, c, m, s, s, s, s, s, z, z, z, z, z)',
        norm,
      ],
    ],
    out: ['y'],
  }),
  graph('DynamicQuantizeLSTM', {
    in: { x: floats([3, 2, 16]) },
    weights: {
      w: bytes([1, 16, 16]),
      r: bytes([1, 4, 16]),
      s: constant('float32', [1], [0.01]),
      z: constant('uint8', [1], [128]),
      c: weight([1, 32]),
    },
    run: [['y, h = ms.DynamicQuantizeLSTM(x, w, r, c, _, _, _, _, s, z, s, z)', { hidden_size: 4 }]],
    layouts: { y: 's.b.', h: '.b.' },
    undefinedWithNaN: true,
  }),
  graph('int4 weights', {
    opset: 21,
    in: { x },
    weights: { w: weight([16]), s: scalar(0.1) },
    run: [['q = QuantizeLinear(w, s)', { output_dtype: 22 }], 'f = DequantizeLinear(q, s)', 'y = Mul(x, f)'],
    layouts: { f: '.' },
  }),
];
