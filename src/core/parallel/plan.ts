/**
 * Which weights of a built-in model are split over ranks, and how, as Megatron-LM (arXiv 1909.08053), vLLM and the
 * `tp_plan` of Hugging Face transformers do it: the first product of a sublayer by columns, the last by rows, with an
 * all-reduce behind it; experts whole, divided over the ranks. Everything else is on every rank: embeddings, norms,
 * the router, shared experts, the low ranks of latent attention, the head.
 */
import { NanoscopeError } from '../errors';
import { parseBuiltin } from '../models';
import type { Sharding } from './settings';

/** A weight of which each rank has a part. */
export interface Piece {
  /** Counted from the last, −1; a bias has only that. */
  readonly axis: number;
  /** In so many pieces; fewer than ranks where several share one (heads of keys). */
  readonly by: number;
  /** Weights side by side in one: queries, keys and values in GPT-2's. Each is split by itself. */
  readonly blocks: number;
}

export interface ShardPlan {
  readonly ranks: number;
  /** null for a weight that is whole wherever it is. */
  pieceOf(weight: string): Piece | null;
  /** The only rank that has it; null where every rank does. */
  ownerOf(weight: string): number | null;
  /** Rules that are at work, as a `tp_plan` counts its entries. */
  readonly entries: number;
}

interface Rule {
  readonly weights: RegExp;
  readonly part: 'attention' | 'moe';
  /** `columns`: of what is computed, with its bias. `rows`: of what is read; the bias stays whole. */
  readonly how: 'columns' | 'rows';
  /** What the pieces are made of; the inner width of an MLP is a multiple of every number of ranks. */
  readonly of: 'heads' | 'kvHeads' | 'width';
  readonly blocks?: number;
}

const rule = (
  part: Rule['part'],
  how: Rule['how'],
  of: Rule['of'],
  weights: RegExp,
  more: Pick<Rule, 'blocks'> = {},
): Rule => ({ part, how, of, weights, ...more });

const gatedMlp = [
  rule('moe', 'columns', 'width', /\.mlp\.gate_proj\.weight$/),
  rule('moe', 'columns', 'width', /\.mlp\.up_proj\.weight$/),
  rule('moe', 'rows', 'width', /\.mlp\.down_proj\.weight$/),
];

const plans: Readonly<Record<string, readonly Rule[]>> = {
  'kimi-k2-mini': [
    rule('attention', 'columns', 'heads', /\.self_attn\.q_b_proj\.weight$/),
    rule('attention', 'columns', 'heads', /\.self_attn\.kv_b_proj\.weight$/),
    rule('attention', 'rows', 'heads', /\.self_attn\.o_proj\.weight$/),
    ...gatedMlp,
  ],
  'llama-mini': [
    rule('attention', 'columns', 'heads', /\.self_attn\.q_proj\.weight$/),
    rule('attention', 'columns', 'kvHeads', /\.self_attn\.k_proj\.weight$/),
    rule('attention', 'columns', 'kvHeads', /\.self_attn\.v_proj\.weight$/),
    rule('attention', 'rows', 'heads', /\.self_attn\.o_proj\.weight$/),
    ...gatedMlp,
  ],
  'gpt2-mini': [
    rule('attention', 'columns', 'heads', /\.attn\.c_attn\.(weight|bias)$/, { blocks: 3 }),
    rule('attention', 'rows', 'heads', /\.attn\.c_proj\.weight$/),
    rule('moe', 'columns', 'width', /\.mlp\.c_fc\.(weight|bias)$/),
    rule('moe', 'rows', 'width', /\.mlp\.c_proj\.weight$/),
  ],
  'bert-mini': [
    rule('attention', 'columns', 'heads', /\.attention\.self\.query\.(weight|bias)$/),
    rule('attention', 'columns', 'heads', /\.attention\.self\.key\.(weight|bias)$/),
    rule('attention', 'columns', 'heads', /\.attention\.self\.value\.(weight|bias)$/),
    rule('attention', 'rows', 'heads', /\.attention\.output\.dense\.weight$/),
    rule('moe', 'columns', 'width', /\.intermediate\.dense\.(weight|bias)$/),
    rule('moe', 'rows', 'width', /\.\d+\.output\.dense\.weight$/),
  ],
  't5-mini': [
    rule('attention', 'columns', 'heads', /\.(SelfAttention|EncDecAttention)\.q\.weight$/),
    rule('attention', 'columns', 'heads', /\.(SelfAttention|EncDecAttention)\.k\.weight$/),
    rule('attention', 'columns', 'heads', /\.(SelfAttention|EncDecAttention)\.v\.weight$/),
    rule('attention', 'rows', 'heads', /\.(SelfAttention|EncDecAttention)\.o\.weight$/),
    rule('attention', 'columns', 'heads', /\.relative_attention_bias\.weight$/),
    rule('moe', 'columns', 'width', /\.DenseReluDense\.wi\.weight$/),
    rule('moe', 'rows', 'width', /\.DenseReluDense\.wo\.weight$/),
  ],
};

