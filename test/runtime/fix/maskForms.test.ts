/**
 * One attention over five positions, the first three padding, masked in every form that exporters write. What a fix
 * makes of it is compared with attention worked out by hand.
 */
import type { ModelProto } from 'onnx-buf';
import { create } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType as AttributeType, AttributeProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import type { TensorData } from '../../../src/core/tensor';
import { bytesOf, fixNamed, patched, patientOf, run } from '../../support/fixing';
import type { Masking } from '../../support/tinyAttention';
import { attentionModel, intList, ints, leftPadded, named } from '../../support/tinyAttention';

const or = named('Or', 'Or', ['later', 'isPad'], 'gone');
const whereGone = named('W', 'Where', ['gone', 'minusInf', 'scores'], 'masked');
const causal = named('W1', 'Where', ['later', 'minusInf', 'zero'], 'causal');
const last = { initializer: [ints('last', [-1])] };
const writtenOut = [
  named('Exp', 'Exp', ['shifted'], 'e'),
  named('Total', 'ReduceSum', ['e', 'last'], 'total'),
  named('Div', 'Div', ['e', 'total'], 'p'),
];

const forms: Record<string, Masking> = {
  'Where over Or of both': { nodes: [or, whereGone] },
  'Where over And of what is allowed': {
    nodes: [
      named('Not', 'Not', ['later'], 'earlier'),
      named('And', 'And', ['earlier', 'realFlag'], 'allowed'),
      named('W', 'Where', ['allowed', 'scores', 'minusInf'], 'masked'),
    ],
  },
  'one additive mask of −inf': {
    nodes: [
      or,
      named('W', 'Where', ['gone', 'minusInf', 'zero'], 'bias'),
      named('Add', 'Add', ['scores', 'bias'], 'masked'),
    ],
  },
  'two additive masks, one after the other, around a scale of 1': {
    nodes: [
      causal,
      named('W2', 'Where', ['isPad', 'minusInf', 'zero'], 'padding'),
      named('Mul', 'Mul', ['scores', 'one'], 'scaled'),
      named('A1', 'Add', ['scaled', 'causal'], 'first'),
      named('A2', 'Add', ['first', 'padding'], 'masked'),
    ],
  },
  'an additive causal mask, then Where for padding': {
    nodes: [
      causal,
      named('A1', 'Add', ['scores', 'causal'], 'first'),
      named('W2', 'Where', ['isPad', 'minusInf', 'first'], 'masked'),
    ],
  },
  'log of the padding flags': {
    nodes: [
      causal,
      named('Log', 'Log', ['real'], 'padding'),
      named('Sum', 'Add', ['causal', 'padding'], 'bias'),
      named('Add', 'Add', ['bias', 'scores'], 'masked'),
    ],
  },
  'masked in four axes, the softmax in three': {
    nodes: [
      or,
      named('W', 'Where', ['gone', 'minusInf', 'zero'], 'bias3'),
      named('U', 'Unsqueeze', ['bias3', 'axis1'], 'bias'),
      named('U2', 'Unsqueeze', ['scores', 'axis1'], 'scores4'),
      named('Add', 'Add', ['scores4', 'bias'], 'masked4'),
      named('Q', 'Squeeze', ['masked4', 'axis1'], 'masked'),
    ],
  },
  'lowest finite numbers that overflow together': {
    nodes: [
      or,
      named('W', 'Where', ['gone', 'lowest', 'zero'], 'bias'),
      named('A1', 'Add', ['scores', 'bias'], 'once'),
      named('A2', 'Add', ['once', 'bias'], 'masked'),
    ],
  },
  'opset 9': {
    nodes: [or, whereGone],
    opset: 9,
  },
  'opset 21': { nodes: [or, whereGone], opset: 21 },
  'a softmax written out with its maximum': {
    nodes: [or, whereGone],
    softmax: [
      named('Max', 'ReduceMax', ['masked'], 'top', intList('axes', [-1])),
      named('Sub', 'Sub', ['masked', 'top'], 'shifted'),
      ...writtenOut,
    ],
    ...last,
  },
  'a softmax written out without': {
    nodes: [or, whereGone],
    softmax: [named('Same', 'Identity', ['masked'], 'shifted'), ...writtenOut],
    ...last,
  },
};

