/** Softmax rows that are NaN, and whose doing it is: masks, finite masks that overflow, the scores themselves. */
import { TensorProto_DataType as DataType } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { Origin, Report } from '../../../src/core/report';
import { diagnosedModel } from '../../support/diagnosing';
import type { Masking } from '../../support/tinyAttention';
import { attentionModel, int, intList, ints, leftPadded, matrix, named, scalar } from '../../support/tinyAttention';

const diagnose = (masking: Masking, inputs = leftPadded(2)): Promise<Report> =>
  diagnosedModel(attentionModel(masking), inputs, { fixes: false, userLevel: 'disabled' });

async function onlyOrigin(masking: Masking, inputs = leftPadded(2)): Promise<Origin> {
  const { origins } = await diagnose(masking, inputs);
  expect(origins).toHaveLength(1);
  const origin = origins[0];
  if (!origin) throw new Error('no origin');
  return origin;
}
const row = (origin: Origin) =>
  origin.evidence.row as {
    position: number;
    negInf: number;
    posInf: number;
    keys: number;
    cells: string;
    by: Record<string, number>;
    parts: Record<string, string[]>;
  };
const why = (origin: Origin, mechanism: string): string =>
  (origin.evidence.declined as { mechanism: string; why: string }[]).find((item) => item.mechanism === mechanism)
    ?.why ?? '';

const softmaxNode = '/layers.0/self_attn/Softmax';

/** What one sample of five positions, the first three padding, must give in row 0: 4 later keys, 3 pads, 2 of them both. */
const row0 = {
  keys: 5,
  negInf: 5,
  cells: 'pbbcc',
  by: { causal: 4, padding: 3, both: 2, other: 0, overflow: 0, scores: 0 },
};
const rows012 = ['0-2', ''];

describe('fully-masked-row: which mask removed each key', () => {
  const forms: Record<string, Masking> = {
    'Where over Or of both': {
      nodes: [
        named('Or', 'Or', ['later', 'isPad'], 'gone'),
        named('W', 'Where', ['gone', 'minusInf', 'scores'], 'masked'),
      ],
    },
    'Where over And of what is allowed': {
      nodes: [
        named('Not', 'Not', ['later'], 'earlier'),
        named('And', 'And', ['earlier', 'realFlag'], 'allowed'),
        named('W', 'Where', ['allowed', 'scores', 'minusInf'], 'masked'),
      ],
    },
    'one additive mask made of both': {
      nodes: [
        named('Or', 'Or', ['later', 'isPad'], 'gone'),
        named('W', 'Where', ['gone', 'minusInf', 'zero'], 'bias'),
        named('Add', 'Add', ['scores', 'bias'], 'masked'),
      ],
    },
    'two additive masks, added first': {
      nodes: [
        named('W1', 'Where', ['later', 'minusInf', 'zero'], 'causal'),
        named('Log', 'Log', ['real'], 'padding'),
        named('Sum', 'Add', ['causal', 'padding'], 'bias'),
        named('Add', 'Add', ['bias', 'scores'], 'masked'),
      ],
    },
    'two additive masks, one after the other, around a scale': {
      nodes: [
        named('W1', 'Where', ['later', 'minusInf', 'zero'], 'causal'),
        named('W2', 'Where', ['isPad', 'minusInf', 'zero'], 'padding'),
        named('Mul', 'Mul', ['scores', 'half'], 'scaled'),
        named('A1', 'Add', ['scaled', 'causal'], 'first'),
        named('A2', 'Add', ['first', 'padding'], 'masked'),
      ],
      initializer: [scalar('half', 0.5)],
    },
    'padding filled into a causal mask': {
      nodes: [
        named('W1', 'Where', ['later', 'minusInf', 'zero'], 'causal'),
        named('W2', 'Where', ['isPad', 'minusInf', 'causal'], 'bias'),
        named('Add', 'Add', ['scores', 'bias'], 'masked'),
      ],
    },
    'through Expand, Slice and Unsqueeze, four axes': {
      nodes: [
        named('Or', 'Or', ['later', 'isPad'], 'gone'),
        named('W', 'Where', ['gone', 'minusInf', 'zero'], 'bias3'),
        named('U', 'Unsqueeze', ['bias3', 'axis1'], 'bias4'),
        named('E', 'Expand', ['bias4', 'heads'], 'bias'),
        named('U2', 'Unsqueeze', ['scores', 'axis1'], 'scores4'),
        named('Add', 'Add', ['scores4', 'bias'], 'masked4'),
        named('S', 'Slice', ['masked4', 'zeroAt', 'oneAt', 'axis1'], 'oneHead'),
        named('Q', 'Squeeze', ['oneHead', 'axis1'], 'masked'),
      ],
      initializer: [ints('heads', [1, 3, 1, 1]), ints('zeroAt', [0]), ints('oneAt', [1])],
    },
  };

  it.each(Object.entries(forms))('%s', async (_, masking) => {
    const origin = await onlyOrigin(masking);
    expect(origin).toMatchObject({ node: softmaxNode, mechanism: 'fully-masked-row', positions: rows012 });
    expect(row(origin)).toMatchObject(row0);
    expect(origin.explanation).toContain('4 by the causal mask, 3 by the padding mask, 2 of these by both');
  });

  it('LogSoftmax', async () => {
    const origin = await onlyOrigin({
      nodes: [
        named('Or', 'Or', ['later', 'isPad'], 'gone'),
        named('W', 'Where', ['gone', 'minusInf', 'scores'], 'masked'),
      ],
      softmax: [named('L', 'LogSoftmax', ['masked'], 'logp', int('axis', -1)), named('Exp', 'Exp', ['logp'], 'p')],
    });
    expect(origin).toMatchObject({ op: 'LogSoftmax', mechanism: 'fully-masked-row', positions: rows012 });
    expect(row(origin)).toMatchObject(row0);
  });

  it('an empty sample: padding alone removes every key of an encoder', async () => {
    const origin = await onlyOrigin(
      { nodes: [named('W', 'Where', ['isPad', 'minusInf', 'scores'], 'masked')] },
      leftPadded(0),
    );
    expect(origin).toMatchObject({ mechanism: 'fully-masked-row', positions: ['0-4', ''] });
    expect(row(origin)).toMatchObject({ cells: 'ppppp', by: { padding: 5, causal: 0, both: 0 } });
  });
});