const expertWeight = /\.mlp\.experts\.(\d+)\./;

/**
 * @param model `builtin:…`
 * @throws NanoscopeError `usage` where heads or experts cannot be divided by the ranks
 */
export function shardPlan(model: string, ranks: number, shard: Sharding): ShardPlan {
  const { id, uri, options } = parseBuiltin(model);
  const isOn = ({ part }: Pick<Rule, 'part'>): boolean => shard === 'all' || shard === part;
  const rules = (plans[id] ?? []).filter(isOn);
  const count = (option: string): number => Number(options[option]);
  const refuse = (option: string, more = ''): never => {
    throw new NanoscopeError(
      'usage',
      `${String(ranks)} ranks cannot divide the ${option}=${String(count(option))} of ${uri} among themselves.`,
      `Use a ${option} that is a multiple of ${String(ranks)}, such as ${exampleOf(id, option, ranks)}, or fewer ranks.${more}`,
    );
  };
  if (isOn({ part: 'attention' })) {
    const leaveWhole = shard === 'all' ? ' With shard=moe attention stays whole on every rank.' : '';
    if (count('heads') % ranks !== 0) refuse('heads', leaveWhole);
    if ('kvHeads' in options && count('kvHeads') % ranks !== 0 && ranks % count('kvHeads') !== 0)
      refuse('kvHeads', leaveWhole);
  }
  const experts = 'experts' in options && isOn({ part: 'moe' }) ? count('experts') : 0;
  if (experts % ranks !== 0)
    refuse('experts', shard === 'all' ? ' With shard=attention experts stay where they are.' : '');
  const by = ({ of }: Rule): number => (of === 'kvHeads' ? Math.min(ranks, count('kvHeads')) : ranks);
  return {
    ranks,
    entries: rules.length + (experts > 0 ? 1 : 0),
    pieceOf: (weight) => {
      const found = rules.find(({ weights }) => weights.test(weight));
      return found ? { axis: found.how === 'columns' ? -1 : -2, by: by(found), blocks: found.blocks ?? 1 } : null;
    },
    ownerOf: (weight) => {
      const expert = experts > 0 ? expertWeight.exec(weight)?.[1] : undefined;
      return expert === undefined ? null : Math.floor(Number(expert) / (experts / ranks));
    },
  };
}

const exampleOf = (id: string, option: string, ranks: number): string =>
  option === 'kvHeads' ? `kvHeads=${String(ranks)}` : `builtin:${id}?${option}=${String(ranks)}`;

/** Where a rank's part lies: one range of the axis for each block. @param size of the axis */
export function rangesOf(
  { by, blocks }: Piece,
  { ranks }: Pick<ShardPlan, 'ranks'>,
  rank: number,
  size: number,
): (readonly [from: number, to: number])[] {
  const block = size / blocks;
  const piece = block / by;
  if (!Number.isInteger(piece)) throw new Error(`an axis of ${String(size)} is not divided by ${String(by)}`);
  const at = Math.floor((rank * by) / ranks) * piece;
  return Array.from({ length: blocks }, (_, i) => [i * block + at, i * block + at + piece] as const);
}
