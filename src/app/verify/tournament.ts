/** Every fix that applies is run on the same batch and compared with the reference; traps are run as warnings. */
import type { InputSpec } from '../../core/batch/types';
import { NanoscopeError } from '../../core/errors';
import { batchFixes } from '../../core/fix/batch/index';
import { fixes, traps } from '../../core/fix/index';
import type { FixContext } from '../../core/fix/types';
import type { ModelProto } from 'onnx-buf';
import type { FixResult, Recommendation } from '../../core/report';
import type { Site } from '../../core/trace/sites';
import { rankFixes } from '../../core/verify/verdict';
import { recommend } from '../../core/verify/recommend';
import type { EngineJob } from '../ports';
import type { Progress } from '../useCases';
import { encode } from '../measure/facts';
import type { Measurement } from '../measure/measure';
import { withSession } from '../measure/sessions';
import { batchTrial, declined, graphTrial, type Proposal } from './candidates';
import { combinations } from './combinations';
import type { ReferenceRun } from './reference';
import { paddingShift } from './shift';
import { judge } from './trial';

export interface Arena {
  readonly job: EngineJob;
  readonly measured: Measurement;
  /** The model as the user has it: the measured one has the padded batch's shapes declared. */
  readonly model: ModelProto;
  readonly specs: readonly InputSpec[];
  readonly context: FixContext;
  readonly reference: ReferenceRun;
  /** By sequence. */
  readonly roles: readonly (readonly string[])[];
  readonly sites: readonly Site[];
  readonly onProgress: (progress: Progress) => void;
}

export interface Outcome {
  /** Best first; traps after all that is none. */
  readonly fixes: readonly FixResult[];
  readonly recommendation: Recommendation;
}

export async function tournament(arena: Arena): Promise<Outcome> {
  const { job, measured, context, reference } = arena;
  const { target } = measured;
  const options = { level: 'disabled' as const, prepack: true, externalDataFolder: target.externalDataFolder };
  return withSession(job, encode(target.graph.model, target), options, async (plain) => {
    const proposals: readonly Proposal[] = [
      ...fixes.map((fix) => graphTrial(arena, fix)),
      ...batchFixes.map((fix) => batchTrial(arena, fix)),
      ...traps.map((fix) => graphTrial(arena, fix)),
    ];
    const results: FixResult[] = [];
    for (const [i, proposal] of proposals.entries()) {
      arena.onProgress({
        text: `Trying fix ${String(i + 1)} of ${String(proposals.length)}: ${proposal.about.title}`,
        fraction: i / proposals.length,
      });
      results.push(await tried(arena, proposal, plain.id));
    }
    const shift = await paddingShift(arena, results, plain.id);
    const shifted = results.map((result) => withShift(result, shift, reference));
    const combined = await combinations(arena, shifted, shift, plain.id);
    const ranked = rankFixes([...shifted, ...combined]);
    return { fixes: ranked, recommendation: recommend(ranked, context.origins) };
  });
}

/** What the engine refuses is declined with its words. */
export async function tried(arena: Arena, proposal: Proposal, plain: number): Promise<FixResult> {
  const { job, measured, reference } = arena;
  const { trial } = proposal;
  if (typeof trial === 'string') return declined(proposal.about, trial, reference);
  try {
    return await judge(job, measured, reference, trial, plain);
  } catch (error) {
    if (error instanceof NanoscopeError && error.code !== 'cancelled' && error.code !== 'timeout') {
      return declined(proposal.about, `The engine does not accept it: ${error.message}`, reference, trial.edits);
    }
    throw error;
  }
}

/** A difference that is there with no NaN at all is told apart from what a fix does. */
function withShift(result: FixResult, shift: number | null, reference: ReferenceRun): FixResult {
  const tolerance = reference.tolerance ?? 0;
  if (shift === null || shift <= tolerance || result.kind !== 'graph' || result.verdict === 'declines') return result;
  const same = typeof result.realMaxAbsDiff === 'number' && Math.abs(result.realMaxAbsDiff - shift) <= 2 * tolerance;
  return {
    ...result,
    paddingShift: shift,
    reason:
      result.verdict === 'hides' && same
        ? `${result.reason} It is as much when every masked slot is removed exactly: with this padding, positions are counted from the wrong end.`
        : result.reason,
  };
}