describe('fully-masked-row: a softmax that is written out', () => {
  const gone: Masking['nodes'] = [
    named('Or', 'Or', ['later', 'isPad'], 'gone'),
    named('W', 'Where', ['gone', 'minusInf', 'scores'], 'masked'),
  ];
  it('with the maximum subtracted: born at Sub, the masks did it', async () => {
    const origin = await onlyOrigin({
      nodes: gone,
      softmax: [
        named('Max', 'ReduceMax', ['masked'], 'top', intList('axes', [-1])),
        named('/layers.0/self_attn/Sub', 'Sub', ['masked', 'top'], 'shifted'),
        named('Exp', 'Exp', ['shifted'], 'e'),
        named('Total', 'ReduceSum', ['e', 'last'], 'total'),
        named('Div', 'Div', ['e', 'total'], 'p'),
      ],
      initializer: [ints('last', [-1])],
    });
    expect(origin).toMatchObject({ op: 'Sub', mechanism: 'fully-masked-row', positions: rows012 });
    expect(row(origin)).toMatchObject(row0);
    expect(origin.explanation).toContain('x − max(x) is −inf − (−inf) = NaN');
  });

  const plain: Masking['softmax'] = [
    named('Exp', 'Exp', ['masked'], 'e'),
    named('Total', 'ReduceSum', ['e', 'last'], 'total'),
    named('/layers.0/self_attn/Div', 'Div', ['e', 'total'], 'p'),
  ];
  it('without: born at Div, 0 / 0, the masks did it', async () => {
    const origin = await onlyOrigin({ nodes: gone, softmax: plain, initializer: [ints('last', [-1])] });
    expect(origin).toMatchObject({ op: 'Div', mechanism: 'fully-masked-row', positions: rows012 });
    expect(row(origin)).toMatchObject(row0);
    expect(origin.explanation).toContain('0 / 0 = NaN');
  });

  it('looks alike: finite scores whose exp overflows are inf-over-inf, told as what they are', async () => {
    const origin = await onlyOrigin(
      { nodes: [named('I', 'Identity', ['scores'], 'masked')], softmax: plain, initializer: [ints('last', [-1])] },
      leftPadded(5, 20),
    );
    expect(origin).toMatchObject({ op: 'Div', mechanism: 'inf-over-inf' });
    expect(origin.explanation).toContain('without subtracting');
  });
});

