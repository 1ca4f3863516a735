/**
 * The reference for models whose lengths are fixed: the same padded batch with every masked slot removed exactly.
 * Masks choose with Where, rows without a key are 0, hidden states of padding are 0: whatever stands at padding, real
 * tokens cannot read it. Positions are counted as the padded batch counts them.
 */
import { maskWithWhere } from '../../core/fix/maskWithWhere';
import type { Fix, FixContext } from '../../core/fix/types';
import { zeroMaskedRows } from '../../core/fix/zeroMaskedRows';
import { zeroPadHidden } from '../../core/fix/zeroPadHidden';
import { graphOf } from '../../core/onnx/graph';
import { extended, freshPrefix } from '../../core/probe/instrument';
import { realPositions, take } from '../../core/verify/alone';
import type { EngineJob } from '../ports';
import { encode } from '../measure/facts';
import type { Measurement } from '../measure/measure';
import { withSession } from '../measure/sessions';
import type { Comparable } from './comparable';
import { rowsWithin, widthOf } from './comparable';
import { edited } from './edited';
import { planInTurn } from './inTurn';
import type { Compared, ReferenceRun } from './reference';
import { isRefusal, NaNInReference, noReference, toleranceOf } from './reference';

const steps: readonly Fix[] = [zeroPadHidden, zeroMaskedRows, maskWithWhere];

/** @param instead why there is no unpadded run; null where it is run beside one. */
export async function runInBatch(
  job: EngineJob,
  measured: Measurement,
  context: FixContext,
  roles: readonly (readonly string[])[],
  wanted: readonly Comparable[],
  instead: string | null,
): Promise<ReferenceRun> {
  const { target, grid } = measured;
  const plan = await planInTurn(job, measured, context, steps, { all: false });
  if (plan.edits.length === 0) {
    return noReference(`no masked slot could be removed (${plan.declined.map(({ reason }) => reason).join(' ')})`);
  }
  const model = edited(target.graph.model, plan.edits);
  const produced = new Set(graphOf(model).node.flatMap(({ output }) => output));
  const telling = wanted.filter(({ row, tensor }) => row === null || produced.has(tensor));
  const rows = telling.flatMap(({ row, tensor }) => (row === null ? [] : [tensor]));
  const prefix = freshPrefix(target.graph, 'inbatch');
  const handles = new Map(telling.map((one, i) => [one, `${prefix}${String(i)}`]));
  const compared: Compared[] = [];
  for (let sample = 0; sample < grid.samples; sample += 1) {
    const real = realPositions(roles, sample);
    for (const [one, handle] of handles) {
      const width = widthOf(one, grid);
      const own = rowsWithin(one, real).map((row) => sample * width + row);
      if (own.length === 0) continue;
      compared.push({ ...one, sample, handle, pairs: own.map((row) => [row, row] as const) });
    }
  }
  const options = { level: 'disabled' as const, prepack: true, externalDataFolder: target.externalDataFolder };
  try {
    return await withSession(
      job,
      encode(extended(model, { outputs: rows }), target),
      options,
      async (session): Promise<ReferenceRun> => {
        const keep = Object.fromEntries([...handles].map(([{ tensor }, handle]) => [handle, tensor]));
        await job.run({ session: session.id, feeds: target.inputs, fetch: [], keep });
        // The other batch is the same samples in reverse order.
        const last = grid.samples - 1;
        const pairs = (one: Compared) => {
          const { sample, pairs: kept } = one;
          const width = widthOf(one, grid);
          return kept.map(([row]) => [row + (last - 2 * sample) * width, row] as const);
        };
        const feeds = reversed(measured);
        const tolerance = await toleranceOf(job, measured, compared, { session: session.id, feeds, pairs });
        return { kind: 'in-batch', reason: instead, tolerance, compared };
      },
    );
  } catch (error) {
    await job.drop([...handles.values()]);
    if (error instanceof NaNInReference)
      return noReference('NaN is left at real tokens when every masked slot is removed');
    if (isRefusal(error))
      return noReference(`the engine does not run the model without its masked slots (${error.message})`);
    throw error;
  }
}

/** The batch with its samples in reverse order. */
function reversed({ target, inputAxes }: Measurement): Measurement['target']['inputs'] {
  return Object.fromEntries(
    Object.entries(target.inputs).map(([name, tensor]) => {
      const axes = inputAxes.get(name);
      const rows = tensor.dims.map((size, axis) => {
        const all = Array.from({ length: size }, (_, i) => i);
        return axes?.[axis]?.[0]?.kind === 'batch' ? all.reverse() : all;
      });
      return [name, take(tensor, rows)];
    }),
  );
}
