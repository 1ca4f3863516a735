/** Did looking change anything, and does the person's own optimisation level give the same? */
import type { ErrorCode } from '../../core/errors';
import { NanoscopeError } from '../../core/errors';
import { isFloat } from '../../core/probe/instrument';
import type { AnyInspection, Inspections } from '../../core/probe/inspectors';
import type { EngineLevel, JsonNumber, Observer } from '../../core/report';
import type { EngineJob } from '../ports';
import { encode, encodePlain } from './facts';
import type { Measurement } from './measure';
import { feedsOf, measuring, runOnce, withSession } from './sessions';

export interface Observed {
  readonly observer: Observer;
  /** What a reader must know beside. */
  readonly notes: readonly string[];
}

/**
 * Compares the kept outputs of the probed run with a plain one at the same level, and with one at the user's. Fences
 * stand in both of the former; the user's own run has none. An optimisation that breaks the model is told in a note.
 */
export async function observe(job: EngineJob, measured: Measurement, userLevel: EngineLevel): Promise<Observed> {
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
  const measuredRun = {
    outputsBitEqual: outputs.every(([name]) => same.inspected[name] === true),
    ...(target.fences === null ? {} : { roundedTo: 'float16' as const }),
  };
  try {
    const differences = await differencesAt(job, measured, userLevel, floats);
    return { observer: { ...measuredRun, userLevel: { level: userLevel, ...differences } }, notes: [] };
  } catch (error) {
    if (!(error instanceof NanoscopeError) || userLevel === 'disabled' || !refusals.has(error.code)) throw error;
    const note =
      `The engine runs this model as it was measured, with graph optimisation disabled, and not at the level ${userLevel}: ` +
      `${error.message} Use the level disabled where the model is run.`;
    return { observer: { ...measuredRun, userLevel: null }, notes: [note] };
  }
}

/** What a fault of an optimisation looks like; anything else ends the whole job, or would have met the first run too. */
const refusals: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'engine-failed',
  'corrupt-model',
  'unsupported-op',
  'unsupported-type',
]);

async function differencesAt(
  job: EngineJob,
  { target }: Measurement,
  level: EngineLevel,
  outputs: readonly (readonly [name: string, handle: string])[],
): Promise<Omit<NonNullable<Observer['userLevel']>, 'level'>> {
  const own = { ...measuring(target), level, prepack: true };
  const compared = await withSession(job, encodePlain(target.graph.model), own, (session) =>
    job.run({
      session: session.id,
      feeds: feedsOf(session, target),
      fetch: [],
      inspect: outputs.map(([name, handle]): AnyInspection => ({
        id: name,
        inspector: 'difference',
        tensors: [name, handle],
        params: null,
      })),
    }),
  );
  const differences = outputs.map(([name]) => compared.inspected[name] as Inspections['difference']['result']);
  return {
    sameNanPositions: differences.every((difference) => difference.sameNaN),
    maxAbsDiff: differences.reduce<JsonNumber>((largest, { maxAbsDiff }) => {
      if (typeof largest !== 'number' || typeof maxAbsDiff !== 'number')
        return typeof largest === 'number' ? maxAbsDiff : largest;
      return Math.max(largest, maxAbsDiff);
    }, 0),
  };
}
