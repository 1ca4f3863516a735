/** Functions of torch and methods of tensors, by name: what they give, and what rules hear of them. */
import type { Argument } from '../rules/types';
import type { Syntax } from '../syntax';
import { logarithm, madeFrom, merged, seenAs, value, withoutLogarithm, type Value, type Facts } from '../values';
import { attention, softmaxOf } from './attention';
import type { Context } from './context';
import { namesIn } from './names';
import { fillOf, planesOf } from './numbers';
import { comparison, inverted, logical, negated, operated } from './operators';
import {
  clampedFrom,
  cleanedOf,
  filledBy,
  filledWhere,
  matrixProduct,
  opened,
  powerOf,
  replacedBelow,
  rooted,
} from './tensors';

export interface Called {
  readonly node: Syntax;
  readonly name: string;
  /** The tensor itself first, where it is a method. */
  readonly given: readonly Argument[];
  readonly library: 'torch' | 'numpy';
  readonly context: Context;
}

type Operation = (called: Called) => Value;

const positional = ({ given }: Called, at: number): Argument | undefined =>
  given.filter(({ name }) => name === null)[at];
const byName = ({ given }: Called, ...names: readonly string[]): Argument | undefined =>
  given.find(({ name }) => name !== null && names.includes(name));
const argument = (called: Called, at: number, ...names: readonly string[]): Argument | undefined =>
  byName(called, ...names) ?? positional(called, at);
const first = (called: Called): Value => argument(called, 0, 'input', 'x', 'a')?.value ?? value();

const typed = (called: Called): Facts => {
  const dtype = byName(called, 'dtype')?.value.dtype;
  return dtype === undefined ? {} : { dtype };
};

const same: Operation = (called) => seenAs(first(called));
const any: Operation = () => value({ sign: 'any' });
const positive: Operation = () => value({ sign: 'positive' });

function castTo(called: Called, type: string): Value {
  const held = first(called);
  called.context.see('cast', { node: called.node, input: held, type });
  if (type === 'bool')
    return held.mask ? seenAs(held, { mask: { ...held.mask, form: 'bool', fill: null, planes: 0 } }) : seenAs(held);
  return seenAs(held, { dtype: type });
}

/** `x.to(torch.float16)`, `x.to(device)`, `x.to(other)`. */
const to: Operation = (called) => {
  const type = [...called.given.slice(1)].find(({ value: held }) => held.isType === true)?.value.dtype;
  return type === undefined ? seenAs(first(called)) : castTo(called, type);
};

const filledWith =
  (at: number): Operation =>
  (called) => {
    const fill = argument(called, at, 'fill_value', 'value')?.value ?? value();
    return value({ ...typed(called), ...filledBy(fill, called.node) });
  };

const constant =
  (number: number): Operation =>
  (called) =>
    value({ filled: value({ number }), sign: number > 0 ? 'positive' : 'nonnegative', unit: true, ...typed(called) });

/** A triangle of ones, or of -inf above the diagonal. */
const triangle: Operation = (called) => {
  const held = first(called);
  const how = fillOf(held.filled ?? held);
  const parts = new Set([...(held.mask?.parts ?? [])].filter((part) => part !== 'unknown'));
  return value({
    mask: {
      form: how === null ? (held.mask?.form ?? 'bool') : 'additive',
      fill: how ?? held.mask?.fill ?? null,
      parts: new Set([...parts, 'causal']),
      ...(how !== null && { triangle: called.name.startsWith('tril') ? ('tril' as const) : ('triu' as const) }),
      planes: planesOf(held.filled ?? held),
      guarded: false,
      fillsAt: held.mask?.fillsAt ?? [called.node],
    },
  });
};

