/** Every sample run alone, its inputs sliced by role: the reference that padding cannot have touched. */
import type { InputSpec } from '../../core/batch/types';
import { extended, freshPrefix } from '../../core/probe/instrument';
import { realPositions, sampleAlone, whyNotAlone } from '../../core/verify/alone';
import type { EngineJob } from '../ports';
import { encode } from '../measure/facts';
import type { Measurement } from '../measure/measure';
import { withSession } from '../measure/sessions';
import type { Comparable } from './comparable';
import { rowsWithin, widthOf } from './comparable';
import type { Compared, ReferenceModel, ReferenceRun } from './reference';
import { isRefusal, NaNInReference, noReference, toleranceOf } from './reference';

export const nanAlone = 'a sample alone, without any padding, gives NaN at its real tokens too';

/**
 * @param as `kind` is `unpadded` for the model as the user has it (the measured one has the padded batch's shapes
 *   declared), `high-precision` for the same in a wider type.
 */
export async function runUnpadded(
  job: EngineJob,
  as: ReferenceModel & { readonly kind: 'unpadded' | 'high-precision' },
  measured: Measurement,
  specs: readonly InputSpec[],
  roles: readonly (readonly string[])[],
  wanted: readonly Comparable[],
): Promise<ReferenceRun> {
  const { target, inputAxes, grid } = measured;
  const fences = as.kind === 'unpadded' ? target.fences : null;
  const rows = wanted.flatMap(({ row, tensor }) => (row === null ? [] : [tensor]));
  const bytes = encode(extended(as.model, { outputs: rows }), { fences });
  const prefix = freshPrefix(target.graph, as.kind === 'unpadded' ? 'alone' : 'precise');
  const feedsOf = (sample: number, real: readonly (readonly number[])[], copies: number) => {
    const feeds = sampleAlone(target.inputs, inputAxes, sample, real, copies);
    return as.feed ? as.feed(feeds) : feeds;
  };
  const compared: Compared[] = [];
  let tolerance = 0;
  /** Samples that are NaN alone. */
  const wrong: number[] = [];
  const options = { level: 'disabled' as const, prepack: true, externalDataFolder: target.externalDataFolder };
  try {
    await withSession(job, bytes, options, async (session) => {
      for (let sample = 0; sample < grid.samples; sample += 1) {
        const real = realPositions(roles, sample);
        // What has no real token has no reference; it counts only in the NaN that is left. A sample whose memory alone
        // is empty has one: its tokens attend to nothing, and attention over no keys at all is 0.
        const telling = wanted.filter((one) => rowsWithin(one, real).length > 0);
        if (!telling.some(({ row }) => row === null)) continue;
        const fit = whyNotAlone(specs, inputAxes, real);
        if ('reason' in fit) throw new Refused(fit.reason);
        const own = telling.map((one, i): Compared => {
          const width = widthOf(one, grid);
          const pairs = rowsWithin(one, real).map((row, k) => [sample * width + row, k] as const);
          return { ...one, sample, handle: `${prefix}${String(sample)}:${String(i)}`, pairs };
        });
        const { copies } = fit;
        const keep = Object.fromEntries(own.map(({ handle, tensor }) => [handle, tensor]));
        await job.run({ session: session.id, feeds: feedsOf(sample, real, copies), fetch: [], keep });
        // A fixed batch dimension has no room for a second copy; then only the floor is left.
        const again = feedsOf(sample, real, copies > 1 ? copies : 2);
        const pairs = ({ pairs: kept }: Compared) => kept.map((_, i) => [i, i] as const);
        try {
          const here = await toleranceOf(job, measured, own, { session: session.id, feeds: again, pairs });
          tolerance = Math.max(tolerance, here);
          compared.push(...own);
        } catch (error) {
          await job.drop(own.map(({ handle }) => handle));
          if (!(error instanceof NaNInReference)) throw error;
          wrong.push(sample);
        }
      }
    });
  } catch (error) {
    await job.drop(compared.map(({ handle }) => handle));
    if (error instanceof Refused) return noReference(error.message);
    if (isRefusal(error)) {
      const other = error.code === 'unsupported-op' || error.code === 'unsupported-type';
      return noReference(
        `the ${other ? 'engine cannot run it' : 'model does not run with other lengths'} (${error.message})`,
      );
    }
    throw error;
  }
  // What is right alone must stay right, whatever is the matter with the others.
  if (wrong.length > 0) return { ...noReference(nanAlone), ...(compared.length > 0 && { tolerance, compared }) };
  if (compared.length === 0) return noReference('no sample has a real token');
  return { kind: as.kind, reason: null, tolerance, compared };
}

class Refused extends Error {}