describe('looks like a fully masked row and is none', () => {
  it('the scores themselves are −inf: unknown, and said so', async () => {
    const origin = await onlyOrigin(
      {
        before: [named('Id', 'Identity', ['x'], 'k'), named('Neg', 'Neg', ['x'], 'q')],
        nodes: [named('W', 'Where', ['isPad', 'minusInf', 'scores'], 'masked')],
      },
      leftPadded(2, 2e20),
    );
    expect(origin.mechanism).toBe('unknown');
    expect(row(origin)).toMatchObject({ cells: 'pppss', by: { padding: 3, scores: 5 } });
    expect(why(origin, 'fully-masked-row')).toContain('−inf before any mask');
    expect(origin.explanation).toContain('by the scores themselves');
  });

  it('no mask at all', async () => {
    const origin = await onlyOrigin(
      {
        before: [named('Id', 'Identity', ['x'], 'k'), named('Neg', 'Neg', ['x'], 'q')],
        nodes: [named('I', 'Identity', ['scores'], 'masked')],
      },
      leftPadded(5, 2e20),
    );
    expect(origin.mechanism).toBe('unknown');
    expect(why(origin, 'fully-masked-row')).toContain('no mask is applied');
  });
});

describe('mask-overflow', () => {
  it('the lowest float32 twice: the padding mask is applied two times', async () => {
    const origin = await onlyOrigin(
      {
        nodes: [
          named('W', 'Where', ['isPad', 'lowest', 'zero'], 'bias'),
          named('A1', 'Add', ['scores', 'bias'], 'once'),
          named('A2', 'Add', ['once', 'bias'], 'masked'),
        ],
      },
      leftPadded(0),
    );
    expect(origin).toMatchObject({ node: softmaxNode, mechanism: 'mask-overflow', positions: ['0-4', ''] });
    expect(origin.evidence.overflow).toMatchObject({ node: 'A2', op: 'Add', result: '-Infinity', dtype: 'float32' });
    expect(origin.explanation).toContain('(−3.40282e+38) + (−3.40282e+38) = −inf in float32');
    expect(row(origin)).toMatchObject({ cells: 'vvvvv', by: { overflow: 5, padding: 5 } });
  });

  it('causal and padding planes summed before the scores', async () => {
    const origin = await onlyOrigin(
      {
        nodes: [
          named('Sub', 'Sub', ['one', 'real'], 'pad'),
          named('Mul', 'Mul', ['pad', 'lowest'], 'padding'),
          named('W', 'Where', ['every', 'lowest', 'zero'], 'causal'),
          named('Sum', 'Add', ['causal', 'padding'], 'bias'),
          named('Add', 'Add', ['scores', 'bias'], 'masked'),
        ],
        initializer: [{ name: 'every', dims: [5n, 5n], dataType: DataType.BOOL, int32Data: Array<number>(25).fill(1) }],
      },
      leftPadded(0),
    );
    expect(origin).toMatchObject({ mechanism: 'mask-overflow', positions: ['0-4', ''] });
    expect(origin.evidence.overflow).toMatchObject({ node: 'Sum', tensors: ['causal', 'padding'] });
  });

  it('partly −inf masks, partly overflow: both are said', async () => {
    const origin = await onlyOrigin(
      {
        nodes: [
          named('W1', 'Where', ['later', 'minusInf', 'zero'], 'causal'),
          named('W2', 'Where', ['isPad', 'lowest', 'zero'], 'padding'),
          named('A1', 'Add', ['scores', 'causal'], 'first'),
          named('A2', 'Add', ['first', 'padding'], 'second'),
          named('A3', 'Add', ['second', 'padding'], 'masked'),
        ],
      },
      leftPadded(2),
    );
    expect(origin).toMatchObject({ mechanism: 'mask-overflow', positions: rows012 });
    expect(row(origin)).toMatchObject({ cells: 'vcccc', by: { causal: 4, overflow: 1 } });
    expect(origin.explanation).toContain('4 of them a mask removed with −inf itself');
  });

  it('the lowest float32 cast to float16', async () => {
    const origin = await onlyOrigin(
      {
        nodes: [
          named('W', 'Where', ['isPad', 'lowest', 'zero'], 'wide'),
          named('ToHalf', 'Cast', ['wide'], 'narrow', int('to', DataType.FLOAT16)),
          named('Back', 'Cast', ['narrow'], 'bias', int('to', DataType.FLOAT)),
          named('Add', 'Add', ['scores', 'bias'], 'masked'),
        ],
      },
      leftPadded(0),
    );
    expect(origin).toMatchObject({ mechanism: 'mask-overflow', positions: ['0-4', ''] });
    expect(origin.evidence.overflow).toMatchObject({ node: 'ToHalf', dtype: 'float16', lowest: -65504 });
    expect(origin.explanation).toContain('becomes −inf in float16');
  });

  it('looks alike: the lowest float32 once is finite, nothing is born', async () => {
    const report = await diagnose(
      {
        nodes: [
          named('W', 'Where', ['isPad', 'lowest', 'zero'], 'bias'),
          named('Add', 'Add', ['scores', 'bias'], 'masked'),
        ],
      },
      leftPadded(0),
    );
    expect(report.origins).toEqual([]);
    expect(report.outputs[0]?.nanAt).toEqual(['', '']);
  });
});