const domain =
  (operation: 'log' | 'sqrt' | 'rsqrt'): Operation =>
  (called) => {
    const input = argument(called, 0, 'input', 'x');
    const held = input?.value ?? value();
    const { node, context } = called;
    if (input)
      context.see('domain', {
        node,
        operation,
        input: held,
        inputNode: input.node,
        asked: () => context.asked.hasSign(input.node, held),
      });
    const names = input ? namesIn(input.node, context) : new Set<string>();
    const risky =
      held.sign === 'positive' || held.kept
        ? {}
        : { risky: { operation: `${operation}(…)`, at: node, names, of: held.id } };
    // Of numbers up to 1 it is not positive: what is negated next has a logarithm again.
    if (operation !== 'log') return seenAs(rooted(held), risky);
    const facts: Facts = { named: 'log', ...(!held.unit && { sign: 'any' as const }), ...risky };
    return held.softmax && held.unit && !held.kept
      ? logarithm(facts, { at: node, id: held.id, site: held.softmax })
      : value(facts);
  };

/** Sums and the like; `any` and `all` over rows of a mask tell which rows are closed whole. */
const reduced =
  (operation: string): Operation =>
  (called) => {
    if (called.given.every(({ name }) => name !== null && !/^(input|x|a)$/.test(name))) return value();
    const input = argument(called, 0, 'input', 'x', 'a');
    const held = input?.value ?? value();
    if (called.name === 'nansum' && held.zeroTimes) held.zeroTimes.handled = true;
    const type = byName(called, 'dtype')?.value.dtype ?? null;
    called.context.see('reduced', { node: called.node, operation, input: held, type });
    const dtype = type ?? held.dtype;
    const common = dtype === undefined ? {} : { dtype };
    switch (operation) {
      case 'sum':
        return value({
          ...common,
          sumOf: held,
          ...(input && { summedAt: { call: called.node, input: input.node } }),
          ...(held.truth && { truth: true }),
          ...(held.sign === 'nonnegative' && { sign: 'nonnegative' as const }),
          ...(held.sign === 'positive' && { sign: 'positive' as const }),
          ...(held.mask && held.mask.form !== 'additive' && { spread: 'count' as const, sign: 'nonnegative' as const }),
        });
      case 'mean':
        return value({
          ...common,
          ...(held.square && { spread: 'mean-square' as const, sign: 'nonnegative' as const }),
          ...(held.sign && held.sign !== 'any' && { sign: held.sign }),
        });
      case 'var':
      case 'std':
      case 'norm':
        // Of probabilities, and of a diagonal of ones, it is never 0.
        if (held.softmax ?? held.eye) return value({ ...common, sign: 'positive' });
        return value({ ...common, spread: operation, sign: 'nonnegative', ...(held.kept && { kept: true }) });
      case 'max':
        return value({
          ...common,
          maximumOf: held.id,
          ...(held.named === 'abs' && { spread: 'maximum' as const, sign: 'nonnegative' as const }),
        });
      default:
        return value(common);
    }
  };

const overRows: Operation = (called) => {
  const held = first(called);
  const hasAxis = argument(called, 1, 'dim', 'axis') !== undefined;
  if (!hasAxis) called.context.asked.aboutAny(held);
  return value({ ...(hasAxis && (held.mask ?? held.masks ?? held.nanOf) ? { rows: true } : {}) });
};

const softmax =
  (safe: boolean): Operation =>
  (called) =>
    softmaxOf(called.node, argument(called, 0, 'input', 'x'), called.given, called.context, {
      safe,
      log: called.name.startsWith('log'),
    });

/** `pad(mask, (1, 0), value=True)` adds a place to every row that is open: of a boolean mask, and of one that is added. */
const padded: Operation = (called) => {
  const held = first(called);
  const put = argument(called, 3, 'value')?.value.number ?? 0;
  const isOpen = held.mask?.form === 'additive' ? put === 0 : put > 0;
  return held.mask && isOpen ? opened(held) : seenAs(held);
};

const sdpa: Operation = (called) => {
  const given = argument(called, 3, 'attn_mask');
  const mask = given?.value.mask;
  attention(
    called.node,
    'scaled_dot_product_attention',
    given && mask ? [{ node: given.node, mask }] : [],
    called.context,
  );
  return value({ sign: 'any' });
};

