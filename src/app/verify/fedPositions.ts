/**
 * Where position ids are fed and count columns, no edit of the model can mend them: the best fix of the graph is tried
 * together with ids that are counted over real tokens.
 */
import { positionIdsFromMask } from '../../core/fix/batch/positionIds';
import { fixes } from '../../core/fix/index';
import type { FixResult } from '../../core/report';
import { rankFixes } from '../../core/verify/verdict';
import type { Arena } from './arena';
import { batchTrial, tried } from './candidates';
import { edited } from './edited';
import type { About } from './trial';

/** @param shift see `paddingShift`. */
export async function withFedPositions(
  arena: Arena,
  results: readonly FixResult[],
  shift: number | null,
  plain: number,
): Promise<FixResult[]> {
  if (shift === null || shift <= (arena.reference.tolerance ?? 0)) return [];
  const { trial } = batchTrial(arena, positionIdsFromMask);
  if (typeof trial === 'string') return [];
  const [best] = rankFixes(
    results.filter(({ kind, nanAfter }) => kind === 'graph' && nanAfter === 0),
    arena.context.origins,
  );
  const fix = fixes.find(({ id }) => id === best?.id);
  const plan = fix?.plan(arena.context);
  if (!fix || !plan?.applies) return [];
  const { title, effect } = positionIdsFromMask;
  const about: About = {
    id: `${fix.id}+${positionIdsFromMask.id}`,
    kind: 'combination',
    title: `${fix.title}, and feed position ids that are counted over real tokens`,
    effect: `${fix.effect} ${effect}`,
    parts: [fix.id, positionIdsFromMask.id],
    fed: [positionIdsFromMask.id],
  };
  arena.onProgress({ text: `Trying together: ${fix.title}; ${title}`, fraction: null });
  const model = edited(trial.model, plan.edits);
  const result = await tried(arena, { about, trial: { ...trial, about, model, edits: plan.edits.length } }, plain);
  return result.verdict === 'heals' ? [result] : [];
}
