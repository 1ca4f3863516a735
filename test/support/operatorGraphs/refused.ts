/** Operators that the engine has a schema for and no CPU kernel: refused by name, before anything is run. */
import type { Attributes, OperatorGraph } from './build';
import { bytes, constant, filled, floats, graph, scalar, weight } from './build';

export interface Refused {
  readonly operator: string;
  readonly graph: OperatorGraph;
}

const weights: Readonly<Record<string, ReturnType<typeof weight>>> = {
  w: weight([16, 48]),
  r: weight([16]),
  s: scalar(0.1),
  i: constant('int32', [2], [0, 3]),
  q: bytes([2, 16, 16], 'int8'),
  t: filled([1], 1, 'bool'),
  n: constant('int64', [1], [3]),
  k: weight([16, 16, 3]),
  m: weight([6, 16]),
  o: constant('int32', [2, 3], [0, 1, 2, 3, 4, 5]),
  p: weight([2, 2, 4, 5, 4]),
  h: weight([6, 16], { dtype: 'float16' }),
  g: weight([1, 8, 4, 4], { dtype: 'float16' }),
};

/** One letter for each operand: `x` the input, another one a constant, `_` none. */
const contrib = (op: string, operands: string, attributes: Attributes = {}, outputs = 'y'): Refused => ({
  operator: `com.microsoft:${op}`,
  graph: graph(op, {
    in: { x: floats() },
    weights: Object.fromEntries(Object.entries(weights).filter(([name]) => operands.includes(name))),
    run: [[`${outputs} = ms.${op}(${operands.split('').join(', ')})`, attributes], 'z = Exp(x)'],
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
  contrib('NhwcConv', 'xk'),
  contrib('PackedAttention', 'mwroi', heads),
  contrib('PackedMultiHeadAttention', 'mmm_oi', heads),
  contrib('PagedAttention', 'hhhggiii', { ...heads, kv_num_heads: 4 }, 'y, a, b'),
  contrib('QOrderedAttention', 'qssssqqqsssrrr__s', { ...heads, order_input: 1, order_weight: 0, order_output: 1 }),
  contrib('QOrderedGelu', 'qss'),
  contrib('QOrderedLayerNormalization', 'qsrrs'),
  contrib('QOrderedMatMul', 'qsqss', { order_A: 1, order_B: 0, order_Y: 1 }),
  contrib('GatedRelativePositionBias', 'xrwwrr', heads),
  contrib('RelativePositionBias', 'wnn', { max_distance: 8 }),
  contrib('RemovePadding', 'xi', {}, 'y, a, b, c'),
  contrib('RestorePadding', 'mo'),
  contrib('LongformerAttention', 'xwrwwri', { ...heads, window: 2 }),
  contrib('DecoderMaskedSelfAttention', 'xwr_p_i', heads, 'y, a'),
  contrib('DecoderAttention', 'xxwwr___tttt', heads),
];