/** Some places of each row get other numbers: rows that were closed whole no longer are. */
const writtenInto: Operation = (called) => {
  const [held, put] = [first(called), argument(called, 3, 'src', 'value')?.value];
  return held.mask?.form === 'additive' && put && fillOf(put) === null ? opened(held) : value();
};

const maskedFill: Operation = (called) => {
  const [held, condition, fill] = [first(called), argument(called, 1, 'mask')?.value, argument(called, 2, 'value')];
  if (!condition || !fill) return value();
  called.context.see('filled', { node: called.node, input: held, condition, fill: fill.value });
  if (condition.nanOf)
    called.context.see('cleaned', { node: called.node, input: held, inputNode: positional(called, 0)?.node ?? null });
  return filledWhere(held, condition, fill.value, fill.node);
};

const where: Operation = (called) => {
  const [condition, yes, no] = [
    argument(called, 0, 'condition'),
    argument(called, 1, 'input', 'self'),
    argument(called, 2, 'other'),
  ];
  if (!condition || !yes || !no) return value();
  if (!called.context.noGradient && called.library === 'torch')
    called.context.see('chosen', {
      node: called.node,
      condition: condition.node,
      asks: condition.value.asks ?? null,
      branches: [yes, no],
    });
  const [a, b] = [withoutLogarithm(yes.value), withoutLogarithm(no.value)];
  for (const { zeroTimes } of [a, b]) if (zeroTimes) zeroTimes.handled = true;
  // One side closes places, the other is what is closed.
  for (const [fill, held, at] of [
    [b, a, no.node],
    [a, b, yes.node],
  ] as const)
    if (fillOf(fill) !== null) {
      const isFree = held.filled !== undefined || held.number !== undefined;
      return filledWhere(isFree ? value({ filled: held }) : held, condition.value, fill, at);
    }
  if (condition.value.nanOf || condition.value.rows) {
    const [kept, keptNode] = a.number === undefined && !a.filled ? [a, yes.node] : [b, no.node];
    if (condition.value.nanOf) called.context.see('cleaned', { node: called.node, input: kept, inputNode: keptNode });
    return condition.value.nanOf
      ? cleanedOf(kept)
      : filledWhere(kept, condition.value, value({ number: 0 }), called.node);
  }
  const { low = [], high = [] } = condition.value.asks ?? {};
  // `where(x < 0, 0, x)`
  if (low.includes(b.id)) return replacedBelow(b, a);
  if (high.includes(a.id)) return replacedBelow(a, b);
  const isPut = [a, b].some((one) => ((one.filled ?? one).number ?? 0) > 0);
  // A number in place of what the condition names: it was put there to keep an operation from going wrong.
  return isPut ? madeFrom(merged(a, b), { kept: true }) : merged(a, b);
};

const nanToNum: Operation = (called) => {
  const input = argument(called, 0, 'input', 'x');
  const held = input?.value ?? value();
  called.context.see('cleaned', { node: called.node, input: held, inputNode: input?.node ?? null });
  return cleanedOf(held);
};

const clamp: Operation = (called) => clampedFrom(first(called), argument(called, 1, 'min', 'a_min')?.value);

/** `torch.maximum(x, floor)`; of one tensor it is a reduction. */
const largest: Operation = (called) => {
  const other = positional(called, 1);
  const isNumber = other?.value.number !== undefined && Number.isInteger(other.value.number) && other.value.number <= 8;
  if (!other || isNumber || byName(called, 'dim', 'axis') || /dim|axis|axes/.test(called.context.text(other.node)))
    return reduced('max')(called);
  return clampedFrom(first(called), other.value);
};

const operator =
  (sign: string): Operation =>
  (called) => {
    const [left, right] = [positional(called, 0), argument(called, 1, 'other')];
    if (!left || !right) return value();
    return operated(
      sign,
      { node: called.node, left: left.value, right: right.value, leftNode: left.node, rightNode: right.node },
      called.context,
    );
  };

