/**
 * Where no fix of the graph heals alone: the smallest set that does. After one fix the edited model is diagnosed anew,
 * and the next one is planned on what is found there.
 */
import { fixes, fixesOfPositions } from '../../core/fix/index';
import type { Fix, FixContext } from '../../core/fix/types';
import type { GraphEdit } from '../../core/onnx/edit';
import { Graph } from '../../core/onnx/graph';
import type { FixResult } from '../../core/report';
import { placesInTable } from '../../core/trace/sites';
import { rankFixes } from '../../core/verify/verdict';
import { findings } from '../measure/findings';
import { prepare } from '../measure/measure';
import { screen } from '../measure/screen';
import { editTrial, tried } from './candidates';
import { edited } from './edited';
import type { Arena } from './arena';
import type { About } from './trial';

/** Largest set, and most trials in all. */
const largestSet = 3;
const mostTrials = 24;
/** Sets of each size that are built upon. */
const width = 3;

interface Set_ {
  readonly parts: readonly Fix[];
  readonly edits: readonly GraphEdit[];
  readonly result: FixResult;
}

/** @param shift see `paddingShift`: then fixes of positions have their turn too. */
export async function combinations(
  arena: Arena,
  results: readonly FixResult[],
  shift: number | null,
  plain: number,
): Promise<FixResult[]> {
  const shifted = shift !== null && shift > (arena.reference.tolerance ?? 0);
  const enough = (verdict: FixResult['verdict']): boolean =>
    verdict === 'heals' || (arena.reference.kind === 'none' && verdict === 'unproven');
  if (results.some(({ kind, verdict }) => kind === 'graph' && enough(verdict))) return [];
  let base: Set_[] = results.flatMap((result): Set_[] => {
    const fix = fixes.find(({ id }) => id === result.id);
    const plan = fix && result.kind === 'graph' && worthwhile(result, shifted) ? fix.plan(arena.context) : null;
    return fix && plan?.applies ? [{ parts: [fix], edits: plan.edits, result }] : [];
  });
  const candidates = shifted ? [...fixesOfPositions, ...fixes] : fixes;
  let trials = 0;
  for (let size = 2; size <= largestSet && base.length > 0; size += 1) {
    const made: Set_[] = [];
    for (const own of best(base, arena)) {
      const context = await contextOf(arena, own.edits);
      for (const fix of candidates) {
        if (own.parts.includes(fix) || trials >= mostTrials) continue;
        const plan = fix.plan(context);
        if (!plan.applies) continue;
        trials += 1;
        const parts = [...own.parts, fix];
        const edits = [...own.edits, ...plan.edits];
        const about = aboutSet(parts);
        arena.onProgress({ text: `Trying together: ${about.title}`, fraction: null });
        const result = await tried(arena, { about, trial: editTrial(arena, about, edits) }, plain);
        made.push({ parts, edits, result });
        if (enough(result.verdict)) return [result];
      }
    }
    base = made.filter(({ result }) => worthwhile(result, shifted));
  }
  // Nothing heals: what comes nearest is told where it is better than its parts alone.
  const [nearest] = best(base, arena);
  return nearest && nearest.parts.length > 1 && nearest.result.verdict === 'partial' ? [nearest.result] : [];
}

/** Something that another fix could complete. */
const worthwhile = ({ verdict }: FixResult, shifted: boolean): boolean =>
  verdict === 'partial' || verdict === 'fails' || (verdict === 'hides' && shifted);

const best = (sets: readonly Set_[], { context }: Arena): Set_[] => {
  const ranked = rankFixes(
    sets.map(({ result }) => result),
    context.origins,
  );
  return [...sets].sort((a, b) => ranked.indexOf(a.result) - ranked.indexOf(b.result)).slice(0, width);
};

const aboutSet = (parts: readonly Fix[]): About => ({
  id: parts.map(({ id }) => id).join('+'),
  kind: 'combination',
  title: parts.map(({ title }, i) => (i === 0 ? title : lowerFirst(title))).join(', then '),
  effect: parts.map(({ effect }) => effect).join(' '),
  parts: parts.map(({ id }) => id),
});

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** The edited model, diagnosed anew on the same batch. */
async function contextOf(arena: Arena, edits: readonly GraphEdit[]): Promise<FixContext> {
  const { job, measured, context, roles, sites } = arena;
  const { target, inputAxes } = measured;
  const { inputs, externalDataFolder } = target;
  const model = edited(target.graph.model, edits);
  const prepared = await prepare(job, { graph: new Graph(model), inputs, externalDataFolder }, inputAxes);
  const again = await screen(job, prepared);
  const { origins, silent } = await findings(job, again, roles, placesInTable(prepared.target.graph, sites));
  await job.drop([...again.keptOutputs.values()]);
  return {
    graph: prepared.target.graph,
    axes: prepared.axes,
    sites: prepared.sites,
    padding: context.padding,
    origins,
    silent,
    dtype: (value) => prepared.facts.values.get(value)?.dtype ?? null,
    shape: (value) => prepared.facts.shape(value),
  };
}
