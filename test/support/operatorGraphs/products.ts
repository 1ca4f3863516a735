/** Products, reductions, normalisations, softmaxes, convolutions, recurrences. */
import type { Attributes, OperatorGraph, Where } from './build';
import { constant, filled, floats, graph, integers, positions, positive, scalar, weight, whole } from './build';

const x = floats();
const merged: Where = (row = 0) => [Math.floor(row / positions), row % positions];
const square = { q: floats([2, 4, 3, 4]), k: floats([2, 4, 3, 4], { seed: 2 }) };

export const products: readonly OperatorGraph[] = [
  graph('MatMul with a weight', { opset: 13, in: { x }, weights: { w: weight([16, 5]) }, run: ['y = MatMul(x, w)'] }),
  graph('MatMul of queries and keys', {
    opset: 9,
    in: square,
    run: [['t = Transpose(k)', { perm: [0, 1, 3, 2] }], 'y = MatMul(q, t)'],
    layouts: { y: 'b.sk' },
  }),
  graph('MatMul with a vector', { opset: 13, in: { x }, weights: { w: weight([16]) }, run: ['y = MatMul(x, w)'] }),
  graph('Gemm', {
    opset: 13,
    in: { x: floats([2, 16]) },
    weights: { w: weight([5, 16]), c: weight([5]) },
    run: [['y = Gemm(x, w, c)', { transB: 1, alpha: 0.5 }]],
  }),
  graph('Gemm of flattened rows', {
    opset: 11,
    in: { x },
    weights: { w: weight([16, 5]), flat: integers(-1, 16), back: integers(2, 3, 5) },
    run: ['a = Reshape(x, flat)', 'g = Gemm(a, w)', 'y = Reshape(g, back)'],
    layouts: { a: merged, g: merged },
  }),
  graph('Einsum of scores', {
    opset: 12,
    in: { q: floats([2, 3, 4, 4]), k: floats([2, 3, 4, 4], { seed: 2 }) },
    run: [['y = Einsum(q, k)', { equation: 'bqhd,bkhd->bhqk' }]],
    layouts: { y: 'b.sk' },
  }),
  graph('Einsum with a weight', {
    opset: 12,
    in: { x },
    weights: { w: weight([16, 4, 5]) },
    run: [['y = Einsum(x, w)', { equation: 'bsd,dhe->bshe' }]],
  }),
  graph('Einsum of one', { opset: 15, in: { x }, run: [['y = Einsum(x)', { equation: 'bsd->bds' }]] }),
  graph('Conv over positions', {
    opset: 11,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { w: weight([8, 16, 3]) },
    run: [['y = Conv(x, w)', { pads: [1, 1] }]],
  }),
  graph('Conv, causal and depthwise', {
    opset: 22,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { w: weight([16, 1, 3]), c: weight([16]) },
    run: [['y = Conv(x, w, c)', { pads: [2, 0], group: 16 }]],
  }),
  graph('Conv of patches', {
    opset: 11,
    in: { x: floats([2, 5, 8, 8], { layout: 'b...' }) },
    weights: { w: weight([16, 5, 4, 4]) },
    run: [['y = Conv(x, w)', { strides: [4, 4] }]],
    layouts: { y: 'b...' },
  }),
  graph('ConvTranspose', {
    opset: 11,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { w: weight([16, 8, 1]) },
    run: ['y = ConvTranspose(x, w)'],
    untold: ['y'],
  }),
  graph('MaxPool', {
    opset: 12,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    run: [['y = MaxPool(x)', { kernel_shape: [3], pads: [1, 1] }]],
  }),
  graph('AveragePool', {
    opset: 19,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    run: [['y = AveragePool(x)', { kernel_shape: [3], pads: [1, 1] }]],
  }),
  graph('GlobalAveragePool and GlobalMaxPool', {
    opset: 13,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    run: ['a = GlobalAveragePool(x)', 'm = GlobalMaxPool(x)', 'y = Add(a, m)'],
    undefinedWithNaN: false,
  }),
  graph('LpPool and GlobalLpPool', {
    opset: 11,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    run: [['a = LpPool(x)', { kernel_shape: [3], pads: [1, 1] }], 'y = GlobalLpPool(a)'],
  }),
  graph('LSTM', {
    opset: 14,
    in: { x: floats([3, 2, 16]) },
    weights: { w: weight([1, 16, 16]), r: weight([1, 16, 4]), c: weight([1, 32]) },
    run: [['y, h, s = LSTM(x, w, r, c)', { hidden_size: 4 }]],
    out: ['y', 'h'],
    // Its gates are clamped: NaN comes out as some number.
    undefinedWithNaN: true,
    layouts: { y: 's.b.', h: '.b.', s: '.b.' },
  }),
  graph('GRU', {
    opset: 14,
    in: { x: floats([3, 2, 16]) },
    weights: { w: weight([1, 12, 16]), r: weight([1, 12, 4]) },
    run: [['y, h = GRU(x, w, r)', { hidden_size: 4 }]],
    layouts: { y: 's.b.', h: '.b.' },
  }),
  graph('RNN', {
    opset: 14,
    in: { x: floats([3, 2, 16]) },
    weights: { w: weight([1, 4, 16]), r: weight([1, 4, 4]) },
    run: [['y, h = RNN(x, w, r)', { hidden_size: 4 }]],
    layouts: { y: 's.b.', h: '.b.' },
  }),
];

