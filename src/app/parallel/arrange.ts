/** A model that was measured as one, arranged over several processes. */
import { NanoscopeError } from '../../core/errors';
import { buildModel, isBuiltin } from '../../core/models';
import type { Segment } from '../../core/parallel/cut';
import { cut, levelsOf } from '../../core/parallel/cut';
import { shardPlan } from '../../core/parallel/plan';
import type { Parallel } from '../../core/parallel/settings';
import { sharded } from '../../core/parallel/shard';
import { stagesOfNodes } from '../../core/parallel/stages';
import { Graph } from '../../core/onnx/graph';
import type { ValueFacts } from '../../core/probe/instrument';
import type { Arrangement } from './chains';

/** What is run in parts. */
export interface Whole {
  /** `builtin:…`, or a path. */
  readonly model: string;
  readonly graph: Graph;
  readonly facts: ReadonlyMap<string, ValueFacts>;
  readonly externalDataFolder: string | undefined;
  readonly outputs: readonly string[];
  /** Values that are looked at. */
  readonly rows: readonly string[];
}

/** @throws NanoscopeError `usage` for a model that cannot be split so, `unsupported-type` */
export function arranged(whole: Whole, how: Parallel): Arrangement {
  return how.kind === 'ranks' ? ranksOf(whole, how) : stagesOf(whole, how);
}

/** What can be said before anything is run. @throws NanoscopeError `usage` */
export function checkSplit(model: string, how: Parallel): void {
  if (how.kind === 'stages') {
    if (isBuiltin(model)) stagesOfNodes(new Graph(buildModel(model).proto), how.stages);
    return;
  }
  if (!isBuiltin(model))
    throw new NanoscopeError(
      'usage',
      'Only built-in models are split over ranks by name.',
      'Give the shards of your own model as files: nanoscope compare MODEL shards.json (see the README).',
    );
  shardPlan(model, how.ranks, how.shard);
}

function ranksOf(whole: Whole, { ranks, shard }: Extract<Parallel, { kind: 'ranks' }>): Arrangement {
  const { graph, facts, outputs, externalDataFolder } = whole;
  const parts = sharded(graph, shardPlan(whole.model, ranks, shard), facts);
  const reduced = new Set(parts.reduced);
  // A term that is only added to others is under its name something else than in the whole model.
  const rows = whole.rows.filter((row) => parts.layouts.get(row)?.kind !== 'terms' || reduced.has(row));
  return {
    kind: 'ranks',
    allReduce: reduced,
    chains: parts.ranks.map((rank, at) => {
      const levels = levelsOf(
        rank.graph,
        () => 0,
        (value) => reduced.has(value),
      );
      const segments = cut({ ...rank, levels, outputs, rows, externalDataFolder });
      return { label: `Rank ${String(at)}`, segments };
    }),
  };
}

function stagesOf(whole: Whole, { stages }: Extract<Parallel, { kind: 'stages' }>): Arrangement {
  const segments = cut({ ...whole, levels: stagesOfNodes(whole.graph, stages) });
  return {
    kind: 'stages',
    allReduce: new Set(),
    chains: segments.map((segment: Segment, at) => ({ label: `Stage ${String(at)}`, segments: [segment] })),
  };
}