/** Rows 3 and 4 of sample 0 and all of sample 1: softmax over the keys that are real and not later. */
function byHand({ x, attention_mask: mask }: Record<string, TensorData>): Map<string, number[]> {
  const value = (sample: number, position: number, k: number): number =>
    Number(x?.data[(sample * 5 + position) * 2 + k]);
  const real = (sample: number, position: number): boolean => Number(mask?.data[sample * 5 + position]) === 1;
  const rows = new Map<string, number[]>();
  for (const sample of [0, 1]) {
    for (let query = 0; query < 5; query += 1) {
      if (!real(sample, query)) continue;
      const keys = [0, 1, 2, 3, 4].filter((key) => key <= query && real(sample, key));
      const weights = keys.map((key) =>
        Math.exp([0, 1].reduce((sum, k) => sum + value(sample, query, k) * value(sample, key, k), 0)),
      );
      const total = weights.reduce((a, b) => a + b, 0);
      rows.set(
        `${String(sample)} ${String(query)}`,
        [0, 1].map((k) => keys.reduce((sum, key, i) => sum + ((weights[i] ?? 0) / total) * value(sample, key, k), 0)),
      );
    }
  }
  return rows;
}

/** Axes of Unsqueeze are an attribute before opset 13. */
function older(model: ModelProto): ModelProto {
  for (const node of model.graph?.node ?? []) {
    if (node.opType !== 'Unsqueeze') continue;
    node.input = node.input.slice(0, 1);
    node.attribute = [create(AttributeProtoSchema, { name: 'axes', type: AttributeType.INTS, ints: [1n] })];
  }
  return model;
}

/** Real rows equal those worked out by hand, and so many rows of padding are NaN. */
type Expected = Readonly<Record<string, number | 'declines'>>;
const everywhere: Expected = {
  'unmask-rows': 0,
  'unmask-self': 0,
  'zero-masked-rows': 0,
  'nan-to-num-softmax': 0,
  'finite-mask': 0,
  'mask-with-where': 0,
  'zero-pad-attention-output': 0,
  'zero-pad-hidden': 3,
  eps: 'declines',
};
const noSoftmax: Expected = {
  ...Object.fromEntries(Object.keys(everywhere).map((id) => [id, 'declines' as const])),
  'zero-masked-rows': 0,
};
const others: Readonly<Record<string, Expected>> = {
  'a softmax written out with its maximum': noSoftmax,
  'a softmax written out without': { ...noSoftmax, eps: 0 },
};

describe.each(Object.entries(forms))('%s', (title, masking) => {
  it('each fix leaves real rows as they should be, or says why it does not apply', async () => {
    const inputs = leftPadded(2);
    const model = attentionModel(masking);
    const who = await patientOf((masking.opset ?? 17) < 13 ? older(model) : model, inputs);
    expect(who.report.origins[0]?.positions).toEqual(['0-2', '']);
    const truth = byHand(inputs);
    const found: Record<string, number | 'declines'> = {};
    for (const id of Object.keys(everywhere)) {
      const plan = fixNamed(id).plan(who.context);
      if (!plan.applies) {
        expect(plan.reason).toMatch(/\.$/);
        found[id] = 'declines';
        continue;
      }
      const { y } = await run(bytesOf(patched(who.proto, plan)), inputs);
      if (!y) throw new Error('no y');
      for (const [place, row] of truth) {
        const [sample = 0, query = 0] = place.split(' ').map(Number);
        const at = (sample * 5 + query) * 2;
        for (const k of [0, 1]) expect(y.data[at + k], `${id} ${place}`).toBeCloseTo(row[k] ?? NaN, 6);
      }
      found[id] = [0, 1, 2, 3, 4].filter((position) => Number.isNaN(y.data[position * 2])).length;
    }
    expect(found).toEqual(others[title] ?? everywhere);
  });
});
