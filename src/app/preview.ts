/** What a fix would change, before anything is written. */
import { previewPlaces } from '../core/preview/places';
import type { FixPreview } from '../core/preview/types';
import { planFix } from './apply/planFix';
import { wantedFixes } from './apply/wanted';
import type { PreviewFix } from './useCases';

/** Runs the diagnosis that applying would run, since a fix follows what was found; writes nothing. */
export const previewFix: PreviewFix = async (deps, request, events, signal): Promise<FixPreview> => {
  const fixes = wantedFixes(request.fixId);
  const job = deps.engine.start(signal);
  const { steps, diagnosis } = await planFix(job, deps, request, fixes, events).finally(() => job.close());
  const calls = diagnosis.subject.inlined.inside.size;
  return {
    fixId: request.fixId,
    steps: steps.map(({ fix, plan, context, before, after }) => ({
      fixId: fix.id,
      title: fix.title,
      effect: fix.effect,
      note: plan.note,
      edits: plan.edits.length,
      places: previewPlaces(before, after, context),
    })),
    notes: [
      ...steps.flatMap(({ fix }) =>
        fix.trap === true
          ? [`“${fix.title}” removes NaN from sight and not the error: real tokens will be wrong.`]
          : [],
      ),
      ...(calls > 0 ? ['Nodes of local functions are shown where they are called, as call/node.'] : []),
    ],
  };
};
