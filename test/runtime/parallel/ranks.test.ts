/** Ranks and stages compute what the whole model computes: every row of the table and every output, element by element. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { arranged } from '../../../src/app/parallel/arrange';
import type { Engine } from '../../../src/app/ports';
import { buildModel, serializeModel } from '../../../src/core/models';
import { weightBytes } from '../../../src/core/parallel/cut';
import type { Sharding } from '../../../src/core/parallel/settings';
import { realDeps } from '../../support/diagnosing';
import { distance, known, run, weightsOf, type Known } from './support';

let engine: Engine;
beforeAll(async () => {
  ({ engine } = await realDeps());
});

const wholes = new Map<string, Promise<Known>>();
const wholeOf = (model: string): Promise<Known> => {
  const found = wholes.get(model) ?? known(engine, model);
  wholes.set(model, found);
  return found;
};

const kimi = 'builtin:kimi-k2-mini?layers=2&heads=8';
/** Two heads of keys: from four ranks on, ranks share them. */
const llama = 'builtin:llama-mini?layers=2&heads=8&kvHeads=2';
const gpt2 = 'builtin:gpt2-mini?layers=2&heads=8';

const cases: readonly (readonly [model: string, ranks: number, shard: Sharding])[] = [
  ...[kimi, llama, gpt2].flatMap((model) =>
    (['all', 'moe', 'attention'] as const).map((shard) => [model, 2, shard] as const),
  ),
  ...[kimi, llama, gpt2].map((model) => [model, 4, 'all'] as const),
  [kimi, 8, 'all'],
  ['builtin:llama-mini?layers=1&heads=4&kvHeads=1', 2, 'all'],
  ['builtin:llama-mini?layers=1&heads=2&kvHeads=1&attention=fused', 2, 'attention'],
  ['builtin:kimi-k2-mini?layers=2&attention=fused&experts=2', 2, 'all'],
  ['builtin:bert-mini?layers=2', 2, 'all'],
  ['builtin:t5-mini?layers=2', 2, 'all'],
  ['builtin:t5-mini?layers=1&attention=eager-where', 2, 'attention'],
];

describe('tensor parallelism', () => {
  it.each(cases)('%s over %i ranks, %s', async (model, ranks, shard) => {
    const whole = await wholeOf(model);
    const ran = await run(engine, whole, { kind: 'ranks', ranks, shard });
    expect(ran).toHaveLength(ranks);
    for (const { tensors } of ran) {
      expect([...tensors.keys()].sort()).toEqual([...whole.expected.keys()].sort());
      for (const [name, tensor] of whole.expected) {
        const { sameNaN, most } = distance(tensor, tensors.get(name) ?? tensor);
        expect(sameNaN, name).toBe(true);
        expect(most, name).toBeLessThanOrEqual(1e-5);
      }
    }
  });

  it('is compared on a batch that has NaN and finite numbers', async () => {
    for (const model of [kimi, llama, gpt2]) {
      const { expected, whole } = await wholeOf(model);
      const logits = expected.get(whole.graph.outputs[0] ?? '');
      const values = Array.from(logits?.data ?? [], Number);
      expect(values.some(Number.isNaN)).toBe(true);
      expect(Math.max(...values.filter(Number.isFinite).map(Math.abs))).toBeGreaterThan(0.1);
    }
  });

  it.each([
    [kimi, 4, 'all', /self_attn\.(q_b|kv_b|o)_proj|mlp\.(gate|up|down)_proj|mlp\.experts\./],
    [kimi, 2, 'moe', /mlp\.(gate|up|down)_proj|mlp\.experts\./],
    [gpt2, 4, 'attention', /attn\.(c_attn|c_proj\.weight)/],
  ] as const)(
    '%s over %i ranks, %s: each weight is divided, or whole on every rank',
    async (model, ranks, shard, split) => {
      const weights = [...weightsOf(model)];
      const sum = (some: typeof weights): number => some.reduce((bytes, [, own]) => bytes + own, 0);
      const divided = sum(weights.filter(([name]) => split.test(name)));
      const { chains } = arranged((await wholeOf(model)).whole, { kind: 'ranks', ranks, shard });
      const held = chains.map(({ segments }) => weightBytes(segments.map((segment) => segment.model)));
      expect(held.reduce((a, b) => a + b, 0)).toBe(divided + ranks * (sum(weights) - divided));
      expect(new Set(held).size).toBe(1);
    },
  );
});

describe('pipeline stages', () => {
  it.each([
    ['builtin:kimi-k2-mini?layers=4', 2],
    ['builtin:kimi-k2-mini?layers=4', 4],
    ['builtin:t5-mini?layers=2', 4],
  ])('%s in %i stages, bit for bit', async (model, stages) => {
    expectSame(await wholeOf(model), await run(engine, await wholeOf(model), { kind: 'stages', stages }), stages);
  });

  it('of a model with weights in its file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nanoscope-stages-'));
    try {
      const file = join(folder, 'model.onnx');
      await writeFile(file, serializeModel(buildModel('builtin:llama-mini?layers=2').proto));
      const whole = await known(engine, file);
      expect(whole.whole.externalDataFolder).toBeDefined();
      expectSame(whole, await run(engine, whole, { kind: 'stages', stages: 2 }), 2);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  function expectSame({ expected }: Known, ran: Awaited<ReturnType<typeof run>>, stages: number): void {
    expect(ran).toHaveLength(stages);
    for (const { tensors } of ran) expect(tensors.size).toBeGreaterThan(0);
    const all = new Map(ran.flatMap(({ tensors }) => [...tensors]));
    for (const [name, tensor] of expected) expect(all.get(name)?.data, name).toEqual(tensor.data);
  }
});
