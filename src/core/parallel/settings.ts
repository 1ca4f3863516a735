/** How a variant is run over several engine processes, out of what was said: `ranks=2`, `shard=moe`, `stages=4`. */
import type { Settings } from '../compare/variations';
import { NanoscopeError } from '../errors';

export const shardings = ['all', 'moe', 'attention'] as const;
/** `moe` is the MLP where there are no experts. */
export type Sharding = (typeof shardings)[number];

export type Parallel =
  | { readonly kind: 'ranks'; readonly ranks: number; readonly shard: Sharding }
  | { readonly kind: 'stages'; readonly stages: number };

/** Ranks where only `shard` is said. */
const defaultRanks = 2;

/**
 * @returns null for a variant that runs in one process
 * @throws NanoscopeError `usage` for settings that do not go together
 */
export function parallelOf({ ranks, shard, stages, level, attention }: Settings): Parallel | null {
  const count = ranks === undefined && shard === undefined ? 1 : Number(ranks ?? defaultRanks);
  const cuts = Number(stages ?? 1);
  if (count === 1 && cuts === 1) return null;
  if (count > 1 && cuts > 1)
    throw new NanoscopeError(
      'usage',
      `A model is run over ${String(count)} ranks or in ${String(cuts)} pipeline stages, not both at once.`,
      'Vary one of them: ranks=1,2,4 or stages=1,2,4.',
    );
  const other = level !== undefined ? 'level' : attention === 'written-out' ? 'attention=written-out' : null;
  if (other !== null)
    throw new NanoscopeError(
      'usage',
      `${other} does not go together with ${count > 1 ? 'ranks' : 'stages'}: parts of a model are run as they are measured.`,
      `Leave ${other} out, or compare it in a run of its own.`,
    );
  return count > 1
    ? { kind: 'ranks', ranks: count, shard: shardings.find((one) => one === shard) ?? 'all' }
    : { kind: 'stages', stages: cuts };
}

/** The same variant in one process: what its ranks or stages are compared with. */
export function withoutParallel(settings: Settings): Settings {
  const { ranks: _ranks, shard: _shard, stages: _stages, ...rest } = settings;
  return rest;
}
