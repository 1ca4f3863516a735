/**
 * Births in one undefined operation (IEEE 754-2019, 7.2 "Invalid operation"). What a node computed its NaN from is read
 * once for the operator's kind (`read/`): the operands of one element, the terms of a product, the elements under a
 * reduction, a normalization step by step. Each mechanism then says whether that is its own, and in which words.
 */
import type { BirthMechanism, Evidence } from '../../report';
import { infiniteOperand } from '../../trace/evidence';
import { readElements } from './read/elements';
import { readNormalization } from './read/normalization';
import { readReduction } from './read/reduction';
import { readTerms } from './read/terms';
import type { Step } from './read/normalization';
import type { Under } from './read/reduction';
import type { Terms } from './read/terms';
import { softmaxNote } from './softmaxNote';
import type { BirthContext, BirthRule, Declined } from './types';

export interface Words {
  /** "0 × +inf = NaN". */
  readonly formula: string;
  /** What that means, a sentence or two. */
  readonly meaning: string;
  /** Beside what was read. */
  readonly evidence?: Evidence;
}

/** One undefined operation, wherever it can be met; each method is null where what was read is not it. */
export interface OperationRule {
  readonly id: BirthMechanism;
  /** Operators that it can be found in. Where it is not, it says why it declines. */
  readonly operators: ReadonlySet<string>;
  /** @param values operands of one element, in the node's order. */
  element?(op: string, values: readonly number[]): Words | null;
  /** The terms that a product adds up; `examples` are those that show it. */
  terms?(terms: Terms): (Words & { readonly examples: readonly number[] }) | null;
  /** The elements that a sum, a mean or a product is taken of. */
  under?(under: Under): Words | null;
  /** One step of a normalization. */
  step?(step: Step): Words | null;
}

export interface Invalid extends Words {
  readonly mechanism: BirthMechanism;
  readonly evidence: Evidence;
}

/** What one kind of operator has to say; null where the operator is not of the kind. */
export type Reader = (context: BirthContext, rules: readonly OperationRule[]) => Invalid | Declined | null;

const readers: readonly Reader[] = [readElements, readTerms, readReduction, readNormalization];

/** @param all in order: the first that its evidence shows is the mechanism. */
export function operationRules(all: readonly OperationRule[]): BirthRule[] {
  const known = new WeakMap<BirthContext, ReturnType<Reader>>();
  const read = (context: BirthContext): ReturnType<Reader> => {
    const before = known.get(context);
    if (before !== undefined) return before;
    let found: ReturnType<Reader> = null;
    for (const reader of readers) found ??= reader(context, all);
    known.set(context, found);
    return found;
  };
  return all.map(({ id, operators }) => ({
    id,
    explain(context) {
      const found = read(context);
      if (!found) return null;
      if ('declines' in found) return operators.has(context.birth.node.op) ? found : null;
      if (found.mechanism !== id) return null;
      const note = softmaxNote(context);
      const infinite = note === null ? infiniteOperand(found.evidence) : null;
      const stored = infinite !== null && context.stored.includes(infinite);
      return {
        evidence: {
          ...found.evidence,
          ...(infinite === null ? {} : { infiniteOperand: infinite, infinityIsStored: stored }),
          ...(note?.evidence ?? {}),
        },
        explanation: `${context.where}: ${found.formula}. ${note?.text ?? found.meaning}${infinityWords(infinite, stored)}`,
      };
    },
  }));
}

const infinityWords = (operand: string | null, stored: boolean): string =>
  operand === null
    ? ''
    : stored
      ? ` The infinity is stored: ${operand} holds it in the file, so the file is damaged, or training had already diverged.`
      : ` It is ${operand} that is infinite.`;
