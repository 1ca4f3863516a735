/** Shards that a person brings as files, named in a list; see `core/parallel/manifest.ts`. */
import { NanoscopeError } from '../../core/errors';
import { isBuiltin } from '../../core/models';
import { isWithin } from '../../core/onnx/external';
import { Graph } from '../../core/onnx/graph';
import { inlineFunctions } from '../../core/onnx/inline';
import { loadModel } from '../../core/onnx/load';
import { show } from '../../core/onnx/show';
import type { Segment } from '../../core/parallel/cut';
import { checkShards, escapes, longestShardList, parseShardList, type ShardList } from '../../core/parallel/manifest';
import type { FileAccess } from '../useCases';
import type { Split } from './variant';

/** A model to compare that is a list of shards. */
export const isShardList = (model: string): boolean => !isBuiltin(model) && /\.json$/i.test(model);

/**
 * Reads the list and every shard; big weights stay where they are.
 * @throws NanoscopeError `bad-input`, `external-data-escapes`, and as `loadModel` for a shard
 */
export async function readShards(files: FileAccess, path: string): Promise<Split> {
  const name = files.basename(path);
  const list = parseShardList(name, new TextDecoder().decode(await readSmall(files, path)));
  const folder = files.dirname(path);
  const real = await files.realPath(folder);
  const ranks: Segment[][] = [];
  for (const parts of list.ranks) {
    const segments: Segment[] = [];
    for (const part of parts) segments.push(await readShard(files, name, folder, real, part));
    ranks.push(segments);
  }
  return (whole) => arrangedBy(name, list, ranks, whole);
}

async function readSmall(files: FileAccess, path: string): Promise<Uint8Array> {
  const file = await files.open(path);
  try {
    if (file.size > longestShardList)
      throw new NanoscopeError(
        'bad-input',
        `${show(files.basename(path))} is too long for a list of shards.`,
        'A list names files; the shards themselves are .onnx files beside it.',
      );
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}

async function readShard(
  files: FileAccess,
  list: string,
  folder: string,
  real: string,
  part: string,
): Promise<Segment> {
  const path = files.join(folder, part);
  if (!isWithin(await files.realPath(path), real)) throw escapes(list, part);
  const loaded = await loadModel(path, { files });
  const { model } = inlineFunctions(loaded.proto);
  const graph = new Graph(model);
  return {
    model,
    reads: graph.inputs,
    gives: graph.outputs,
    rows: [],
    externalDataFolder: loaded.externalDataFolder,
  };
}

function arrangedBy(
  name: string,
  list: ShardList,
  ranks: readonly (readonly Segment[])[],
  whole: Parameters<Split>[0],
): ReturnType<Split> {
  checkShards(name, list, ranks, new Set(whole.graph.inputs));
  const allReduce = new Set(list.allReduce);
  const chains = ranks.map((parts, rank) => ({
    label: `Rank ${String(rank)}`,
    segments: parts.map((segment): Segment => {
      const { producer } = new Graph(segment.model);
      const given = new Set(segment.gives);
      return { ...segment, rows: whole.rows.filter((row) => producer.has(row) && !given.has(row)) };
    }),
  }));
  return { kind: 'ranks', allReduce, chains };
}
