/** Which attention ran, and whether heads that share keys and values matter. */
import { check } from '../../core/experiments/check';
import { pytorchMasked } from '../../core/experiments/recorded';
import type { Report } from '../../core/report';
import { countRole } from '../../core/trace/ranges';
import { placeOf } from '../../core/trace/verdict';
import { reachWords } from '../render/compare/words';
import type { Experiment } from './laboratory';

const kinds = ({ model: { attention } }: Report): string => {
  const fused = attention.filter(({ kind }) => kind === 'fused').length;
  return `${String(fused)} fused, ${String(attention.length - fused)} written out`;
};

/** Where the first NaN is born, and whether padding is all that it is born at. */
function bornIn({ origins: [first], batch }: Report): string {
  if (!first) return 'no NaN';
  const isPadding = first.positions?.every((own, sample) => countRole(own, batch.roles[sample] ?? '', 'r') === 0);
  const where = first.layer === null ? placeOf(first) : `layer ${String(first.layer)}`;
  return `NaN born in ${where}${isPadding === undefined ? '' : ` at ${isPadding ? 'padding' : 'real tokens'}`}`;
}

export const attentionPath: Experiment = async (laboratory) => {
  const { layers } = laboratory;
  const fused = await laboratory.report(laboratory.kimi('attention=fused'));
  const eager = await laboratory.report(laboratory.kimi());
  const sick = 'NaN born in layer 0 at padding';
  return {
    checks: [
      check('model with fused attention', `${String(layers)} fused, 0 written out`, kinds(fused)),
      check('the same model, attention written out', null, kinds(eager), {
        explained: `0 fused, ${String(layers)} written out`,
      }),
      check('NaN with fused attention', sick, bornIn(fused), {
        known: 'no NaN',
        pytorch: pytorchMasked('attention-bool') === 'NaN' ? sick : 'no NaN',
      }),
      check('NaN with attention written out', null, bornIn(eager), { explained: sick }),
    ],
    explanation: {
      then: '61 calls of scaled_dot_product_attention, none of the written-out attention, and NaN at the padding of layer 0; elsewhere: that such a call gives zeros for a row without any key.',
      measured:
        'Not both: where the kernel gives zeros (ONNX Runtime’s Attention) the chain never starts, and no NaN is anywhere. What ran then gave NaN for such rows, as PyTorch 1.13 does.',
      verdict: 'corrected',
    },
    standIns: ['The ONNX operator Attention stands in for PyTorch’s scaled_dot_product_attention.'],
  };
};

export const kvGroups: Experiment = async (laboratory) => {
  const layers = Math.min(laboratory.layers, 4);
  const llama = (keyValueHeads: number): string =>
    `builtin:llama-mini?layers=${String(layers)}&heads=4&kvHeads=${String(keyValueHeads)}`;
  const comparison = await laboratory.compare([llama(4), llama(2), llama(1)], []);
  const { model } = await laboratory.report(laboratory.kimi());
  const groups = new Set(model.attention.map(({ kvGroups }) => kvGroups));
  return {
    checks: [
      check('heads of queries per head of keys and values', '1', [...groups].map(String).join(', ')),
      check(
        'pattern of NaN with 1, 2 and 4 heads per group',
        null,
        comparison.verdict.same ? 'the same' : 'different',
        {
          explained: 'the same',
        },
      ),
      ...comparison.variants.map(({ nan }, at) =>
        check(`${String([1, 2, 4][at])} per group`, null, reachWords[nan], { explained: reachWords.real }),
      ),
    ],
    explanation: {
      then: 'num_key_value_groups = 1, so repeat_kv does nothing: groups are not the cause.',
      measured: 'So it is; and with groups of 2 and 4 the NaN is at the same positions, so they would not be either.',
      verdict: 'confirmed',
    },
    comparison,
  };
};
