/** Operators that the engine has a schema for and no CPU kernel: refused by name, before anything is run. */
import type { Attributes, OperatorGraph } from './build';
import { bytes, constant, filled, floats, graph, scalar, weight } from './build';

export interface Refused {
  readonly operator: string;
  readonly graph: OperatorGraph;
}

/** One letter for each operand: x the input, w a matrix, r a row, s a scalar, i an integer row, q int8, t bool. */
const contrib = (op: string, operands: string, attributes: Attributes = {}): Refused => ({
  operator: `com.microsoft:${op}`,
  graph: graph(op, {
    in: { x: floats() },
    weights: {
      w: weight([16, 48]),
      r: weight([16]),
      s: scalar(0.1),
      i: constant('int32', [2], [0, 3]),
      q: bytes([2, 16, 16], 'int8'),
      t: filled([1], 1, 'bool'),
      n: constant('int64', [1], [3]),
    },
    run: [[`y = ms.${op}(${operands.split('').join(', ')})`, attributes], 'z = Exp(x)'],
    out: ['y', 'z'],
  }),
});
const heads = { num_heads: 4 };
const groups = { groups: 4, activation: 0 };

export const refused: readonly Refused[] = [
  contrib('BiasAdd', 'xrx'),
  contrib('BiasSplitGelu', 'xr'),
  contrib('GemmFastGelu', 'xwr'),
  contrib('GroupNorm', 'xrr', groups),
  contrib('SkipGroupNorm', 'xrrx', groups),
  contrib('NhwcConv', 'xw'),
  contrib('PackedAttention', 'xwrii', heads),
  contrib('PackedMultiHeadAttention', 'xxx_ii', heads),
  contrib('PagedAttention', 'xxxxxiii', { ...heads, kv_num_heads: 4 }),
  contrib('QOrderedAttention', 'qssssqqqsssrrr__s', { ...heads, order_input: 1, order_weight: 0, order_output: 1 }),
  contrib('QOrderedGelu', 'qss'),
  contrib('QOrderedLayerNormalization', 'qsrrs'),
  contrib('QOrderedMatMul', 'qsqss', { order_A: 1, order_B: 0, order_Y: 1 }),
  contrib('GatedRelativePositionBias', 'xrwwrr', heads),
  contrib('RelativePositionBias', 'wnn', { max_distance: 8 }),
  contrib('RemovePadding', 'xi'),
  contrib('RestorePadding', 'xi'),
  contrib('LongformerAttention', 'xwrwwri', { ...heads, window: 2 }),
  contrib('DecoderMaskedSelfAttention', 'xwr_x_i', heads),
  contrib('DecoderAttention', 'xxwwr___tttt', heads),
];
