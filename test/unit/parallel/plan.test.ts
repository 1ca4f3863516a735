import { describe, expect, it } from 'vitest';
import { NanoscopeError } from '../../../src/core/errors';
import { rangesOf, shardPlan } from '../../../src/core/parallel/plan';
import { parallelOf, withoutParallel, type Sharding } from '../../../src/core/parallel/settings';

const thrown = (call: () => unknown): NanoscopeError => {
  try {
    call();
  } catch (error) {
    if (error instanceof NanoscopeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('which weights ranks divide', () => {
  it.each([
    ['builtin:kimi-k2-mini', 'model.layers.1.self_attn.q_b_proj.weight', -1, 1],
    ['builtin:kimi-k2-mini', 'model.layers.1.self_attn.o_proj.weight', -2, 1],
    ['builtin:kimi-k2-mini', 'model.layers.0.mlp.down_proj.weight', -2, 1],
    ['builtin:llama-mini', 'model.layers.0.self_attn.v_proj.weight', -1, 1],
    ['builtin:gpt2-mini', 'transformer.h.0.attn.c_attn.weight', -1, 3],
    ['builtin:gpt2-mini', 'transformer.h.0.attn.c_attn.bias', -1, 3],
    ['builtin:bert-mini', 'encoder.layer.0.output.dense.weight', -2, 1],
    ['builtin:t5-mini', 'decoder.block.0.layer.1.EncDecAttention.k.weight', -1, 1],
    ['builtin:t5-mini', 'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight', -1, 1],
  ])('%s: %s', (model, weight, axis, blocks) => {
    expect(shardPlan(model, 2, 'all').pieceOf(weight)).toEqual({ axis, by: 2, blocks });
  });

  it.each([
    'model.embed_tokens.weight',
    'model.layers.1.self_attn.q_a_proj.weight',
    'model.layers.1.self_attn.kv_a_proj_with_mqa.weight',
    'model.layers.1.self_attn.kv_a_layernorm.weight',
    'model.layers.1.mlp.gate.weight',
    'model.layers.1.mlp.shared_experts.down_proj.weight',
    'model.norm.weight',
    'lm_head.weight',
  ])('every rank has %s', (weight) => {
    const plan = shardPlan('builtin:kimi-k2-mini', 4, 'all');
    expect([plan.pieceOf(weight), plan.ownerOf(weight)]).toEqual([null, null]);
  });

  it('the bias of a layer of rows counts once, so it is divided by nobody', () => {
    const plan = shardPlan('builtin:gpt2-mini', 2, 'all');
    expect(plan.pieceOf('transformer.h.0.attn.c_proj.bias')).toBeNull();
    expect(plan.pieceOf('transformer.h.0.mlp.c_proj.bias')).toBeNull();
  });

  it('experts are divided in the order of their numbers', () => {
    const owners = (ranks: number, shard: Sharding): (number | null)[] => {
      const plan = shardPlan('builtin:kimi-k2-mini?experts=8&heads=4', ranks, shard);
      return Array.from({ length: 8 }, (_, e) =>
        plan.ownerOf(`model.layers.1.mlp.experts.${String(e)}.up_proj.weight`),
      );
    };
    expect(owners(2, 'all')).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect(owners(4, 'moe')).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(new Set(owners(2, 'attention'))).toEqual(new Set([null]));
  });

  it('ranks share heads of keys where there are fewer than ranks', () => {
    const plan = shardPlan('builtin:llama-mini?heads=8&kvHeads=2', 4, 'all');
    const piece = plan.pieceOf('model.layers.0.self_attn.k_proj.weight');
    expect(piece).toEqual({ axis: -1, by: 2, blocks: 1 });
    const ranges = [0, 1, 2, 3].map((rank) => rangesOf({ axis: -1, by: 2, blocks: 1 }, { ranks: 4 }, rank, 16));
    expect(ranges).toEqual([[[0, 8]], [[0, 8]], [[8, 16]], [[8, 16]]]);
  });

  it('queries, keys and values side by side are divided each by itself', () => {
    expect(rangesOf({ axis: -1, by: 2, blocks: 3 }, { ranks: 2 }, 1, 24)).toEqual([
      [4, 8],
      [12, 16],
      [20, 24],
    ]);
  });

  it.each([
    ['builtin:kimi-k2-mini?heads=6', 4, 'all', /heads=6/, /heads=4/],
    ['builtin:kimi-k2-mini?heads=8&experts=6', 4, 'all', /experts=6/, /shard=attention/],
    ['builtin:gpt2-mini', 8, 'attention', /heads=4/, /heads=8/],
    ['builtin:llama-mini?heads=12&kvHeads=6', 4, 'all', /kvHeads=6/, /kvHeads=4/],
  ] as const)('%s over %i ranks, %s: refused', (model, ranks, shard, message, hint) => {
    const error = thrown(() => shardPlan(model, ranks, shard));
    expect(error.code).toBe('usage');
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
  });

  it('heads are no matter where attention stays whole', () => {
    expect(
      shardPlan('builtin:kimi-k2-mini?heads=3', 8, 'moe').pieceOf('model.layers.0.self_attn.o_proj.weight'),
    ).toBeNull();
  });
});

describe('what was said of ranks and stages', () => {
  it.each([
    [{}, null],
    [{ ranks: '1' }, null],
    [{ stages: '1', ranks: '1' }, null],
    [{ ranks: '4' }, { kind: 'ranks', ranks: 4, shard: 'all' }],
    [{ shard: 'moe' }, { kind: 'ranks', ranks: 2, shard: 'moe' }],
    [
      { stages: '8', padding: 'right' },
      { kind: 'stages', stages: 8 },
    ],
  ])('%j', (settings, how) => {
    expect(parallelOf(settings)).toEqual(how);
  });

  it('leaves the rest to the model in one process', () => {
    expect(withoutParallel({ ranks: '2', shard: 'all', stages: '1', padding: 'left' })).toEqual({ padding: 'left' });
  });

  it.each([
    { ranks: '2', stages: '2' },
    { ranks: '2', level: 'all' },
    { stages: '2', attention: 'written-out' },
  ])('refuses %j', (settings) => {
    expect(thrown(() => parallelOf(settings)).code).toBe('usage');
  });
});
