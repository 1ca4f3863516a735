/** The five possible fixes, and the rule that was removed: each is run and held against every sequence alone. */
import { check } from '../../core/experiments/check';
import { pytorchFix } from '../../core/experiments/recorded';
import type { Check } from '../../core/experiments/types';
import type { FixResult, Report } from '../../core/report';
import { shortNumber } from '../render/numbers';
import type { Experiment, Laboratory } from './laboratory';

/** Small: every fix is proved by several runs, and layers beyond the second show nothing new. */
const model = (laboratory: Laboratory): string =>
  `builtin:kimi-k2-mini?layers=${String(Math.min(laboratory.layers, 4))}&heads=8`;

/** 5 real tokens in sample 0 and 35 in sample 1, of 70 positions. */
const realOfSample = 5;

interface Said {
  readonly id: string;
  /** As PyTorch's record calls it. */
  readonly recorded?: string;
  /** Positions with NaN that are left; null where nothing was said of padding. */
  readonly left: string | null;
  readonly real: string | null;
  /** Of real tokens, where nothing was said of them. */
  readonly explained?: string;
}

async function proved(laboratory: Laboratory, said: Said): Promise<{ result: FixResult | undefined; checks: Check[] }> {
  const report = await laboratory.report(model(laboratory), true);
  const result = report.fixes?.find(({ id }) => id === said.id);
  const recorded = pytorchFix(said.recorded ?? said.id);
  const left = recorded && String(recorded.nan.reduce((a, b) => a + b, 0));
  return {
    result,
    checks: [
      check(`${said.id}: positions with NaN that are left`, said.left, leftOf(result), { pytorch: left }),
      check(`${said.id}: real tokens, held against each sequence alone`, said.real, realOf(result), {
        pytorch: recorded?.real ?? null,
        ...(said.explained !== undefined && { explained: said.explained }),
      }),
    ],
  };
}

const leftOf = (result: FixResult | undefined): string =>
  result?.nanAfter === null || result === undefined ? 'not run' : String(result.nanAfter);

function realOf(result: FixResult | undefined): string {
  if (!result || result.realNanAfter === null) return 'not run';
  if (result.realNanAfter > 0) return `NaN in ${String(result.realNanAfter)} of ${String(realOfSample)}`;
  return result.verdict === 'heals' || result.verdict === 'partial' ? 'equal' : 'different';
}

const numbersOf = (result: FixResult | undefined): string =>
  typeof result?.realMaxAbsDiff === 'number'
    ? `at most ${shortNumber(result.realMaxAbsDiff)} from each sequence alone`
    : 'not comparable with each sequence alone';

const confirmed = (then: string, measured: string) => ({ then, measured, verdict: 'confirmed' as const });

export const noPadding: Experiment = async (laboratory) => {
  const { checks } = await proved(laboratory, { id: 'no-padding', left: '0', real: 'equal' });
  return {
    checks,
    explanation: confirmed(
      'Process each sequence alone: it eliminates padding. Cost: slower.',
      'It heals. What it costs is measured by extraction-plan.',
    ),
  };
};

export const rightPadding: Experiment = async (laboratory) => {
  const { result, checks } = await proved(laboratory, { id: 'right-padding', left: '0', real: 'equal' });
  return {
    checks,
    explanation: confirmed(
      'With causal order, padding at the right sees real tokens before it: no row is without a key. Should work but needs testing.',
      `It works: ${numbersOf(result)}. Generation then goes on behind the last real token of each sample, not at the end of the row.`,
    ),
  };
};

export const softmaxGuard: Experiment = async (laboratory) => {
  const { result, checks } = await proved(laboratory, { id: 'nan-to-num-softmax', left: '0', real: 'equal' });
  return {
    checks,
    explanation: confirmed(
      'nan_to_num(attn_weights, 0) behind the softmax prevents propagation.',
      `It does: ${numbersOf(result)}. It also hides any other NaN that reaches a softmax.`,
    ),
  };
};

export const zeroPadHidden: Experiment = async (laboratory) => {
  const where = await proved(laboratory, { id: 'zero-pad-hidden', left: null, real: 'equal' });
  const multiplied = await proved(laboratory, {
    id: 'multiply-by-mask',
    left: null,
    real: null,
    explained: `NaN in ${String(realOfSample)} of ${String(realOfSample)}`,
  });
  return {
    checks: [...where.checks, ...multiplied.checks],
    explanation: {
      then: 'Zero the hidden states of padding before each attention: NaN keys and values no longer reach real tokens.',
      measured: `So it is for real tokens (${numbersOf(where.result)}), but padding stays NaN. It has to be a choice (masked_fill, where): multiplied by the mask, NaN × 0 is NaN, and nothing is healed.`,
      verdict: 'corrected',
    },
  };
};

export const unmask: Experiment = async (laboratory) => {
  const { result, checks } = await proved(laboratory, { id: 'unmask-rows', left: '0', real: 'equal' });
  return {
    checks,
    explanation: confirmed(
      'Fully masked rows attend everywhere: padding gets numbers without meaning, no NaN; real tokens are unaffected.',
      `So it is: ${numbersOf(result)}.`,
    ),
  };
};

export const legacyUnmaskRule: Experiment = async (laboratory) => {
  const layers = String(Math.min(laboratory.layers, 4));
  // A boolean mask, as the rule was written for.
  const comparison = await laboratory.compare(
    [`builtin:kimi-k2-mini?layers=${layers}&heads=8&attention=eager-where`],
    [{ key: 'fix', values: ['none', 'unmask-rows'] }],
  );
  const zeros = await laboratory.report(`builtin:kimi-k2-mini?layers=${layers}&heads=8&attention=fused`);
  const told = (reach: string | undefined): string => (reach === 'none' ? 'no NaN' : 'NaN');
  const sum = (id: string): string => ((pytorchFix(id)?.nan ?? []).some((nan) => nan > 0) ? 'NaN' : 'no NaN');
  const [off, on] = comparison.variants;
  return {
    checks: [
      check('the rule off', 'NaN', told(off?.nan), { pytorch: sum('none') }),
      check('the rule on', 'no NaN', told(on?.nan), { pytorch: sum('unmask-rows') }),
      check('the rule off, a kernel that gives zeros', null, nanOf(zeros), { explained: 'no NaN' }),
    ],
    explanation: {
      then: 'The rule was dropped for torch ≥ 2.5 because its attention handles such rows; but it only handles softmax over −inf, not NaN + (−inf) in the layer after.',
      measured:
        'With the rule no row is without a key, and no NaN is born. And where a kernel does give zeros in layer 0, layer 1 never reads NaN: the second half is no flaw of the kernel but follows from one that gave NaN.',
      verdict: 'corrected',
    },
    comparison,
  };
};

const nanOf = ({ origins, outputs }: Report): string =>
  origins.length === 0 && outputs.every(({ nanPositions }) => (nanPositions ?? []).every((nan) => nan === 0))
    ? 'no NaN'
    : 'NaN';
