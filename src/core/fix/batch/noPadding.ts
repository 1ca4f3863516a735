import { realPositions, sampleAlone, whyNotAlone } from '../../verify/alone';
import { isPadded } from './padded';
import type { BatchFix, BatchRun } from './types';

/** Every sample in a run of its own. */
export const noPadding: BatchFix = {
  id: 'no-padding',
  title: 'Run each sample alone',
  effect: 'There are no pad tokens. Real tokens are what the model was trained for; samples do not share a run.',
  plan(context) {
    if (!isPadded(context)) return { applies: false, reason: 'The batch has no padding.' };
    const samples = context.roles[0]?.map((_, sample) => sample) ?? [];
    const runs: BatchRun[] = [];
    for (const sample of samples) {
      const real = realPositions(context.roles, sample);
      if (!real.some((own) => own.length > 0)) continue;
      const fit = whyNotAlone(context.specs, context.axes, real);
      if ('reason' in fit) return { applies: false, reason: `${fit.reason}.` };
      runs.push({
        feeds: sampleAlone(context.inputs, context.axes, sample, real, fit.copies),
        samples: [sample],
        layout: { kind: 'alone' },
      });
    }
    return { applies: true, runs, note: `${String(runs.length)} runs in the place of one.` };
  },
};
