/** Hazards of arithmetic: softmax written out, roots and logarithms, division by what may be 0, half precision. */
import type { Syntax } from '../syntax';
import type { LogOf, Value } from '../values';
import type { Rule } from './types';

export const softmaxWithoutMaximum: Rule = {
  id: 'softmax-no-max',
  severity: 'warning',
  title: 'Softmax without subtracting the maximum',
  why: 'exp passes the largest float32 from 89 on (float16: 12), and Inf over Inf is NaN. Softmax is the same when the largest score is subtracted first.',
  guide: 'inf-over-inf',
  on: {
    divided: ({ node, top, bottom, isOwnSum }, { tell }) => {
      const below = bottom.sumOf?.exp;
      if (top.exp && !top.exp.shifted && below && isOwnSum)
        tell(node, 'exp of scores from 89 on is Inf, and Inf over Inf is NaN: subtract the maximum first.', {
          exps: [...new Set([top.exp.at, below.at])],
          ...(bottom.summedAt && { sum: bottom.summedAt.call }),
        });
    },
  },
};

const divisors: Readonly<Record<string, string>> = {
  norm: 'A norm',
  std: 'A standard deviation',
  var: 'A variance',
  'mean-square': 'A mean of squares',
  maximum: 'A largest absolute value',
  count: 'A number of unmasked tokens',
};

export const withoutEpsilon: Rule = {
  id: 'division-no-epsilon',
  severity: 'warning',
  title: 'Division by what may be 0',
  why: 'A row of zeros (a padded one, most often) has norm, variance and maximum 0, and 0 over 0 is NaN. A small number added, or a clamp, keeps it away from 0.',
  guide: 'zero-over-zero',
  on: {
    divided: ({ node, top, bottom, asked, settingUp }, { tell }) => {
      if (!bottom.spread || bottom.kept || bottom.sign === 'positive' || top.number !== undefined) return;
      // A range up to 0 is empty, and weights are drawn before any input is there.
      if (top.arange || settingUp) return;
      // Padding does empty whole masks; rows of exact zeros are rarer.
      const severity = bottom.spread === 'count' ? 'warning' : 'information';
      tell(
        node,
        `${divisors[bottom.spread] ?? 'This'} may be 0, and 0 over 0 is NaN.`,
        {},
        { severity, unless: asked },
      );
    },
    // `x * (1 / x.std())`
    multiplied: ({ left, right }, { tell }) => {
      for (const [{ inverse }, other] of [
        [left, right],
        [right, left],
      ] as const)
        if (inverse && inverse.spread !== 'count' && other.number === undefined)
          tell(
            inverse.at,
            `${divisors[inverse.spread] ?? 'This'} may be 0: one over it is Inf, and 0 times Inf is NaN.`,
            {},
            { severity: 'information', unless: inverse.asked },
          );
    },
    called: ({ name, given }, { tell }) => {
      if (!/norm(\dd|alize)?$/i.test(name)) return;
      for (const one of given)
        if (one.name === 'eps' && one.value.number === 0)
          tell(
            one.node,
            'Without it a row of equal numbers is 0 over 0, which is NaN.',
            {},
            { severity: 'information' },
          );
    },
    domain: ({ node, operation, input }, { tell }) => {
      if (operation === 'rsqrt' && input.spread && !input.kept)
        tell(node, `${divisors[input.spread] ?? 'This'} may be 0: its inverse root is Inf, and 0 times Inf is NaN.`);
    },
  },
};

const mechanisms = { log: 'log', sqrt: 'sqrt', rsqrt: 'rsqrt', pow: 'A broken power' } as const;

export const unguardedDomain: Rule = {
  id: 'domain-not-guarded',
  severity: 'warning',
  title: 'Logarithm or root of what may be out of range',
  why: 'A difference or a product may round to a number below 0, and its logarithm or root is NaN; a weight of 0 times its logarithm is NaN as well. clamp(min=…) before it keeps it where the function is defined.',
  guide: 'sqrt-of-negative',
  on: {
    domain: ({ node, operation, input, asked }, { tell }) => {
      if (input.sign === 'any' && !input.kept && input.number === undefined)
        tell(node, `${mechanisms[operation]} of something that may be below 0 is NaN there.`, {}, { unless: asked });
    },
    // The entropy of attention weights: `(p * p.log()).sum(-1)`
    multiplied: ({ node, left, right, leftNode, rightNode, handled }, { tell }) => {
      for (const [log, weights, logNode] of [
        [left, right, leftNode],
        [right, left, rightNode],
      ] as const) {
        const { logOf } = log;
        if (logOf?.own !== log.id || weights.logOf || !isWeightsOf(weights, logOf)) continue;
        const isMasked = logOf.site.masks.some(({ fill }) => fill === '-inf');
        // What `log_softmax` gives is -inf at masked places only.
        if (logOf.at)
          tell(
            logOf.at,
            'The logarithm of a weight that is 0 is -inf, and 0 times -inf is NaN.',
            {},
            { severity: logOf.site.masks.length > 0 ? 'warning' : 'information', unless: handled },
          );
        else if (isMasked)
          tell(
            node,
            'Masked places have weight 0 and logarithm -inf here, and 0 times -inf is NaN.',
            { logarithm: logNode, ...(logOf.negated && { negated: true }) },
            { unless: handled },
          );
      }
    },
  },
};

