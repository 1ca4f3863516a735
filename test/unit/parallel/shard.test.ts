/** What each rank holds: pieces that make up the whole weight, experts that one rank has, biases that count once. */
import { describe, expect, it } from 'vitest';
import { buildModel } from '../../../src/core/models';
import { Graph } from '../../../src/core/onnx/graph';
import { decodeTensor } from '../../../src/core/onnx/tensors';
import { shardPlan } from '../../../src/core/parallel/plan';
import { sharded, type Sharded } from '../../../src/core/parallel/shard';
import type { Sharding } from '../../../src/core/parallel/settings';

const split = (model: string, ranks: number, shard: Sharding = 'all'): { whole: Graph; parts: Sharded } => {
  const whole = new Graph(buildModel(model).proto);
  return { whole, parts: sharded(whole, shardPlan(model, ranks, shard), new Map()) };
};

const rows = (graph: Graph, name: string): number[][] => {
  const tensor = graph.initializers.get(name);
  const value = tensor && decodeTensor(tensor);
  if (!value) return [];
  const width = value.dims.at(-1) ?? 1;
  const all = Array.from(value.data, Number);
  return Array.from({ length: all.length / width }, (_, i) => all.slice(i * width, (i + 1) * width));
};

describe('the weights of ranks', () => {
  it('columns side by side are the weight', () => {
    const { whole, parts } = split('builtin:kimi-k2-mini?layers=1', 4);
    const name = 'model.layers.0.self_attn.q_b_proj.weight';
    const [a = [], b = [], c = [], d = []] = parts.ranks.map(({ graph }) => rows(graph, name));
    expect(a.map((row, i) => [...row, ...(b[i] ?? []), ...(c[i] ?? []), ...(d[i] ?? [])])).toEqual(rows(whole, name));
  });

  it('rows one after another are the weight', () => {
    const { whole, parts } = split('builtin:kimi-k2-mini?layers=1', 2);
    const name = 'model.layers.0.self_attn.o_proj.weight';
    expect(parts.ranks.flatMap(({ graph }) => rows(graph, name))).toEqual(rows(whole, name));
  });

  it('queries, keys and values of a rank are of the same heads', () => {
    const { whole, parts } = split('builtin:gpt2-mini?layers=1', 2);
    const name = 'transformer.h.0.attn.c_attn.bias';
    const [all = []] = rows(whole, name);
    const [second = []] = rows(parts.ranks[1]?.graph ?? whole, name);
    expect(second).toEqual([...all.slice(32, 64), ...all.slice(96, 128), ...all.slice(160, 192)]);
  });

  it('an expert is on one rank, with its nodes', () => {
    const { parts } = split('builtin:kimi-k2-mini?layers=2&experts=4', 2);
    const experts = parts.ranks.map(({ graph }) => {
      const found = graph.nodes.map(({ name }) => /experts\.(\d)\/up_proj/.exec(name)?.[1]);
      return found.filter((one) => one !== undefined);
    });
    expect(experts).toEqual([
      ['0', '1'],
      ['2', '3'],
    ]);
  });

  it.each([
    ['all', 4],
    ['moe', 2],
    ['attention', 2],
  ] as const)('%s: sums behind sublayers only', (shard, count) => {
    const { parts } = split('builtin:kimi-k2-mini?layers=2', 2, shard);
    expect(parts.reduced).toHaveLength(count);
  });

  it('a bias behind rows is added once, to the sum', () => {
    const { parts } = split('builtin:gpt2-mini?layers=1', 2);
    for (const { graph } of parts.ranks) {
      const readers = graph.consumers.get('transformer.h.0.attn.c_proj.bias') ?? [];
      expect(readers.map(({ op, inputs }) => [op, parts.reduced.includes(inputs[0] ?? '')])).toEqual([['Add', true]]);
    }
  });
});
