/** Did looking change anything, and does the person's own optimisation level give the same? */
import type { AnyInspection, Inspections } from '../../core/probe/inspectors';
import type { EngineLevel, JsonNumber, Observer } from '../../core/report';
import type { EngineJob } from '../ports';
import { encode, encodePlain, measuring } from './facts';
import type { Measurement } from './measure';

/**
 * Compares the kept outputs of the probed run with a plain one at the same level, and with one at the user's. Fences
 * stand in both of the former; the user's own run has none.
 */
export async function observe(job: EngineJob, measured: Measurement, userLevel: EngineLevel): Promise<Observer> {
  const { target } = measured;
  const outputs = [...measured.keptOutputs].filter(([name]) => measured.flagsOf(name) !== null);
  const plain = await job.createSession(encode(target.graph.model, target), measuring(target));
  const same = await job.run({
    session: plain.id,
    feeds: target.inputs,
    fetch: [],
    inspect: outputs.map(([name, handle]): AnyInspection => ({
      id: name,
      inspector: 'bitEqual',
      tensors: [name, handle],
      params: null,
    })),
  });
  await job.release(plain.id);
  const own = await job.createSession(encodePlain(target.graph.model), {
    ...measuring(target),
    level: userLevel,
    prepack: true,
  });
  const compared = await job.run({
    session: own.id,
    feeds: target.inputs,
    fetch: [],
    inspect: outputs.map(([name, handle]): AnyInspection => ({
      id: name,
      inspector: 'difference',
      tensors: [name, handle],
      params: null,
    })),
  });
  await job.release(own.id);
  const differences = outputs.map(([name]) => compared.inspected[name] as Inspections['difference']['result']);
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