/** Whether these are the weights that it is the logarithm of. */
const isWeightsOf = ({ id, softmax, product, kept }: Value, { at, id: of, site }: LogOf): boolean =>
  at ? id === of : softmax !== undefined && product === undefined && !kept && softmax.of === site.of;

/** The condition is about what goes wrong: `torch.where(x > 0, x.log(), 0)`; `x < beta` says nothing of x / beta. */
function isAbout(condition: Syntax, names: ReadonlySet<string>, text: (node: Syntax) => string): boolean {
  if (condition.type === 'comparison_operator') {
    const sides = condition.children.filter(({ type }) => /^[a-z_]+$/.test(type)).map(text);
    if (!sides.some((side) => isBound.test(side))) return false;
  }
  // What is Inf is not 0.
  if (/^[\w.]*is(pos|neg)?(inf|finite)\(\w+\)$/.test(text(condition))) return false;
  // `dim` of `dim=-1` is no name that is read.
  return [...text(condition).matchAll(/[A-Za-z_]\w*(?![\w\s]*=[^=])/g)].some(([word]) => names.has(word));
}

/** A number, or a small one that has a name. */
const isBound = /^[-+(]*[\d.]|eps|tiny|small|thr(esh|$)/i;

export const whereUnderAutograd: Rule = {
  id: 'where-nan-gradient',
  severity: 'warning',
  title: 'torch.where over a branch that may be NaN',
  why: 'Both branches are computed, and in the backward pass the one that is not taken gets gradient 0 times NaN or Inf: NaN. Put the safe value in before the operation as well.',
  guide: 'zero-times-inf',
  on: {
    chosen: ({ condition, asks, branches }, { tell, text }) => {
      // NaN on purpose, or a choice of two that are alike: nothing was to be kept safe.
      if (branches.every(({ value: { risky } }) => risky)) return;
      if (branches.some(({ value: held }) => Number.isNaN((held.filled ?? held).number ?? 0))) return;
      for (const { node, value: held } of branches) {
        const { risky } = held;
        if (!risky || risky.names.size === 0) continue;
        const isAsked = risky.of !== undefined && asks?.withNumbers.includes(risky.of) === true;
        if (isAsked || isAbout(condition, risky.names, text))
          tell(node, `${risky.operation} is computed where it is not taken too: its gradient there is NaN.`, {
            operation: risky.at,
          });
      }
    },
  },
};

export const halfSoftmax: Rule = {
  id: 'half-precision-softmax',
  severity: 'warning',
  title: 'Softmax or sum in half precision',
  why: 'float16 ends at 65504 and bfloat16 has 8 bits: long sums overflow or stop growing. The sum in float32 costs next to nothing.',
  guide: 'score-overflow',
  on: {
    softmax: ({ node, input, type }, { tell }) => {
      const used = type ?? input.dtype;
      if (used === 'float16' || used === 'bfloat16') tell(node, `This softmax is computed in ${used}.`, { type: used });
    },
    reduced: ({ node, operation, input, type }, { tell }) => {
      const used = type ?? input.dtype;
      if (used === 'float16' && ['sum', 'mean', 'var', 'std', 'norm'].includes(operation) && !input.softmax)
        tell(node, `This ${operation} is computed in ${used}.`);
    },
  },
};

export const hiddenNaN: Rule = {
  id: 'nan-to-num-hides',
  severity: 'warning',
  title: 'nan_to_num on logits or hidden states',
  why: 'A NaN in here is the end of a chain: numbers in its place look healthy and mean nothing. What made it goes on.',
  guide: 'laundered',
  on: {
    cleaned: ({ node, input, inputNode }, { tell, text }) => {
      if (input.softmax && input.product === undefined) return;
      const called = `${input.named ?? ''} ${inputNode ? text(inputNode) : ''}`;
      if (
        input.product === 'probabilities' ||
        /logits|hidden|(^|_)outputs?\b|embed|residual|attn_out|context/i.test(called)
      )
        tell(
          node,
          'NaN is replaced by numbers that mean nothing; where it comes from stays unknown.',
          inputNode ? { input: inputNode } : {},
        );
    },
  },
};
