/** A run that is made for the outputs of a variant, as that variant runs. */
import type { EngineLevel } from '../../core/report';
import { encode, encodePlain } from '../measure/facts';
import type { Measurement } from '../measure/measure';
import { feedsOf, measuring, runOnce, withSession } from '../measure/sessions';
import type { EngineJob, RunRequest, RunResult } from '../ports';

/**
 * @param level of a plain run: nothing rounded, weights prepacked as in anybody's own runs; null for the run that was
 * measured
 * @throws NanoscopeError what the engine says of a model that it cannot optimise so
 */
export function runForOutputs(
  job: EngineJob,
  { target }: Pick<Measurement, 'target'>,
  level: EngineLevel | null,
  request: Omit<RunRequest, 'session' | 'feeds'>,
): Promise<RunResult> {
  const { model } = target.graph;
  return level === null
    ? runOnce(job, target, encode(model, target), request)
    : withSession(job, encodePlain(model), { ...measuring(target), level, prepack: true }, (session) =>
        job.run({ ...request, session: session.id, feeds: feedsOf(session, target) }),
      );
}
