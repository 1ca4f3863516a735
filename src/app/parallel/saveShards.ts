/** A built-in model as the files of its ranks, with the list that `compare` reads: what a person's own shards look like. */
import { NanoscopeError } from '../../core/errors';
import { serializeModel } from '../../core/models';
import { weightBytes } from '../../core/parallel/cut';
import type { ShardList } from '../../core/parallel/manifest';
import { withOpenShapes } from '../../core/parallel/openShapes';
import type { Parallel } from '../../core/parallel/settings';
import { gatherFacts } from '../measure/facts';
import { makeFeeds, openSubject } from '../subject';
import type { DiagnoseDeps } from '../useCases';
import { arranged, checkSplit } from './arrange';

export interface SaveShardsRequest {
  /** `builtin:…` */
  readonly model: string;
  /** Absolute; made where it is not there. */
  readonly folder: string;
  readonly how: Extract<Parallel, { kind: 'ranks' }>;
  /** Replace a list, and files of ranks, that are there. */
  readonly force: boolean;
}

export interface SavedShards {
  /** The list. */
  readonly file: string;
  /** By rank. */
  readonly weightBytes: readonly number[];
  readonly parts: number;
  readonly allReduces: number;
}

/** @throws NanoscopeError `usage` for a model that cannot be split so, `would-overwrite` */
export async function saveShards(
  { engine, files }: DiagnoseDeps,
  { model, folder, how, force }: SaveShardsRequest,
  signal?: AbortSignal,
): Promise<SavedShards> {
  checkSplit(model, how);
  const file = files.join(folder, 'shards.json');
  const refuseExisting = async (path: string): Promise<void> => {
    if (!force && (await files.exists(path)))
      throw new NanoscopeError('would-overwrite', `${path} exists already.`, 'Choose another folder, or add --force.');
  };
  await refuseExisting(file);
  const subject = await openSubject(files, model);
  const { graph } = subject;
  const { inputs } = await makeFeeds(files, subject, {});
  const target = { graph, inputs, externalDataFolder: undefined };
  const job = engine.start(signal);
  const facts = await gatherFacts(job, target).finally(() => job.close());
  const whole = { ...target, model, facts: facts.values, outputs: graph.outputs, rows: [] };
  const { chains, allReduce } = arranged(whole, how);
  const ranks = chains.map(({ segments }, rank) =>
    segments.map((_, at) => {
      const part = String(at).padStart(String(segments.length - 1).length, '0');
      return `rank${String(rank)}/part${part}.onnx`;
    }),
  );
  // Before the first is written.
  for (const name of ranks.flat()) await refuseExisting(files.join(folder, name));
  for (const [rank, { segments }] of chains.entries()) {
    await files.makeFolder(files.join(folder, `rank${String(rank)}`));
    const models = withOpenShapes(
      segments.map((segment) => segment.model),
      graph,
      (part) => ({
        'nanoscope.shard': `${subject.name}, rank ${String(rank)} of ${String(how.ranks)}, part ${String(part)}`,
      }),
    );
    for (const [at, part] of models.entries())
      await files.writeAtomic(files.join(folder, ranks[rank]?.[at] ?? ''), once(serializeModel(part)));
  }
  const list: ShardList = { ranks, allReduce: [...allReduce] };
  await files.writeAtomic(file, once(new TextEncoder().encode(`${JSON.stringify(list, null, 2)}\n`)));
  return {
    file,
    weightBytes: chains.map(({ segments }) => weightBytes(segments.map((segment) => segment.model))),
    parts: ranks[0]?.length ?? 0,
    allReduces: allReduce.size,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
