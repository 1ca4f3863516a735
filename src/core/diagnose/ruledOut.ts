/** What people blame first, checked: each claim with the figure that refutes it in this run. */
import type { AttentionInfo, Origin, RuledOut } from '../report';

export interface Checked {
  readonly attention: readonly AttentionInfo[];
  readonly origins: readonly Origin[];
  /** Stored float tensors, and the names of those that hold NaN. */
  readonly weights: number;
  readonly nanWeights: readonly string[];
  /** Those that hold +Inf; −Inf is what stored masks are made of. */
  readonly infiniteWeights: readonly string[];
  /** Float inputs of the batch, and those among them that hold NaN. */
  readonly floatInputs: readonly string[];
  readonly nanInputs: readonly string[];
  /** Operators that exchange data between devices. */
  readonly collectives: number;
  /** Position ids as fed, per sample: the first real token's, and whether they count up by one from there. */
  readonly positionIds: readonly { readonly first: number; readonly consecutive: boolean }[] | null;
  readonly padded: boolean;
}

/** Short; only what this run can refute. */
export function ruledOut(checked: Checked): RuledOut[] {
  const found: RuledOut[] = [];
  const say = (id: string, claim: string, because: string): void => void found.push({ id, claim, because });
  const { attention, origins } = checked;
  if (origins.length === 0) return found;

  if (checked.nanWeights.length === 0 && checked.infiniteWeights.length === 0 && checked.weights > 0)
    say('weights', 'Damaged weights', `none of ${count(checked.weights, 'stored float tensor')} holds NaN or +inf`);
  if (checked.floatInputs.length > 0 && checked.nanInputs.length === 0)
    say('inputs', 'NaN in the batch', `${checked.floatInputs.join(', ')}: no NaN was fed`);
  const groups = attention.map((site) => site.kvGroups);
  if (attention.length > 0 && groups.every((value) => value === 1))
    say(
      'kv-groups',
      'Key/value group repeat',
      '1 group: every query head has keys of its own, so the repeat does nothing',
    );
  const kinds = new Set(attention.map((site) => site.kind));
  if (kinds.size === 1) {
    const [kind] = kinds;
    const total = String(attention.length);
    say(
      'attention-mix',
      'Layers that take different attention paths',
      kind === 'eager' ? `${total} written out, 0 fused` : `${total} fused, 0 written out`,
    );
  }
  if (attention.length > 0 && checked.collectives === 0)
    say(
      'sharding',
      'Sharded attention heads',
      'this graph has no collective operator: all heads were computed in one place, and NaN is there',
    );
  const masked = origins.find((origin) => origin.mechanism === 'fully-masked-row');
  const heads = headsOf(masked);
  if (masked && heads !== null && heads > 1)
    say('one-head', 'One bad head', `the rows are masked in all ${String(heads)} heads alike`);
  const { positionIds } = checked;
  if (positionIds !== null && positionIds.length > 0 && positionIds.every((ids) => ids.first === 0 && ids.consecutive))
    say(
      'position-ids',
      'Position ids that count padding',
      'every sample’s first real token has position 0, and they count up by one',
    );
  if (!checked.padded) say('padding', 'Padding', 'no sample of this batch is padded, and NaN is born all the same');
  return found;
}

function headsOf(origin: Origin | undefined): number | null {
  const { rows, rowsInAllHeads } = origin?.evidence ?? {};
  return typeof rows === 'number' && typeof rowsInAllHeads === 'number' && rows > 0 && rowsInAllHeads % rows === 0
    ? rowsInAllHeads / rows
    : null;
}

const count = (n: number, noun: string): string => `${String(n)} ${noun}${n === 1 ? '' : 's'}`;
