/** Runs of one measurement that follow each other through the graph: none runs again what one before it ran. */
import type { ModelProto } from 'onnx-buf';
import { extended, extract, freshPrefix } from '../../core/probe/instrument';
import type { Additions, ValueFacts } from '../../core/probe/instrument';
import { stagesOf } from '../../core/probe/stages';
import type { EngineJob, RunRequest, RunResult } from '../ports';
import { encode } from './facts';
import type { Prepared } from './measure';
import { feedsOf, measuring, withSession } from './sessions';

/** What may lie in the child between two stages. */
const mostBytesKept = 128 * 1024 * 1024;

export interface StageRun {
  /** How an inspection names a wanted value: a kept one lies in the child under a handle. */
  readonly nameOf: (value: string) => string;
  /** One run of the part that computes the wanted values, with more nodes and outputs. */
  readonly run: (
    additions: Omit<Additions, 'onlyThese'>,
    request: Pick<RunRequest, 'fetch' | 'inspect'>,
  ) => Promise<RunResult>;
}

/**
 * @param wanted by stage, in the order of the graph.
 * @param look at one stage; it runs it once, or not at all where nothing is wanted.
 */
export async function inStages<T>(
  job: EngineJob,
  { target, facts }: Pick<Prepared, 'target' | 'facts'>,
  wanted: readonly (readonly string[])[],
  look: (stage: StageRun, i: number) => Promise<T>,
): Promise<T[]> {
  const { graph } = target;
  const prefix = freshPrefix(graph, 'staged');
  const handleOf = (value: string): string => `${prefix}${value}`;
  const inChild = new Set<string>();
  const results: T[] = [];
  try {
    for (const [i, stage] of stagesOf(graph, facts.values, wanted, mostBytesKept).entries()) {
      const given = new Map<string, ValueFacts>();
      for (const value of stage.given) {
        const fact = facts.values.get(value);
        if (fact) given.set(value, fact);
      }
      const own = [...new Set([...(wanted[i] ?? []), ...stage.keeps])].filter((value) => !given.has(value));
      const run: StageRun['run'] = async (additions, request) => {
        const part: ModelProto = extract(graph, own, given);
        const model = extended(part, {
          ...additions,
          outputs: [...stage.keeps, ...additions.outputs],
          onlyThese: true,
        });
        const result = await withSession(job, encode(model, target), measuring(target), (session) => {
          const read = session.inputs.map(({ name }) => name).filter((name) => given.has(name));
          return job.run({
            ...request,
            session: session.id,
            feeds: feedsOf(session, target),
            feedKept: Object.fromEntries(read.map((name) => [name, handleOf(name)])),
            keep: Object.fromEntries(stage.keeps.map((value) => [handleOf(value), value])),
          });
        });
        for (const value of stage.keeps) inChild.add(value);
        return result;
      };
      results.push(await look({ nameOf: (value) => (given.has(value) ? handleOf(value) : value), run }, i));
      await dropped(stage.drops);
    }
  } finally {
    // Where the engine is gone there is nothing to drop, and the first error says why.
    await dropped([...inChild]).catch(() => undefined);
  }
  return results;

  async function dropped(values: readonly string[]): Promise<void> {
    if (values.length === 0) return;
    for (const value of values) inChild.delete(value);
    await job.drop(values.map(handleOf));
  }
}
