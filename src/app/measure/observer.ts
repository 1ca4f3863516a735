/** Did looking change anything, and does the person's own optimisation level give the same? */
import { isFloat } from '../../core/probe/instrument';
import type { AnyInspection, Inspections } from '../../core/probe/inspectors';
import type { EngineLevel, JsonNumber, Observer } from '../../core/report';
import type { EngineJob } from '../ports';
import { encode, encodePlain } from './facts';
import type { Measurement } from './measure';
import { feedsOf, measuring, runOnce, withSession } from './sessions';

/**
 * Compares the kept outputs of the probed run with a plain one at the same level, and with one at the user's. Fences
 * stand in both of the former; the user's own run has none.
 */
export async function observe(job: EngineJob, measured: Measurement, userLevel: EngineLevel): Promise<Observer> {
  const { target } = measured;
  const outputs = [...measured.keptOutputs];
  // Of integers there is no largest difference that means anything: another index is another index.
  const floats = outputs.filter(([name]) => isFloat(measured.facts.values.get(name)?.dtype ?? ''));
  const same = await runOnce(job, target, encode(target.graph.model, target), {
    fetch: [],
    inspect: outputs.map(([name, handle]): AnyInspection => ({
      id: name,
      inspector: 'bitEqual',
      tensors: [name, handle],
      params: null,
    })),
  });
  const own = { ...measuring(target), level: userLevel, prepack: true };
  const compared = await withSession(job, encodePlain(target.graph.model), own, (session) =>
    job.run({
      session: session.id,
      feeds: feedsOf(session, target),
      fetch: [],
      inspect: floats.map(([name, handle]): AnyInspection => ({
        id: name,
        inspector: 'difference',
        tensors: [name, handle],
        params: null,
      })),
    }),
  );
  const differences = floats.map(([name]) => compared.inspected[name] as Inspections['difference']['result']);
  return {
    outputsBitEqual: outputs.every(([name]) => same.inspected[name] === true),
    ...(target.fences === null ? {} : { roundedTo: 'float16' as const }),
    userLevel: {
      level: userLevel,
      sameNanPositions: differences.every((difference) => difference.sameNaN),
      maxAbsDiff: differences.reduce<JsonNumber>((largest, { maxAbsDiff }) => {
        if (typeof largest !== 'number' || typeof maxAbsDiff !== 'number')
          return typeof largest === 'number' ? maxAbsDiff : largest;
        return Math.max(largest, maxAbsDiff);
      }, 0),
    },
  };
}