const comparisons = new Map([
  ['eq', '=='],
  ['equal', '=='],
  ['ne', '!='],
  ['not_equal', '!='],
  ['lt', '<'],
  ['less', '<'],
  ['le', '<='],
  ['gt', '>'],
  ['greater', '>'],
  ['ge', '>='],
]);

const compared: Operation = (called) => {
  const parts = [argument(called, 0, 'input'), argument(called, 1, 'other')].flatMap((part) => part ?? []);
  return comparison(parts, [comparisons.get(called.name.replace(/_$/, '')) ?? '=='], called.context);
};

const combined: Operation = (called) => logical(first(called), argument(called, 1, 'other')?.value ?? value());

const power: Operation = (called) => {
  const base = positional(called, 0);
  return powerOf(
    called.node,
    first(called),
    argument(called, 1, 'exponent')?.value ?? value(),
    base?.node ?? called.node,
    called.context,
  );
};

const finfo: Operation = (called) => {
  const dtype = first(called).dtype;
  return value({ path: 'finfo', ...(dtype !== undefined && { dtype }) });
};

/** `float('-inf')` */
const floatOf: Operation = (called) => {
  const held = first(called);
  if (held.text !== undefined) {
    const number = /^-\s*inf/i.test(held.text.trim())
      ? -Infinity
      : /^\+?inf/i.test(held.text.trim())
        ? Infinity
        : Number(held.text);
    if (Number.isNaN(number)) return value(/^\s*[+-]?nan\s*$/i.test(held.text) ? { number } : {});
    return value({ number, sign: number > 0 ? 'positive' : 'any' });
  }
  return called.node.children[0]?.type === 'attribute' ? castTo(called, 'float32') : seenAs(held);
};

const exp: Operation = (called) => {
  const held = first(called);
  const shifted = held.shifted === true || held.named === 'logsumexp';
  const made = { exp: { shifted, at: called.node } };
  // The weights again.
  if (held.logOf?.own === held.id && held.logOf.at === null && held.logOf.negated !== true)
    return value({ ...made, softmax: held.logOf.site, sign: 'nonnegative', unit: true });
  return value({ ...made, sign: 'positive' });
};

const absolute: Operation = (called) =>
  value({ sign: 'nonnegative', named: 'abs', ...(first(called).kept && { kept: true }) });

/** `uniform_(0, 1)` */
const uniform: Operation = (called) => {
  const low = argument(called, 1, 'a', 'low', 'minval')?.value.number ?? 0;
  const high = argument(called, 2, 'b', 'high', 'maxval')?.value.number ?? 1;
  return value(low >= 0 ? { sign: 'nonnegative', ...(high <= 1 && { unit: true }) } : { sign: 'any' });
};

/** The largest of a row: what was masked is not among them, most of the time. */
const withoutMasks = ({ sign, unit, softmax: site }: Value): Value =>
  value({ ...(sign && { sign }), ...(unit && { unit }), ...(site && { softmax: site }) });

/** Nothing is wrong with 1 + x until x is below -1; its gradient is, where the branch is not taken. */
const logOfOneMore: Operation = (called) => {
  const input = argument(called, 0, 'input', 'x');
  const names = input ? namesIn(input.node, called.context) : new Set<string>();
  return value({ risky: { operation: `${called.name}(…)`, at: called.node, names } });
};

const unmaskedDiagonal: Operation = (called) => {
  const held = first(called);
  return held.mask ? seenAs(held, { mask: { ...held.mask, guarded: true } }) : seenAs(held);
};

