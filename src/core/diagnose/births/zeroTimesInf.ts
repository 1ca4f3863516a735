import { isInfinite } from './family';
import type { OperationRule } from './operation';
import { gated } from './read/elements';
import { normalizations } from './read/normalization';
import { products } from './read/terms';
import { show } from './types';

const meaning = 'Zero times infinity is undefined.';

/** "0 × +inf = NaN", null for what has a product. */
const formulaOf = (a: number, b: number): string | null =>
  (a === 0 && isInfinite(b)) || (b === 0 && isInfinite(a)) ? `${show(a)} × ${show(b)} = NaN` : null;

/**
 * 0 × ±inf: in Mul, in one term of a product, in an activation whose gate is 0 at −inf, in a product over an axis, in
 * the scale of a norm. Declines where a factor is only very large, or where a NaN was read: that is no birth.
 */
export const zeroTimesInf: OperationRule = {
  id: 'zero-times-inf',
  operators: new Set(['Mul', ...gated, ...products, 'ReduceProd', ...normalizations]),
  element(op, [a = NaN, b = NaN]) {
    const formula = op === 'Mul' ? formulaOf(a, b) : a === -Infinity ? formulaOf(a, 0) : null;
    if (formula === null) return null;
    return {
      formula,
      meaning:
        op === 'Mul'
          ? 'A factor meant to switch something off cannot: zero times infinity is undefined. Choose with Where instead of multiplying.'
          : `${op} multiplies x with a gate that is 0 at −inf; x had already left the range of the type.`,
    };
  },
  terms({ op, values, undefinedAt, text }) {
    const [first] = undefinedAt;
    if (first === undefined) return null;
    return {
      formula: `term ${String(first)} of the ${String(values.length)} that ${op} adds up is ${text(first)} = NaN`,
      meaning: 'An operand was already infinite: a zero on the other side does not switch it off.',
      examples: undefinedAt,
    };
  },
  under({ op, values, plus, minus, all }) {
    if (op !== 'ReduceProd' || !values.includes(0) || (plus < 0 && minus < 0)) return null;
    return { formula: `among ${all} is 0 beside ${plus >= 0 ? '+inf' : '−inf'}: 0 × inf = NaN`, meaning };
  },
  step({ op, values: [a = NaN, b = NaN], says, because = meaning }) {
    const formula = op === 'Mul' ? formulaOf(a, b) : null;
    return formula === null ? null : { formula: says(formula), meaning: because };
  },
};
