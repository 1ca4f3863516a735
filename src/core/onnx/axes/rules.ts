/**
 * How each operator carries axes from its inputs to its outputs, and which axis of each input meets which axis of
 * the output. Sources: the ONNX operator specification and ONNX Runtime's contrib operators.
 */
import type { GraphNode } from '../graph';
import type { Rule } from './rule';
import { nothing } from './rule';
import { elementwise } from './rules/elementwise';
import { reshape, squeezing, transpose } from './rules/layout';
import { matmul, gemm, einsum } from './rules/products';
import { slice, split, concat, expand, tile, pad, convolution, reversed } from './rules/rowsTaken';
import { determinant, fourier, globalPool, samplesApart } from './rules/images';
import {
  batchNorm,
  groupNorm,
  instanceNorm,
  localResponseNorm,
  lpNorm,
  meanVarianceNorm,
  recurrence,
} from './rules/norms';
import { compress, gather, gatherElements, gatherNd, scatter, scatterElements, writeInto } from './rules/gathers';
import { reduce, argReduce, topK, softmax, layerNorm, skipNorm, cumSum } from './rules/reductions';
import {
  attentionGate,
  causalConvolution,
  dynamicallyQuantised,
  dynamicQuantize,
  everyThird,
  fusedMatMul,
  gatedNorm,
  packedProduct,
  relayed,
  slots,
} from './rules/fused';
import { fusedAttention, packedAttention } from './rules/attention';
import { shapeOnly, constant, oneHot, sameAsFirst } from './rules/plain';

const elementwiseOps =
  'Add Sub Mul Div Pow Mod Min Max Mean Sum And Or Xor Not Equal Greater GreaterOrEqual Less LessOrEqual Where ' +
  'Clip Relu Sigmoid HardSigmoid HardSwish Swish Mish Erf Tanh Sqrt Exp Log Neg Abs Reciprocal Cast CastLike Identity ' +
  'Dropout Gelu FastGelu QuickGelu BiasGelu Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh IsNaN IsInf ' +
  'Floor Ceil Round Sign Softplus Softsign LeakyRelu Elu Celu Selu ThresholdedRelu PRelu BitShift BitwiseAnd BitwiseOr ' +
  'BitwiseXor BitwiseNot QuantizeLinear DequantizeLinear Bernoulli Shrink BitCast GatedAdd';

const table: Record<string, Rule> = {
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: squeezing(false),
  Unsqueeze: squeezing(true),
  Transpose: transpose,
  MatMul: matmul,
  FusedMatMul: fusedMatMul,
  TransposeMatMul: fusedMatMul,
  MatMulInteger: matmul,
  MatMulIntegerToFloat: matmul,
  DynamicQuantizeMatMul: dynamicallyQuantised(matmul),
  DynamicQuantizeLinear: dynamicQuantize,
  DynamicQuantizeLSTM: dynamicallyQuantised(recurrence),
  MatMulNBits: packedProduct,
  MatMulBnb4: packedProduct,
  QLinearMatMul: relayed(slots(0, 3), matmul),
  QGemm: relayed(slots(0, 3), gemm),
  QLinearConv: relayed(slots(0, 3), convolution),
  QLinearAdd: relayed(slots(0, 3), elementwise),
  QLinearMul: relayed(slots(0, 3), elementwise),
  QLinearWhere: relayed(slots(0, 1, 4), elementwise),
  QLinearSigmoid: relayed(slots(0), elementwise),
  QLinearLeakyRelu: relayed(slots(0), elementwise),
  QLinearSoftmax: relayed(slots(0), softmax),
  QLinearConcat: relayed(everyThird, concat),
  QLinearAveragePool: relayed(slots(0), samplesApart),
  QLinearGlobalAveragePool: relayed(slots(0), samplesApart),
  Gemm: gemm,
  FusedGemm: gemm,
  Einsum: einsum,
  Slice: slice,
  Split: split,
  Concat: concat,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  Conv: convolution,
  FusedConv: convolution,
  ConvInteger: convolution,
  ConvTranspose: convolution,
  MaxPool: convolution,
  AveragePool: convolution,
  LpPool: convolution,
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  GlobalLpPool: globalPool,
  Resize: samplesApart,
  Upsample: samplesApart,
  GridSample: samplesApart,
  Col2Im: samplesApart,
  DepthToSpace: samplesApart,
  SpaceToDepth: samplesApart,
  STFT: samplesApart,
  DFT: fourier,
  Det: determinant,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherNd,
  ScatterND: scatter,
  Scatter: scatterElements,
  ScatterElements: scatterElements,
  TensorScatter: writeInto,
  Compress: compress,
  ReverseSequence: reversed,
  ArgMax: argReduce,
  ArgMin: argReduce,
  TopK: topK,
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  LayerNormalization: layerNorm,
  RMSNormalization: layerNorm,
  SimplifiedLayerNormalization: layerNorm,
  SkipLayerNormalization: skipNorm,
  SkipSimplifiedLayerNormalization: skipNorm,
  CumSum: cumSum,
  CumProd: cumSum,
  InstanceNormalization: instanceNorm,
  GroupNormalization: groupNorm,
  BatchNormalization: batchNorm,
  LpNormalization: lpNorm,
  MeanVarianceNormalization: meanVarianceNorm,
  LRN: localResponseNorm,
  LSTM: recurrence,
  GRU: recurrence,
  RNN: recurrence,
  Trilu: sameAsFirst,
  RotaryEmbedding: sameAsFirst,
  Attention: fusedAttention,
  'com.microsoft:Attention': packedAttention,
  'com.microsoft:MultiHeadAttention': fusedAttention,
  'com.microsoft:GroupQueryAttention': fusedAttention,
  'com.microsoft:DecoderMaskedMultiHeadAttention': fusedAttention,
  LinearAttention: fusedAttention,
  LinearAttentionGate: attentionGate,
  CausalConvWithState: causalConvolution,
  GatedRMSNorm: gatedNorm,
  NGramRepeatBlock: relayed(slots(1), sameAsFirst),
  Shape: shapeOnly,
  Size: shapeOnly,
  Constant: constant,
  OneHot: oneHot,
};
for (const op of elementwiseOps.split(' ')) table[op] = elementwise;
for (const op of 'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp'.split(
  ' ',
)) {
  table[op] = reduce;
}

export function ruleFor(node: GraphNode): Rule {
  return table[`${node.domain}:${node.op}`] ?? table[node.op] ?? nothing;
}

export const isElementwise = (node: GraphNode): boolean => table[node.op] === elementwise;
const orderKeepers = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);
export const keepsElementOrder = (node: GraphNode): boolean => orderKeepers.has(node.op);
