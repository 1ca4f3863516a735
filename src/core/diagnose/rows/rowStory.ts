/** From a row that was read to where each of its −inf (or its first +inf) came from. */
import type { RowLook } from '../../probe/inspect/softmaxRows';
import type { PartKind } from './maskParts';
import { masks as masksNumber } from './maskParts';
import type { RowPlan, RowStep } from './rowPlan';

/**
 * Where a key's −inf came from. `c`: the causal mask. `p`: the padding mask. `b`: both. `m`: another mask, or one
 * that could not be divided. `v`: finite masks and scores whose sum left the type's range. `s`: the scores
 * themselves. `.`: not −inf. `?`: not found.
 */
export type CellCode = 'c' | 'p' | 'b' | 'm' | 'v' | 's' | '.' | '?';

export interface Overflowed {
  readonly key: number;
  readonly step: RowStep;
  /** The operands as read, finite all of them. */
  readonly operands: readonly number[];
}

export interface RowStory {
  /** One per key. */
  readonly cells: readonly CellCode[];
  /** Keys that a mask of each kind gave −inf (in `v` cells: masked with a finite number). */
  readonly by: {
    readonly causal: number;
    readonly padding: number;
    readonly both: number;
    readonly other: number;
    readonly overflow: number;
    readonly scores: number;
  };
  readonly negInf: number;
  readonly overflow: Overflowed | null;
  /** Names of the parts of each kind that masked at least one key. */
  readonly parts: Readonly<Record<PartKind, readonly string[]>>;
}

export function rowStory(plan: RowPlan, look: RowLook): RowStory {
  const at = (read: number, key: number): number => look.sources[read]?.[key] ?? NaN;
  const named: Record<PartKind, Set<string>> = { causal: new Set(), padding: new Set(), other: new Set() };
  const by = { causal: 0, padding: 0, both: 0, other: 0, overflow: 0, scores: 0 };
  let overflow: Overflowed | null = null;
  let negInf = 0;
  const cells = Array.from(look.scores, (score, key): CellCode => {
    if (score !== -Infinity) return '.';
    negInf += 1;
    const infinite = new Set<PartKind>();
    const finite = new Set<PartKind>();
    for (const mask of plan.masks) {
      for (const part of mask.parts) {
        const value = at(part.read, key);
        if (!masksNumber(value, part.test)) continue;
        const given = part.test === 'low' ? value : (part.fill ?? (mask.kind === 'add' ? at(mask.read, key) : NaN));
        (given === -Infinity ? infinite : finite).add(part.kind);
        named[part.kind].add(part.value);
      }
    }
    const outgrown = plan.steps.find((step) => step.zone === 'mask' && outgrows(step, key, at));
    const own = at(plan.unmasked, key) === -Infinity;
    const kinds = infinite.size > 0 ? infinite : outgrown ? finite : infinite;
    for (const kind of kinds) by[kind] += 1;
    if (kinds.has('causal') && kinds.has('padding')) by.both += 1;
    if (own) by.scores += 1;
    if (infinite.size > 0)
      return kinds.has('causal') ? (kinds.has('padding') ? 'b' : 'c') : kinds.has('padding') ? 'p' : 'm';
    if (own) return 's';
    if (outgrown) {
      by.overflow += 1;
      overflow ??= { key, step: outgrown, operands: outgrown.operands.map((read) => at(read, key)) };
      return 'v';
    }
    return '?';
  });
  return {
    cells,
    by,
    negInf,
    overflow,
    parts: { causal: [...named.causal], padding: [...named.padding], other: [...named.other] },
  };
}

/** −inf out of finite operands only. */
function outgrows(step: RowStep, key: number, at: (read: number, key: number) => number): boolean {
  if (step.out < 0 || at(step.out, key) !== -Infinity || !arithmetic.has(step.node.op)) return false;
  return step.operands.every((read) => read >= 0 && Number.isFinite(at(read, key)));
}

const arithmetic = new Set(['Add', 'Sum', 'Sub', 'Mul', 'Div', 'Cast', 'CastLike']);

export interface PositiveInfinity {
  readonly count: number;
  readonly key: number;
  /** The step that turned finite (or other) operands into +inf; null where it came out of the product, or earlier. */
  readonly step: RowStep | null;
  readonly operands: readonly number[];
  /** The product itself gave +inf. */
  readonly fromProduct: boolean;
}

/** The first +inf of a row, and the first value on its way that held it. */
export function positiveInfinity(plan: RowPlan, look: RowLook): PositiveInfinity | null {
  const key = look.scores.indexOf(Infinity);
  if (key < 0) return null;
  const at = (read: number): number => look.sources[read]?.[key] ?? NaN;
  const count = look.scores.reduce((sum, score) => sum + (score === Infinity ? 1 : 0), 0);
  const fromProduct = plan.product !== null && at(plan.product.read) === Infinity;
  const step = fromProduct ? undefined : plan.steps.find((entry) => entry.out >= 0 && at(entry.out) === Infinity);
  return { count, key, step: step ?? null, operands: step?.operands.map(at) ?? [], fromProduct };
}
