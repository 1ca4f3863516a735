/**
 * The operators found in exported attention models, and where each list comes from. A name without a domain is
 * ONNX's own; `com.microsoft:` are ONNX Runtime's.
 */
const list = (names: string): readonly string[] => names.split(/\s+/).filter((name) => name !== '');
const contrib = (names: string): readonly string[] => list(names).map((name) => `com.microsoft:${name}`);

export interface OperatorSource {
  readonly source: string;
  readonly operators: readonly string[];
}

export const operatorSources: readonly OperatorSource[] = [
  {
    source: 'torch.onnx.export of PyTorch 1.13: every operator that its symbolic functions for opsets 9 to 17 emit',
    operators: list(`
      Abs Acos Add And ArgMax ArgMin Asin Atan AveragePool BatchNormalization Bernoulli BitShift Cast Ceil Celu Clip
      Concat ConcatFromSequence Constant ConstantOfShape Conv ConvTranspose Cos CumSum DepthToSpace DequantizeLinear
      Det Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gemm
      GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample HardSigmoid HardSwish Identity If
      InstanceNormalization IsInf IsNaN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax Loop MatMul
      Max MaxPool Min Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonZero Not OneHot OptionalGetElement
      OptionalHasElement Or PRelu Pad Pow QuantizeLinear RNN RandomNormal RandomNormalLike RandomUniform
      RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd
      ReduceSum Relu Reshape Resize Round Scatter ScatterElements ScatterND Selu SequenceAt SequenceEmpty SequenceErase
      SequenceInsert SequenceLength Shape Sigmoid Sign Sin Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign
      Split SplitToSequence Sqrt Squeeze Sub Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze
      Upsample Where Xor`),
  },
  {
    source: 'torch.onnx.export(dynamo=True): every operator in the torch library of onnxscript 0.7.2',
    operators: list(`
      Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Bernoulli BitShift
      BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu Clip Col2Im Compress Concat
      ConcatFromSequence Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DFT DepthToSpace DequantizeLinear
      Det Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gemm
      Greater GreaterOrEqual GridSample HammingWindow HannWindow HardSigmoid HardSwish Identity InstanceNormalization
      IsInf IsNaN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool MaxRoiPool Min
      Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not Or PRelu Pad Pow
      QuantizeLinear RandomNormalLike RandomUniformLike Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax
      ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Resize RoiAlign Round STFT ScatterElements ScatterND Selu
      SequenceAt SequenceEmpty SequenceInsert SequenceMap Shape Sigmoid Sign Sin Sinh Size Slice Softmax
      SoftmaxCrossEntropyLoss Softplus Split SplitToSequence Sqrt Squeeze Sub Tan Tanh Tile TopK Transpose Trilu Unique
      Unsqueeze Where Xor`),
  },
  {
    source: 'ONNX operators made for attention models, opsets 20 to 26',
    operators: list(
      'Attention BitCast CumProd Gelu GroupNormalization RMSNormalization RotaryEmbedding Swish TensorScatter',
    ),
  },
  {
    source: 'the transformer optimiser of ONNX Runtime 1.30, which Optimum calls: operators that its fusions create',
    operators: [
      'SimplifiedLayerNormalization',
      'LpNormalization',
      'SpaceToDepth',
      ...contrib(`
      Attention BiasAdd BiasGelu BiasSplitGelu DecoderMaskedMultiHeadAttention EmbedLayerNormalization FastGelu FusedMatMul
      Gelu GemmFastGelu GroupNorm GroupQueryAttention MultiHeadAttention NhwcConv PackedAttention
      PackedMultiHeadAttention PagedAttention QOrderedAttention QOrderedGelu QOrderedLayerNormalization QOrderedMatMul
      QuickGelu GatedRelativePositionBias RelativePositionBias RemovePadding RestorePadding RotaryEmbedding SkipGroupNorm
      SkipLayerNormalization SkipSimplifiedLayerNormalization`),
    ],
  },
  {
    source: 'the quantisers of ONNX Runtime 1.30',
    operators: [
      ...list(
        'ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger QLinearConv QLinearMatMul QuantizeLinear',
      ),
      ...contrib(`
      DequantizeLinear DynamicQuantizeLSTM DynamicQuantizeMatMul GatherBlockQuantized MatMulBnb4 MatMulIntegerToFloat
      MatMulNBits QAttention QEmbedLayerNormalization QGemm QLinearAdd QLinearAveragePool QLinearConcat
      QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearSigmoid QLinearSoftmax QLinearWhere QMoE
      QuantizeLinear`),
    ],
  },
  {
    source:
      'model builders for generation with ONNX Runtime: grouped, linear and sparse attention, mixtures of experts',
    operators: contrib(`
      CausalConvWithState GatedAdd GatedRMSNorm LinearAttention LinearAttentionGate MoE NGramRepeatBlock FusedConv FusedGemm
      TransposeMatMul Trilu SparseAttention LongformerAttention DecoderMaskedSelfAttention DecoderAttention BeamSearch
      GreedySearch Sampling`),
  },
];

/** What is not run by a graph, and why. */
export const notByGraph: Readonly<Record<string, string>> = {
  'com.microsoft:SparseAttention':
    'wants caches of whole blocks, shared between input and output, which no plain run feeds',
  'com.microsoft:BeamSearch': 'runs a whole decoder many times; its decoder is the model to diagnose',
  'com.microsoft:GreedySearch': 'runs a whole decoder many times; its decoder is the model to diagnose',
  'com.microsoft:Sampling': 'runs a whole decoder many times; its decoder is the model to diagnose',
};
