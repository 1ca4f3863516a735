/** The two experiments that look at attention alone, over every kernel that the engine has. */
import { check } from '../../core/experiments/check';
import type { NaNPlace } from '../../core/experiments/kernels/batch';
import { kernels, type Kernel } from '../../core/experiments/kernels/model';
import { pytorchMasked, pytorchReal } from '../../core/experiments/recorded';
import type { Check } from '../../core/experiments/types';
import { kernelOutcome, type KernelOutcome } from './kernels';
import type { Experiment, Laboratory } from './laboratory';

async function outcomes(laboratory: Laboratory): Promise<readonly (readonly [Kernel, KernelOutcome])[]> {
  return laboratory.withEngine(async (job) => {
    const all: (readonly [Kernel, KernelOutcome])[] = [];
    for (const [at, kernel] of kernels.entries()) {
      laboratory.progress(kernel.title, at / kernels.length);
      all.push([kernel, await kernelOutcome(job, kernel)]);
    }
    return all;
  });
}

/** What was said of a row without any key: softmax over −inf is NaN, the library's own attention gives zeros. */
const saidOfMasked = (id: string): string | null =>
  ({ 'add-inf': 'NaN', 'where-inf': 'NaN', 'attention-bool': 'zeros' })[id] ?? null;

/** What the explanation rests on, of which nothing was said then. */
const explainedOfMasked: ReadonlyMap<string, string> = new Map([
  ['add-lowest', 'mean of all values'],
  ['where-lowest', 'mean of all values'],
  ['multi-head-keys', 'as if padding were not masked'],
  ['multi-head-keys-inf', 'mean of the values after it'],
]);

export const sdpaBoolMask: Experiment = async (laboratory) => ({
  checks: (await outcomes(laboratory)).map(([{ id, title }, { masked }]) =>
    check(title, saidOfMasked(id), masked, {
      pytorch: pytorchMasked(id),
      explained: explainedOfMasked.get(id),
    }),
  ),
  explanation: {
    then: 'softmax([−inf, …, −inf]) is NaN; scaled_dot_product_attention gives zeros for such rows when Q, K and V are clean.',
    measured:
      'Both are true, each of its kernel: −inf in plain operators gives NaN, the standard Attention operator zeros. It is no law of masks: lowest finite fills give means, and MultiHeadAttention with a mask of keys attends to padding, or to the tokens after it, without a word. PyTorch 1.13 gives NaN where later versions (2.5, by their documentation) give zeros.',
    verdict: 'corrected',
  },
  standIns: [
    'The CPU kernels of ONNX Runtime stand in for PyTorch’s CUDA backends (MATH, EFFICIENT_ATTENTION), which need a GPU.',
  ],
});

export const sdpaNanKv: Experiment = async (laboratory) => {
  const all = await outcomes(laboratory);
  return {
    checks: all.map(([{ id, title }, { real }]): Check => {
      // Only NaN in both was tried then, with a boolean mask and by hand.
      const said = triedThen.has(id) ? 'NaN' : null;
      return {
        what: title,
        expected: said && `both ${said}`,
        measured: byPlace((place) => real[place]),
        pytorch: pytorchReal(id, 'both') && byPlace((place) => pytorchReal(id, place)),
        verdict: said === null ? 'measured' : real.both === said ? 'agrees' : 'disagrees',
      };
    }),
    explanation: {
      then: 'masked_fill(~mask, −inf) comes after Q·Kᵀ: if the product is NaN already, −inf cannot override it.',
      measured: explained(all),
      verdict: 'corrected',
    },
    standIns: ['CPU kernels of ONNX Runtime and PyTorch 1.13 stand in for PyTorch 2.10 on H200.'],
  };
};

const places: readonly NaNPlace[] = ['keys', 'values', 'both'];

/** `keys right, values NaN, both NaN`: what masked slots that hold NaN make of real tokens. */
const byPlace = (outcome: (place: NaNPlace) => string | null): string =>
  places
    .flatMap((place) => {
      const found = outcome(place);
      return found === null ? [] : [`${place} ${found}`];
    })
    .join(', ');

const triedThen: ReadonlySet<string> = new Set(['add-inf', 'where-inf', 'attention-bool']);

function explained(all: readonly (readonly [Kernel, KernelOutcome])[]): string {
  const protects = all.filter(([, { real }]) => real.keys === 'right').map(([{ title }]) => title);
  const leaks = all.filter(([, { real }]) => real.values !== null && real.values.startsWith('NaN')).length;
  const lets = all.filter(([, { real }]) => real.keys !== null && real.keys !== 'right').length;
  const asked = all.filter(([, { real }]) => real.values !== null).length;
  return (
    `A fill that chooses does override NaN scores: ${protects.join(' and ')} keep${protects.length === 1 ? 's' : ''} NaN in keys out. ` +
    `The other ${String(lets)} kernels let it through, as an added −inf does (NaN + −inf = NaN). What leaks all the same is 0 × NaN through the values: in ${String(leaks)} of ${String(asked)} kernels.`
  );
}
