/** Fused attention whose kernel makes NaN of fully masked rows: fixes on what the node reads and gives. */
import { describe, expect, it } from 'vitest';
import type { ModelProto } from 'onnx-buf';
import type { TensorData } from '../../../src/core/tensor';
import type { Ran } from '../../support/fixing';
import { bytesOf, fixNamed, patched, patientOf, run } from '../../support/fixing';
import { matrix, vector } from '../../support/tinyAttention';
import { float, fusedModel, heads, mhaBias, mhaKeys, padded } from '../fused/support';

const weights = Array.from({ length: 48 }, (_, i) => 0.05 * ((i % 7) - 3));
const packed = {
  op: 'Attention' as const,
  domain: 'com.microsoft',
  inputs: ['q', 'packed', 'packedBias', '', '', 'bias'],
  attributes: [heads],
};
const projected = {
  initializer: [matrix('packed', [4, 12], ...weights), vector('packedBias', ...weights.slice(0, 12))],
};

/** The first sample with its real positions first: causal attention without positions then gives them the same. */
function moved(inputs: Readonly<Record<string, TensorData>>, real: number): Record<string, TensorData> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, dims, data }]) => {
      const width = dims[2] ?? 1;
      const own = data.slice();
      own.set(data.slice((5 - real) * width, 5 * width) as never, 0);
      own.set(data.slice(0, (5 - real) * width) as never, real * width);
      return [name, { dtype, dims, data: own }];
    }),
  );
}

interface Case {
  readonly title: string;
  readonly model: () => ModelProto;
  readonly inputs: Readonly<Record<string, TensorData>>;
  readonly real: number;
  readonly expected: Readonly<Record<string, number | 'declines'>>;
}

const biasCases: Readonly<Record<string, number | 'declines'>> = {
  'unmask-rows': 0,
  'unmask-self': 0,
  'zero-masked-rows': 0,
  'finite-mask': 0,
  'zero-pad-attention-output': 0,
  'nan-to-num-softmax': 'declines',
  'fp32-attention': 'declines',
};

const cases: readonly Case[] = [
  {
    title: 'MultiHeadAttention, a bias of −inf',
    model: () => fusedModel([mhaBias, mhaBias]),
    inputs: padded(3),
    real: 3,
    expected: { ...biasCases, 'zero-pad-hidden': 2, 'mask-with-where': 2 },
  },
  {
    title: 'the engine’s own Attention, which projects first, a bias of −inf',
    model: () => fusedModel([packed, packed], projected),
    inputs: padded(3),
    real: 3,
    expected: { ...biasCases, 'zero-pad-hidden': 2, 'mask-with-where': 'declines' },
  },
  {
    title: 'a filter value of −inf',
    model: () =>
      fusedModel([
        {
          ...mhaKeys(float('mask_filter_value', -Infinity)),
          attributes: [heads, float('mask_filter_value', -Infinity)],
        },
      ]),
    inputs: padded(0),
    real: 0,
    expected: {
      'finite-mask': 0,
      'unmask-rows': 'declines',
      'unmask-self': 'declines',
      'zero-masked-rows': 'declines',
      'zero-pad-attention-output': 0,
    },
  },
];

describe.each(cases)('$title', ({ model, inputs, real, expected }) => {
  it('real rows are as without padding before them, or the fix says why not', async () => {
    const proto = model();
    const who = await patientOf(proto, inputs);
    expect(who.report.origins.map(({ mechanism }) => mechanism)).toEqual(['fully-masked-row']);
    const width = 4;
    const found: Record<string, number | 'declines'> = {};
    for (const id of Object.keys(expected)) {
      const plan = fixNamed(id).plan(who.context);
      if (!plan.applies) {
        expect(plan.reason).toMatch(/\.$/);
        found[id] = 'declines';
        continue;
      }
      const { y } = await run(bytesOf(patched(proto, plan)), inputs);
      found[id] = [0, 1, 2, 3, 4].filter((row) => Number.isNaN(y?.data[row * width])).length;
      const rows = (ran: Ran | undefined, from: number, to: number): number[] =>
        Array.from(ran?.data.slice(from * width, to * width) ?? []);
      const before = (await run(bytesOf(proto), moved(inputs, real))).y;
      // The sample without padding keeps every bit.
      expect(rows(y, 5, 10), id).toEqual(rows(before, 5, 10));
      const truth = rows(before, 0, real);
      for (const [i, value] of rows(y, 5 - real, 5).entries()) expect(value, id).toBeCloseTo(truth[i] ?? NaN, 6);
    }
    expect(found).toEqual(expected);
  });
});
