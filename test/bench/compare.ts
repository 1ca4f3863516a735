/** A comparison against the sum of its variants, each diagnosed alone; medians of alternating pairs, wall time. */
import { compare } from '../../src/app/compare/compare';
import { diagnose } from '../../src/app/diagnose';
import { parseVariation } from '../../src/core/compare/variations';
import type { DiagnoseRequest } from '../../src/app/useCases';
import { createEngine } from '../../src/runtime/client/engine';
import { nodeFiles } from '../../src/runtime/files/nodeFiles';
import { Limits } from './support/limits';
import { median } from './support/measure';

const PAIRS = Number(process.env.BENCH_PAIRS ?? 5);

const kimi = (options: string): string => `builtin:kimi-k2-mini?${options}`;
const lengths = { lengths: [5, 35], pad: 'left', seed: 1 } as const;

interface Case {
  readonly what: string;
  readonly model: string;
  readonly variation: string;
  /** What a person would run instead. */
  readonly alone: readonly Pick<DiagnoseRequest, 'model' | 'lengths'>[];
}

const kinds = ['eager-add', 'eager-where', 'finfo-min', 'fused'];
const cases: readonly Case[] = [
  {
    what: '4 attentions, 4 layers',
    model: kimi('layers=4'),
    variation: `attention=${kinds.join(',')}`,
    alone: kinds.map((kind) => ({ model: kimi(`layers=4&attention=${kind}`), lengths })),
  },
  {
    what: 'padding left and right, 24 layers',
    model: kimi('layers=24'),
    variation: 'padding=left,right',
    alone: (['left', 'right'] as const).map((pad) => ({ model: kimi('layers=24'), lengths: { ...lengths, pad } })),
  },
  {
    what: '4 lengths, 4 layers',
    model: kimi('layers=4'),
    variation: 'lengths=5,31/5,32/5,33/287,290',
    alone: [
      [5, 31],
      [5, 32],
      [5, 33],
      [287, 290],
    ].map((own) => ({ model: kimi('layers=4'), lengths: { ...lengths, lengths: own } })),
  },
];

async function main(workerPath: string): Promise<void> {
  const limits = new Limits();
  const deps = { engine: createEngine({ workerPath }), files: nodeFiles };
  const time = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await work();
    return performance.now() - start;
  };
  for (const { what, model, variation, alone } of cases) {
    const together = (): Promise<unknown> =>
      compare(
        deps,
        { models: [model], base: { lengths, userLevel: 'all' }, variations: [parseVariation(variation)] },
        {},
      );
    const eachAlone = async (): Promise<void> => {
      for (const request of alone) await diagnose(deps, { ...request, userLevel: 'all', fixes: false }, {});
    };
    await together();
    const ratios: number[] = [];
    for (let pair = 0; pair < PAIRS; pair++) ratios.push((await time(together)) / (await time(eachAlone)));
    limits.atMost(`${what}: together / each alone`, median(ratios), 1.2);
  }
  process.exitCode = limits.exitCode;
}

void main(process.argv[2] ?? '');