const reductions: readonly string[] =
  'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare'.split(
    ' ',
  );
const norm: Attributes = { axis: -1, epsilon: 1e-5 };

export const reductionsAndNorms: readonly OperatorGraph[] = [
  ...reductions.map((op, i) => {
    const byInput = i % 2 === 0 || op === 'ReduceMean';
    return byInput
      ? graph(`${op}, axes as an input`, {
          opset: 18 + (i % 5),
          in: { x },
          weights: { axes: integers(2) },
          run: [`y = ${op}(x, axes)`],
        })
      : graph(`${op}, axes as an attribute`, {
          opset: 9 + (i % 4),
          in: { x },
          run: [[`y = ${op}(x)`, { axes: [2], keepdims: 0 }]],
        });
  }),
  graph('ReduceMean over positions', { opset: 13, in: { x }, run: [['y = ReduceMean(x)', { axes: [1] }]] }),
  graph('ReduceSum of everything', { opset: 13, in: { x }, run: [['y = ReduceSum(x)', { keepdims: 0 }]] }),
  graph('ReduceSum of nothing', {
    opset: 13,
    in: { x },
    weights: { none: integers() },
    run: [['y = ReduceSum(x, none)', { noop_with_empty_axes: 1 }]],
  }),
  graph('mean pooling with a mask', {
    opset: 13,
    in: { x, attention_mask: whole('int64', [2, 3], [0, 1, 1, 1, 1, 1]) },
    weights: { last: integers(-1), one: integers(1), floor: scalar(1e-9) },
    run: [
      ['m = Cast(attention_mask)', { to: 1 }],
      'u = Unsqueeze(m, last)',
      'p = Mul(x, u)',
      ['s = ReduceSum(p, one)', { keepdims: 0 }],
      ['n = ReduceSum(u, one)', { keepdims: 0 }],
      'c = Clip(n, floor)',
      'y = Div(s, c)',
    ],
  }),
  graph('CumSum over positions', {
    opset: 14,
    in: { x },
    weights: { axis: scalar(1, 'int64') },
    run: ['y = CumSum(x, axis)'],
  }),
  graph('CumSum, exclusive and reversed', {
    opset: 11,
    in: { x },
    weights: { axis: scalar(2, 'int32') },
    run: [['y = CumSum(x, axis)', { exclusive: 1, reverse: 1 }]],
  }),
  graph('CumProd', { opset: 26, in: { x }, weights: { axis: scalar(2, 'int64') }, run: ['y = CumProd(x, axis)'] }),
  graph('Softmax', { opset: 13, in: { x }, run: [['y = Softmax(x)', { axis: -1 }]] }),
  graph('Softmax, flattening', { opset: 11, in: { x }, run: [['y = Softmax(x)', { axis: 2 }]] }),
  graph('Softmax over keys', {
    opset: 13,
    in: { x: floats([2, 4, 3, 3], { layout: 'b.sk' }) },
    run: ['y = Softmax(x)'],
    layouts: { y: 'b.sk' },
  }),
  graph('LogSoftmax', { opset: 13, in: { x }, run: [['y = LogSoftmax(x)', { axis: -1 }]] }),
  graph('LayerNormalization', {
    opset: 17,
    in: { x },
    weights: { w: positive([16]), c: weight([16]) },
    run: [['y = LayerNormalization(x, w, c)', norm]],
  }),
  graph('LayerNormalization with its statistics', {
    opset: 17,
    in: { x },
    weights: { w: positive([16]) },
    run: [['y, m, v = LayerNormalization(x, w)', norm]],
    out: ['y', 'm', 'v'],
  }),
  graph('RMSNormalization', {
    opset: 23,
    in: { x },
    weights: { w: positive([16]) },
    run: [['y = RMSNormalization(x, w)', norm]],
  }),
  graph('SimplifiedLayerNormalization', {
    opset: 17,
    in: { x },
    weights: { w: positive([16]) },
    run: [['y = SimplifiedLayerNormalization(x, w)', norm]],
  }),
  graph('RMS norm in plain operators', {
    opset: 17,
    in: { x },
    weights: { two: scalar(2), eps: scalar(1e-6), w: positive([16]), one: scalar(1) },
    run: [
      'p = Pow(x, two)',
      ['m = ReduceMean(p)', { axes: [-1] }],
      'a = Add(m, eps)',
      'r = Sqrt(a)',
      'i = Div(one, r)',
      'n = Mul(x, i)',
      'y = Mul(w, n)',
    ],
  }),
  graph('InstanceNormalization', {
    opset: 22,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { w: positive([16]), c: weight([16]) },
    run: ['y = InstanceNormalization(x, w, c)'],
  }),
  graph('BatchNormalization', {
    opset: 15,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { w: positive([16]), c: weight([16]), m: weight([16], { seed: 3 }), v: positive([16], 5) },
    run: ['y = BatchNormalization(x, w, c, m, v)'],
  }),
  graph('GroupNormalization', {
    opset: 21,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { w: positive([16]), c: weight([16]) },
    run: [['y = GroupNormalization(x, w, c)', { num_groups: 4 }]],
  }),
  graph('LpNormalization', { opset: 9, in: { x }, run: [['y = LpNormalization(x)', { axis: -1, p: 2 }]] }),
  graph('MeanVarianceNormalization', {
    opset: 13,
    in: { x },
    run: [['y = MeanVarianceNormalization(x)', { axes: [2] }]],
  }),
  graph('LRN', { opset: 13, in: { x: floats([2, 16, 3, 1], { layout: 'b.s.' }) }, run: [['y = LRN(x)', { size: 3 }]] }),
  graph('SoftmaxCrossEntropyLoss', {
    opset: 13,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { labels: constant('int64', [2, 3], [1, 2, 3, 4, 5, 6]) },
    run: [['y = SoftmaxCrossEntropyLoss(x, labels)', { reduction: 'none' }]],
    untold: ['y'],
  }),
  graph('NegativeLogLikelihoodLoss', {
    opset: 13,
    in: { x: floats([2, 16, 3], { layout: 'b.s' }) },
    weights: { labels: constant('int64', [2, 3], [1, 2, 3, 4, 5, 6]) },
    run: [['y = NegativeLogLikelihoodLoss(x, labels)', { reduction: 'none' }]],
    untold: ['y'],
  }),
  graph('DFT', {
    opset: 17,
    in: { x: floats([2, 3, 16, 1]) },
    run: [['y = DFT(x)', { axis: 2 }]],
    layouts: { y: 'bs..' },
  }),
  graph('STFT', {
    opset: 17,
    in: { x: floats([2, 16, 1], { layout: 'b..' }) },
    weights: { step: scalar(4, 'int64'), window: filled([8], 1) },
    run: ['y = STFT(x, step, window)'],
    layouts: { y: 'b...' },
  }),
  graph('windows', {
    opset: 17,
    in: { x },
    weights: { n: scalar(16, 'int64') },
    run: [
      'h = HannWindow(n)',
      'm = HammingWindow(n)',
      'k = BlackmanWindow(n)',
      'a = Mul(x, h)',
      'c = Mul(a, m)',
      'y = Mul(c, k)',
    ],
    layouts: { h: '.', m: '.', k: '.' },
  }),
];
