/** The same attention in every opset. */
import type { OperatorGraph } from './build';
import { floats, graph, integers, scalar, weight, whole } from './build';

const x = floats();

/** One attention block as exporters of that time wrote it. */
function block(opset: number): OperatorGraph {
  const asInput = opset >= 13;
  const axes = asInput ? { last: integers(-1), heads: integers(1) } : {};
  const newMean = opset >= 18;
  return graph(`an attention block in opset ${String(opset)}`, {
    opset,
    in: { x, attention_mask: whole('int64', [2, 3], [0, 1, 1, 1, 1, 1]) },
    weights: {
      ...axes,
      axis: integers(-1),
      wq: weight([16, 16]),
      wk: weight([16, 16], { seed: 2 }),
      wv: weight([16, 16], { seed: 3 }),
      split: integers(0, 0, 4, 4),
      join: integers(0, 0, 16),
      scale: scalar(0.5),
      one: scalar(1),
      low: scalar(-10000),
      eps: scalar(1e-5),
      two: scalar(2),
    },
    run: [
      newMean ? 'mean = ReduceMean(x, axis)' : ['mean = ReduceMean(x)', { axes: [-1] }],
      'centred = Sub(x, mean)',
      'squares = Pow(centred, two)',
      newMean ? 'variance = ReduceMean(squares, axis)' : ['variance = ReduceMean(squares)', { axes: [-1] }],
      'stable = Add(variance, eps)',
      'deviation = Sqrt(stable)',
      'normed = Div(centred, deviation)',
      ...['q', 'k', 'v'].flatMap((own): readonly (string | readonly [string, { perm: number[] }])[] => [
        `${own}0 = MatMul(normed, w${own})`,
        `${own}1 = Reshape(${own}0, split)`,
        [`${own} = Transpose(${own}1)`, { perm: own === 'k' ? [0, 2, 3, 1] : [0, 2, 1, 3] }],
      ]),
      'raw = MatMul(q, k)',
      'scores = Mul(raw, scale)',
      ...(asInput
        ? ['m1 = Unsqueeze(attention_mask, heads)', 'm2 = Unsqueeze(m1, heads)']
        : [['m2 = Unsqueeze(attention_mask)', { axes: [1, 2] }] as const]),
      ['m3 = Cast(m2)', { to: 1 }],
      'm4 = Sub(one, m3)',
      'm5 = Mul(m4, low)',
      'masked = Add(scores, m5)',
      ['p = Softmax(masked)', { axis: opset < 13 ? 3 : -1 }],
      'read = MatMul(p, v)',
      ['back = Transpose(read)', { perm: [0, 2, 1, 3] }],
      'joined = Reshape(back, join)',
      'y = Add(x, joined)',
    ],
    layouts: { raw: 'b.sk', scores: 'b.sk', masked: 'b.sk', p: 'b.sk', k: 'b..s', m3: 'b..k', m4: 'b..k', m5: 'b..k' },
  });
}

export const everyOpset: readonly OperatorGraph[] = Array.from({ length: 18 }, (_, i) => block(9 + i));
