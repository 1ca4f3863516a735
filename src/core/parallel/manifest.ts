/**
 * A list of shards: which files each rank runs, one after the other, and which of their outputs are summed over the
 * ranks before the next files read them.
 *
 *     { "ranks": [["rank0/part0.onnx", "rank0/part1.onnx"], ["rank1/part0.onnx", "rank1/part1.onnx"]],
 *       "allReduce": ["/model/layers.0/self_attn/o_proj/MatMul_output_0"] }
 *
 * A part reads inputs of the whole model and, by name, what parts before it gave on the same rank. Names are those of
 * the whole model, so that a value is found in the table. Paths are relative to the list.
 */
import * as z from 'zod';
import { NanoscopeError } from '../errors';
import { show } from '../onnx/show';
import type { Segment } from './cut';

export interface ShardList {
  /** By rank: paths relative to the list, `/` between folders. */
  readonly ranks: readonly (readonly string[])[];
  readonly allReduce: readonly string[];
}

/** Far above what machines have; bounds what a hostile list can make a run do. */
const most = { ranks: 64, parts: 4096, names: 100_000, nameLength: 4096, bytes: 16 * 1024 * 1024 } as const;
export const longestShardList = most.bytes;

const shardList = z.strictObject({
  ranks: z
    .array(z.array(z.string().min(1).max(most.nameLength)).min(1).max(most.parts))
    .min(1)
    .max(most.ranks),
  allReduce: z.array(z.string().min(1).max(most.nameLength)).max(most.names),
}) satisfies z.ZodType<ShardList>;

/** @throws NanoscopeError `bad-input` */
export function parseShardList(name: string, text: string): ShardList {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notAList(name, 'it is not JSON');
  }
  const parsed = shardList.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.map(String).join('.') ?? '';
    throw notAList(name, `${where === '' ? '' : `${show(where)}: `}${show(issue?.message ?? '').slice(1, -1)}`);
  }
  const { ranks, allReduce } = parsed.data;
  for (const file of ranks.flat()) if (!isInside(file)) throw escapes(name, file);
  const parts = new Set(ranks.map((files) => files.length));
  if (parts.size > 1) throw notAList(name, `ranks have ${[...parts].join(' and ')} parts, and all need as many`);
  return { ranks, allReduce };
}

/** Whether a path stays in the folder that it is relative to, as far as its text tells. */
const isInside = (file: string): boolean => !/^[\\/]|^[A-Za-z]:|\\|\0/.test(file) && !file.split('/').includes('..');

export const escapes = (name: string, file: string): NanoscopeError =>
  new NanoscopeError(
    'external-data-escapes',
    `${show(name)} refers to ${show(file)}, which is outside its folder.`,
    'Put the shards beside the list or in folders below it, with / between folder and file.',
  );

/** Whether every part finds what it reads, and every sum has a term on every rank. @throws NanoscopeError `bad-input` */
export function checkShards(
  name: string,
  { allReduce }: ShardList,
  ranks: readonly (readonly Pick<Segment, 'reads' | 'gives'>[])[],
  inputs: ReadonlySet<string>,
): void {
  const summed = new Set(allReduce);
  for (const [rank, parts] of ranks.entries()) {
    const given = new Set(inputs);
    for (const [part, { reads, gives }] of parts.entries()) {
      const missing = reads.find((value) => !given.has(value));
      if (missing !== undefined)
        throw new NanoscopeError(
          'bad-input',
          `Rank ${String(rank)} of ${show(name)} reads ${show(missing)} in its part ${String(part)}, which neither the batch nor a part before it gives.`,
          'Add it to the outputs of an earlier part, or put the parts into another order.',
        );
      for (const value of gives) given.add(value);
    }
  }
  for (const value of summed) {
    const places = new Set(ranks.map((parts) => parts.findIndex(({ gives }) => gives.includes(value))));
    const [place = -1, ...others] = places;
    if (place < 0 || others.length > 0)
      throw new NanoscopeError(
        'bad-input',
        `${show(value)} is in allReduce of ${show(name)}, but not every rank gives it in the same part.`,
        'Make it an output of the same part on every rank, or take it out of allReduce.',
      );
  }
}

const notAList = (name: string, why: string): NanoscopeError =>
  new NanoscopeError(
    'bad-input',
    `${show(name)} is no list of shards: ${why}.`,
    'It looks like { "ranks": [["rank0/part0.onnx"], ["rank1/part0.onnx"]], "allReduce": ["…"] }; see the README.',
  );
