/** Every fix that applies is run on the same batch and compared with the reference; traps are run as warnings. */
import { batchFixes } from '../../core/fix/batch/index';
import { fixes, traps } from '../../core/fix/index';
import type { FixResult, Recommendation } from '../../core/report';
import { rankFixes } from '../../core/verify/verdict';
import { recommend } from '../../core/verify/recommend';
import { encode } from '../measure/facts';
import { withSession } from '../measure/sessions';
import type { Arena } from './arena';
import { batchTrial, graphTrial, tried, type Proposal } from './candidates';
import { combinations } from './combinations';
import { withFedPositions } from './fedPositions';
import type { ReferenceRun } from './reference';
import { paddingShift } from './shift';
import { withWiderTruth } from './wider';

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
    const fair = await withWiderTruth(arena, results, fixes, plain.id);
    const shift = await paddingShift(arena, fair, plain.id);
    const shifted = fair.map((result) => withShift(result, shift, reference));
    const fed = await withFedPositions(arena, shifted, shift, plain.id);
    const combined = fed.length > 0 ? fed : await combinations(arena, shifted, shift, plain.id);
    const ranked = rankFixes([...shifted, ...combined], context.origins);
    return { fixes: ranked, recommendation: recommend(ranked, context.origins) };
  });
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