describe('score-overflow', () => {
  it('Q·Kᵀ leaves float32', async () => {
    const origin = await onlyOrigin(
      { nodes: [named('W', 'Where', ['later', 'minusInf', 'scores'], 'masked')] },
      leftPadded(5, 2e20),
    );
    expect(origin).toMatchObject({ node: softmaxNode, mechanism: 'score-overflow', positions: ['0-4', '0-4'] });
    expect(origin.evidence.from).toMatchObject({ op: 'MatMul', terms: 2, infinite: [0, 0], result: 'Infinity' });
    expect(row(origin)).toMatchObject({ cells: '+cccc', posInf: 1, negInf: 4 });
    expect(origin.explanation).toContain("1 of the row's 5 scores is +inf");
    expect(origin.explanation).toContain('float32 ends at 3.40282e+38');
  });

  it('the scale divides by zero', async () => {
    const origin = await onlyOrigin({ nodes: [named('Scale', 'Div', ['scores', 'zero'], 'masked')] }, leftPadded(5));
    expect(origin).toMatchObject({ node: softmaxNode, mechanism: 'score-overflow', positions: ['0-4', '0-4'] });
    expect(origin.evidence.from).toMatchObject({ node: 'Scale', op: 'Div', result: 'Infinity' });
    expect(row(origin)).toMatchObject({ cells: '+++++', posInf: 5 });
  });

  it('one head alone, in a row that masks half remove', async () => {
    const origin = await onlyOrigin(
      {
        nodes: [
          named('Bias', 'Add', ['scores', 'bias'], 'biased'),
          named('W', 'Where', ['isPad', 'minusInf', 'biased'], 'masked'),
        ],
        initializer: [
          matrix('bias', [5, 5], ...Array.from({ length: 25 }, (_, i) => (i === 4 * 5 + 3 ? Infinity : 0))),
        ],
      },
      leftPadded(2),
    );
    expect(origin).toMatchObject({ mechanism: 'score-overflow', positions: ['4', '4'] });
    expect(origin.evidence.from).toMatchObject({ node: 'Bias', key: 3 });
    expect(row(origin)).toMatchObject({ cells: 'ppp+.' });
  });

  it('looks alike: scores of 1e38 are large and finite', async () => {
    const report = await diagnose(
      { nodes: [named('W', 'Where', ['later', 'minusInf', 'scores'], 'masked')] },
      leftPadded(5, 5e18),
    );
    expect(report.origins).toEqual([]);
  });

  it('looks alike: a written-out softmax that clamps first', async () => {
    const report = await diagnose(
      {
        nodes: [named('Clip', 'Clip', ['scores', 'lowest', 'top'], 'masked')],
        initializer: [scalar('top', 3e38)],
      },
      leftPadded(5, 2e20),
    );
    expect(report.origins).toEqual([]);
  });
});
