/** kimi-k2-mini against an independent PyTorch forward pass, and the NaN pattern that PyTorch measured. */
import { describe, expect, it } from 'vitest';
import type { PadSide } from '../../../src/core/batch/types';
import { agreement } from './agreement';
import type { Case } from './agreement';
import { agreesWithTorch } from './agrees';
import { nanPositions } from './onnx';

const attentions = ['eager-add', 'eager-where', 'finfo-min', 'fused'] as const;
const paddings: readonly (readonly [PadSide, readonly number[]])[] = [
  ['left', [5, 35]],
  ['right', [5, 35]],
  ['none', [12, 12]],
];
const sixtyOne: Case = { uri: 'builtin:kimi-k2-mini?layers=61', lengths: [5, 35], pad: 'left' };
const variants: readonly Case[] = attentions.flatMap((attention) =>
  paddings.map(([pad, lengths]) => ({ uri: `builtin:kimi-k2-mini?attention=${attention}`, lengths, pad })),
);
const sizes: readonly Case[] = [
  'layers=2&hidden=96&heads=6&experts=5&seed=9',
  'layers=3&hidden=32&heads=1&experts=1&seed=4294967295',
  'layers=1&hidden=16&heads=16',
  // Heads of keys are 8 wider than those of values, whose width the fused operator has to take from V.
  'layers=2&hidden=96&heads=6&attention=fused&seed=2',
].map((options) => ({ uri: `builtin:kimi-k2-mini?${options}`, lengths: [3, 20, 11], pad: 'left' }));

/** The tensor of every module of the reference, where the built-in graph computes it. */
function tensorOf(module: string, options: Readonly<Record<string, number | string>>): string {
  if (module === 'logits') return 'logits';
  const path = `/${module.replace(/^model\./, 'model/').replace(/(layers\.\d+)\./, '$1/')}`;
  if (module.endsWith('embed_tokens')) return `${path}/Gather_output_0`;
  if (module.endsWith('norm')) return `${path}/Mul_1_output_0`;
  if (module.endsWith('self_attn')) return `${path}/o_proj/MatMul_output_0`;
  if (module.endsWith('layers.0.mlp')) return `${path}/down_proj/MatMul_output_0`;
  // One sum for each further expert, the last for the shared one.
  if (module.endsWith('mlp'))
    return `${path}/Add${options.experts === 1 ? '' : `_${String(Number(options.experts) - 1)}`}_output_0`;
  return `${path}/Add_1_output_0`;
}

const cases = [...variants, ...sizes, sixtyOne];
const agreed = agreement('kimi_k2_mini_torch.py', tensorOf, cases);
agreesWithTorch(agreed, cases);

describe('the NaN pattern of a left padded batch of 5 and 35', () => {
  const variant = (attention: string, pad: PadSide): Case => {
    const found = variants.find((one) => one.uri.endsWith(attention) && one.pad === pad);
    if (found === undefined) throw new Error('no such variant');
    return found;
  };
  const sites = (layers: number): Record<string, number[]> => ({
    '/model/embed_tokens/Gather_output_0': [0, 0],
    '/model/layers.0/input_layernorm/Mul_1_output_0': [0, 0],
    '/model/layers.0/self_attn/o_proj/MatMul_output_0': [30, 0],
    '/model/layers.0/Add_1_output_0': [30, 0],
    '/model/layers.1/input_layernorm/Mul_1_output_0': [30, 0],
    '/model/layers.1/self_attn/o_proj/MatMul_output_0': [35, 0],
    [`/model/layers.${String(layers - 1)}/Add_1_output_0`]: [35, 0],
    logits: [35, 0],
  });

  it.each(['eager-add', 'eager-where'])('%s: born in layer 0 at pads, everywhere from layer 1 on', (attention) => {
    const { onnx } = agreed.of(variant(attention, 'left'));
    for (const [name, expected] of Object.entries(sites(4))) {
      expect(nanPositions(onnx.get(name) ?? { dims: [], data: new Float32Array() }), name).toEqual(expected);
    }
  });

  it('finfo-min has none, fused has none, and right padding has none', () => {
    const healthy = [variant('finfo-min', 'left'), variant('fused', 'left'), variant('eager-add', 'right')];
    for (const { onnx } of healthy.map(agreed.of)) {
      for (const [name, tensor] of onnx) {
        expect(nanPositions(tensor), name).toEqual([0, 0]);
      }
    }
  });

  it('61 layers: the same, with hidden states that stay of ordinary size', () => {
    const { onnx } = agreed.of(sixtyOne);
    for (const [name, expected] of Object.entries(sites(61))) {
      expect(nanPositions(onnx.get(name) ?? { dims: [], data: new Float32Array() }), name).toEqual(expected);
    }
    const last = onnx.get('/model/layers.60/Add_1_output_0')?.data ?? new Float32Array();
    const largest = last.reduce((max, x) => (Number.isNaN(x) ? max : Math.max(max, Math.abs(x))), 0);
    expect(largest).toBeGreaterThan(0.5);
    expect(largest).toBeLessThan(100);
  });
});
