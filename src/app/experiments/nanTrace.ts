/** Where NaN begins and where it crosses, sublayer by sublayer. */
import { check } from '../../core/experiments/check';
import { pytorchTrace } from '../../core/experiments/recorded';
import type { Check } from '../../core/experiments/types';
import type { Report } from '../../core/report';
import { placeOf } from '../../core/trace/verdict';
import type { Experiment } from './laboratory';
import { countIn, type Place } from './rowsOf';

/** Every sublayer to layer 1, with what was traced then (null where it was not) and the module that PyTorch knows. */
const traced: readonly (readonly [what: string, place: Place, found: string | null, module: string | null])[] = [
  ['embedding', { layer: null, stage: 'embed' }, '0/35', 'model.embed_tokens'],
  ['layer 0 input norm, in', { layer: 0, stage: 'attn-norm', port: 'in' }, '0/35', null],
  ['layer 0 input norm, out', { layer: 0, stage: 'attn-norm' }, '0/35', 'model.layers.0.input_layernorm'],
  ['layer 0 attention, in', { layer: 0, stage: 'attention', port: 'in' }, null, null],
  ['layer 0 attention, out', { layer: 0, stage: 'attention' }, '30/35', 'model.layers.0.self_attn'],
  ['layer 0 norm behind attention, in', { layer: 0, stage: 'mlp-norm', port: 'in' }, null, null],
  ['layer 0 norm behind attention, out', { layer: 0, stage: 'mlp-norm' }, null, null],
  ['layer 0 MLP, in', { layer: 0, stage: 'mlp', port: 'in' }, '30/35', null],
  ['layer 0 MLP, out', { layer: 0, stage: 'mlp' }, '30/35', 'model.layers.0.mlp'],
  ['layer 0, out', { layer: 0, stage: 'layer' }, '30/35', 'model.layers.0'],
  ['layer 1 input norm, in', { layer: 1, stage: 'attn-norm', port: 'in' }, null, null],
  ['layer 1 input norm, out', { layer: 1, stage: 'attn-norm' }, null, null],
  ['layer 1 attention, in', { layer: 1, stage: 'attention', port: 'in' }, null, null],
  ['layer 1 attention, out', { layer: 1, stage: 'attention' }, '35/35', 'model.layers.1.self_attn'],
  ['layer 1 norm behind attention, in', { layer: 1, stage: 'mlp-norm', port: 'in' }, null, null],
  ['layer 1 norm behind attention, out', { layer: 1, stage: 'mlp-norm' }, null, null],
  ['layer 1 MLP, in', { layer: 1, stage: 'mlp', port: 'in' }, null, null],
  ['layer 1 MLP, out', { layer: 1, stage: 'mlp' }, null, null],
  ['layer 1, out', { layer: 1, stage: 'layer' }, '35/35', 'model.layers.1'],
];

export const nanTrace: Experiment = async (laboratory) => {
  const report = await laboratory.report(laboratory.kimi());
  const rows = traced.map(([what, place, found, module]): Check => {
    const nan = module === null ? undefined : pytorchTrace(module)?.[0];
    return check(`${what}: NaN positions of sample 0`, found, countIn(report, place, 0), {
      pytorch: nan === undefined ? null : `${String(nan)}/35`,
    });
  });
  return {
    checks: [...rows, ...why(report)],
    explanation: {
      then: 'Padding sees no key in layer 0: softmax of all −inf is NaN at 30 positions. In layer 1 their keys and values are NaN, and NaN + (−inf) = NaN reaches every real token.',
      measured: `Born at ${birthOf(report)}; crosses at ${crossingOf(report)}. So it is with a mask that is added.`,
      verdict: 'confirmed',
    },
    standIns: [
      'A model with seeded random weights in the architecture of Kimi K2 stands in for Kimi-K2-Base in FP8; norms of hidden states (0.86 then) are those of other weights and are not compared.',
    ],
  };
};

function why(report: Report): Check[] {
  return [
    check('NaN is born in', 'layer 0 attention (fully-masked-row)', birthOf(report)),
    check('real tokens are reached in', 'layer 1 (nan-plus-minus-inf)', crossingOf(report)),
  ];
}

function birthOf({ origins: [leading] }: Report): string {
  return leading ? `${placeOf(leading)} (${leading.mechanism})` : 'nowhere';
}

/** The first place where NaN reaches a real token of sample 0, which are its last five. */
function crossingOf({ spread, batch }: Report): string {
  const real = (batch.roles[0] ?? '').indexOf('r');
  const crossing = spread.find(({ positions }) => lastOf(positions?.[0] ?? '') >= real);
  return crossing ? `layer ${String(crossing.layer)} (${crossing.mechanism})` : 'nowhere';
}

/** `0-3,7` → 7; −1 for none. */
const lastOf = (ranges: string): number => (ranges === '' ? -1 : Number(/(\d+)$/.exec(ranges)?.[1] ?? -1));