const groups: readonly (readonly [names: string, operation: Operation])[] = [
  [
    'view reshape unsqueeze squeeze expand expand_as repeat repeat_interleave transpose permute contiguous clone detach flatten narrow select roll flip cuda cpu type_as requires_grad tensor_split broadcast_to stop_gradient movedim swapaxes swapdims tile concatenate as_tensor asarray numpy rearrange',
    same,
  ],
  // Single places of logarithms are those of what was drawn, which is open.
  ['index_select gather', (called) => withoutLogarithm(seenAs(first(called)))],
  ['matmul bmm mm baddbmm', (called) => matrixProduct(positional(called, 0), argument(called, 1, 'other', 'mat2'))],
  [
    'einsum',
    (called) => {
      const [, left, right] = called.given.filter(({ name }) => name === null);
      if (!right) return left ? reduced('sum')({ ...called, given: [left] }) : value();
      return matrixProduct(left, right);
    },
  ],
  ['linear conv1d conv2d embedding randn randn_like normal tanh sin cos sinh erf', any],
  ['pad', padded],
  ['topk sort', (called) => withoutMasks(first(called))],
  ['scatter scatter_add index_copy', writtenInto],
  ['rand rand_like sigmoid', () => value({ sign: 'nonnegative', unit: true })],
  ['relu softplus', () => value({ sign: 'nonnegative' })],
  ['square', () => value({ sign: 'nonnegative', square: true })],
  ['exp2 cosh', positive],
  ['exp', exp],
  ['abs', absolute],
  ['half', (called) => castTo(called, 'float16')],
  ['bfloat16', (called) => castTo(called, 'bfloat16')],
  ['double', (called) => castTo(called, 'float64')],
  ['bool', (called) => castTo(called, 'bool')],
  ['int long', same],
  ['to type astype', to],
  ['float', floatOf],
  ['finfo iinfo', finfo],
  ['full full_like', filledWith(1)],
  ['new_full', filledWith(2)],
  ['fill', filledWith(1)],
  [
    'tensor',
    (called) =>
      fillOf(first(called)) === null
        ? first(called).number === undefined
          ? value(typed(called))
          : seenAs(first(called), typed(called))
        : value({ filled: first(called), ...typed(called) }),
  ],
  ['zeros zeros_like new_zeros', constant(0)],
  ['ones ones_like new_ones', constant(1)],
  ['eye', () => value({ eye: true })],
  ['arange', () => value({ arange: true, sign: 'nonnegative' })],
  ['tril triu', triangle],
  ['log log2 log10', domain('log')],
  ['log1p', logOfOneMore],
  ['uniform', uniform],
  ['sqrt', domain('sqrt')],
  ['rsqrt', domain('rsqrt')],
  ['pow', power],
  ['sum nansum', reduced('sum')],
  ['mean', reduced('mean')],
  ['var', reduced('var')],
  ['std', reduced('std')],
  ['norm vector_norm', reduced('norm')],
  ['amax', reduced('max')],
  ['max maximum', largest],
  ['logsumexp', () => value({ named: 'logsumexp', sign: 'any' })],
  ['all any', overRows],
  ['softmax log_softmax', softmax(false)],
  ['safe_softmax', softmax(true)],
  ['scaled_dot_product_attention', sdpa],
  ['masked_fill', maskedFill],
  ['where', where],
  ['nan_to_num', nanToNum],
  ['isnan', (called) => value({ nanOf: first(called), truth: true })],
  ['isfinite', (called) => value({ nanOf: first(called) })],
  [
    'isinf isneginf',
    (called) =>
      value(
        (first(called).mask ?? first(called).masks)
          ? ({ mask: first(called).mask ?? first(called).masks?.[0] } as Facts)
          : {},
      ),
  ],
  ['clamp clip clamp_min', clamp],
  ['add', operator('+')],
  ['sub subtract', operator('-')],
  ['neg negative', (called) => negated(first(called))],
  ['mul multiply', operator('*')],
  ['div divide true_divide', operator('/')],
  [[...comparisons.keys()].join(' '), compared],
  ['logical_and logical_or bitwise_and bitwise_or logical_xor', combined],
  ['logical_not bitwise_not', (called) => inverted(first(called))],
  ['fill_diagonal', unmaskedDiagonal],
  ['dropout', same],
];

export const operations: ReadonlyMap<string, Operation> = new Map(
  groups.flatMap(([names, operation]) => names.split(' ').map((name) => [name, operation] as const)),
);
