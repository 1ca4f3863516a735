/** Sessions that are released whatever happens in between: an answer that the engine refuses is no reason to keep one. */
import type { TensorData } from '../../core/tensor';
import type { EngineJob, RunRequest, RunResult, SessionInfo, SessionOptions } from '../ports';

/** What a measuring run needs of the model's surroundings. */
export interface Feeding {
  readonly inputs: Readonly<Record<string, TensorData>>;
  readonly externalDataFolder: string | undefined;
}

/** Sessions that run once: nothing optimised, weights neither copied nor repacked. */
export const measuring = (target: Pick<Feeding, 'externalDataFolder'>): SessionOptions => ({
  level: 'disabled',
  prepack: false,
  externalDataFolder: target.externalDataFolder,
});

/** A part of a graph may not read every input of it. */
export function feedsOf(session: SessionInfo, target: Pick<Feeding, 'inputs'>): Record<string, TensorData> {
  const read = new Set(session.inputs.map((input) => input.name));
  return Object.fromEntries(Object.entries(target.inputs).filter(([name]) => read.has(name)));
}

/** @param use what to do with the session; it is gone when this returns or throws. */
export async function withSession<T>(
  job: EngineJob,
  model: Uint8Array,
  options: SessionOptions,
  use: (session: SessionInfo) => Promise<T>,
): Promise<T> {
  const session = await job.createSession(model, options);
  let result: T;
  try {
    result = await use(session);
  } catch (error) {
    // Where the engine is gone there is nothing to release, and the first error says why.
    await job.release(session.id).catch(() => undefined);
    throw error;
  }
  await job.release(session.id);
  return result;
}

/** One measuring run on the batch: nothing optimised, and fed what this part of the graph reads. */
export const runOnce = (
  job: EngineJob,
  target: Feeding,
  model: Uint8Array,
  request: Omit<RunRequest, 'session' | 'feeds'>,
): Promise<RunResult> =>
  withSession(job, model, measuring(target), (session) =>
    job.run({ ...request, session: session.id, feeds: feedsOf(session, target) }),
  );
