/** Sharding and pipeline stages, over engine processes that hold a part of the model each. */
import { check } from '../../core/experiments/check';
import { pytorchSharded } from '../../core/experiments/recorded';
import type { Check } from '../../core/experiments/types';
import type { Comparison } from '../../core/compare/types';
import { reachWords } from '../render/compare/words';
import type { Experiment, Laboratory } from './laboratory';
import { countsIn, type Place } from './rowsOf';

const ranks = 8;
const samples: readonly (readonly [string, string])[] = [
  ['sample 0 (30 padding)', '35/35'],
  ['sample 1 (no padding)', '0/35'],
];

/** Rows of the table that was made then, and what every rank is to show there. */
function rowsThen(laboratory: Laboratory, comparison: Comparison): Check[] {
  const rows: readonly (readonly [string, Place, string])[] = [
    ...laboratory.shownLayers.map(
      (layer) => [`layer ${String(layer)}`, { layer, stage: 'layer' }, `model.layers.${String(layer)}`] as const,
    ),
    ['logits', { layer: null, stage: 'logits' }, 'logits'],
  ];
  return rows.flatMap(([name, place, module]) =>
    samples.map(([sample, found], at) => {
      const nan = pytorchSharded(module)?.[at];
      return check(`${name}, ${sample}: NaN positions`, everywhere(found), onRanks(countsIn(comparison, place, at)), {
        pytorch: nan === undefined ? null : everywhere(`${String(nan)}/35`),
      });
    }),
  );
}

const everywhere = (count: string): string => `${count} on every rank`;

/** One count where all agree, else each. */
const onRanks = (counts: readonly string[]): string =>
  new Set(counts).size === 1 ? everywhere(counts[0] ?? '') : counts.join(', ');

const patternIn = ({ verdict }: Comparison): string => (verdict.same ? 'the same' : 'different');

const ranksOfPyTorch = 'PyTorch 1.13 was run on two ranks over gloo, attention sharded, on a CPU.';
const memoryThen =
  'Then: 125.6 GB (attention sharded) and 133.8 GB (not) on each of 8 H200. Not run here; megabytes of weights per rank of the small model are shown instead.';
const networkThen =
  'Engine processes on one machine, and sums in float32 between them, stand in for GPUs and NCCL; FP8 weights are float32 here.';

export const paddingSharded: Experiment = async (laboratory) => {
  const comparison = await laboratory.compare(
    [laboratory.kimi()],
    [
      { key: 'ranks', values: ['1', String(ranks)] },
      { key: 'shard', values: ['all'] },
    ],
  );
  return {
    checks: [
      ...rowsThen(laboratory, comparison),
      check('pattern of NaN on the ranks and in one process', null, patternIn(comparison), { explained: 'the same' }),
    ],
    explanation: {
      then: 'A padded batch gives NaN with attention sharded over 8 GPUs.',
      measured:
        'It does, on every rank, and at the same positions as without any sharding: what follows is no work of sharding.',
      verdict: 'confirmed',
    },
    standIns: [memoryThen, networkThen, ranksOfPyTorch],
    comparison,
  };
};

export const paddingUnsharded: Experiment = async (laboratory) => {
  const comparison = await laboratory.compare(
    [laboratory.kimi()],
    [
      { key: 'ranks', values: [String(ranks)] },
      { key: 'shard', values: ['all', 'moe'] },
    ],
  );
  return {
    checks: [
      ...rowsThen(laboratory, comparison),
      check('pattern of NaN, attention sharded and not', 'the same', patternIn(comparison)),
    ],
    explanation: {
      then: 'Identical NaN with and without attention sharding: sharding is not the cause.',
      measured: comparison.verdict.sentence,
      verdict: 'confirmed',
    },
    standIns: [memoryThen, networkThen, ranksOfPyTorch],
    comparison,
  };
};

export const pipelineParallel: Experiment = async (laboratory) => {
  const stages = ['1', '2', '4', '8'].filter((count) => Number(count) <= laboratory.layers);
  const variations = [{ key: 'stages', values: stages }] as const;
  const comparison = await laboratory.compare([laboratory.kimi()], variations);
  const even = await laboratory.compare([laboratory.kimi()], variations, { lengths: [35, 35], pad: 'none', seed: 1 });
  const reach = (one: Comparison): string => [...new Set(one.variants.map(({ nan }) => reachWords[nan]))].join(', ');
  return {
    checks: [
      check('no padding, as the first extraction had it', 'no NaN', reach(even)),
      check(`padded, over ${stages.join(', ')} stages`, null, reach(comparison), { explained: reachWords.real }),
      check('pattern of NaN in all of them', null, patternIn(comparison), { explained: 'the same' }),
    ],
    explanation: {
      then: 'With pipeline parallelism there is no NCCL, so each element of the batch is processed correctly; and padding was minimal or none.',
      measured:
        'Only the second half is true. Stages give the same NaN as one process as soon as there is padding; without padding there is none. What the first extraction lacked was padding.',
      verdict: 'corrected',
    },
    standIns: [networkThen],
    comparison,
  };
};
