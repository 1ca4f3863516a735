/** Fixes of arithmetic. */
import { enclosing, everyNode, fieldOf, partsOf } from '../syntax';
import {
  argumentsOf,
  grouped,
  inputOf,
  isNumpy,
  linesBefore,
  namedValue,
  operationOf,
  replaced,
  torchOf,
  type Place,
  type SourceEdit,
  type SourceFix,
} from './source';

/** A small number is added to what one divides by, or whose inverse root is taken; a count is at least 1. */
export function epsilon(place: Place): SourceFix | null {
  const { node } = place;
  const isCall = node.type === 'call' && fieldOf(node, 'function') !== null;
  const isRoot = isCall && place.text(fieldOf(node, 'function') ?? node).endsWith('sqrt');
  const divisor = isRoot ? inputOf(place, node) : operationOf(place)?.right;
  if (!divisor) return null;
  const text = place.text(divisor);
  if (/mask/i.test(text) && text.includes('sum(') && !isRoot) {
    const clamp = isNumpy(place, divisor) ? 'clip' : 'clamp';
    return replaced('eps', 'Count at least one token', divisor, `${grouped(place, divisor)}.${clamp}(min=1)`);
  }
  if (divisor.type === 'parenthesized_expression')
    return replaced('eps', 'Add 1e-6', divisor, text.replace(/\s*\)$/, ' + 1e-6)'));
  const sum = `${bindsLess.includes(divisor.type) ? `(${text})` : text} + 1e-6`;
  // A whole argument needs no parentheses.
  return replaced('eps', 'Add 1e-6', divisor, divisor.parent?.type === 'argument_list' ? sum : `(${sum})`);
}

/** What a sum would take only a part of. */
const bindsLess: readonly string[] = [
  'conditional_expression',
  'lambda',
  'comparison_operator',
  'boolean_operator',
  'not_operator',
];

/** The argument of a root or a logarithm is kept where the function is defined. */
export function clampBefore(place: Place): SourceFix | null {
  const { node } = place;
  const input = node.type === 'call' ? inputOf(place, node) : fieldOf(node, 'left');
  if (!input) return null;
  const isRoot = /sqrt|\*\*/.test(place.text(node)) && !/rsqrt|-\s*0?\.5$/.test(place.text(node));
  const low = isRoot ? '0.0' : '1e-12';
  const clamp = isNumpy(place, node) ? 'clip' : 'clamp';
  return replaced('clamp', `${clamp}(min=${low}) before it`, input, `${grouped(place, input)}.${clamp}(min=${low})`);
}

/** A softmax, or a sum, is computed in float32; a softmax is given back in its type. */
export function singlePrecision(place: Place): SourceFix | null {
  const { node } = place;
  const callee = place.text(fieldOf(node, 'function') ?? node);
  const list = fieldOf(node, 'arguments');
  const input = inputOf(place, node);
  if (!list || !input) return null;
  const torch = torchOf(place);
  const single = `${torch.name}.float32`;
  const type = argumentsOf(place, node).named.get('dtype');
  const inside: SourceEdit = type
    ? { from: type.from, to: type.to, text: single }
    : { from: list.to - 1, to: list.to - 1, text: `${partsOf(list).length > 0 ? ', ' : ''}dtype=${single}` };
  if (/(?:^|\.)(?:sum|mean)$/.test(callee))
    return { id: 'fp32-sum', title: 'Sum in float32', warning: null, edits: [...torch.edits, inside] };
  if (!callee.endsWith('softmax')) return null;
  const isSimple = ['identifier', 'attribute'].includes(input.type);
  const back = type ? place.text(type) : isSimple ? `${place.text(input)}.dtype` : halfOf(place, torch.name);
  if (back === null) return null;
  // A layer takes no type.
  const isLayer = callee.startsWith('self.');
  return {
    id: 'fp32-attention',
    title: 'Softmax in float32',
    warning: null,
    edits: [
      ...torch.edits,
      isLayer ? { from: input.from, to: input.to, text: `${grouped(place, input)}.float()` } : inside,
      { from: node.to, to: node.to, text: `.to(${back})` },
    ],
  };
}

/** The type that the rule saw the softmax in. */
const halfOf = ({ clue }: Place, torch: string): string | null =>
  clue.type === undefined ? null : `${torch}.${clue.type}`;

/** `exp(x) / exp(x).sum(dim)` on one line. */
export function realSoftmax(place: Place): SourceFix | null {
  const [left, right] = [fieldOf(place.node, 'left'), fieldOf(place.node, 'right')];
  if (left?.type !== 'call' || right?.type !== 'call' || !place.text(fieldOf(left, 'function') ?? left).endsWith('exp'))
    return null;
  const scores = inputOf(place, left);
  const { positional, named } = argumentsOf(place, right);
  const axis = named.get('dim') ?? named.get('axis') ?? positional.find((one) => /^-?\d+$/.test(place.text(one)));
  if (!scores || !axis) return null;
  if (isNumpy(place, left)) return null;
  const torch = torchOf(place);
  return {
    id: 'stable-softmax',
    title: 'torch.softmax, which subtracts the maximum',
    warning: null,
    edits: [
      ...torch.edits,
      {
        from: place.node.from,
        to: place.node.to,
        text: `${torch.name}.softmax(${place.text(scores)}, dim=${place.text(axis)})`,
      },
    ],
  };
}

/** The largest score is subtracted inside of `exp`. */
export function shifted(place: Place): SourceFix | null {
  const { exp } = place.clue;
  const bottom = operationOf(place)?.right;
  const sum =
    bottom &&
    [...everyNode(bottom)].find(
      (node) => node.type === 'call' && /(?:^|\.)sum$/.test(place.text(fieldOf(node, 'function') ?? node)),
    );
  // Where both halves are written out, each has an `exp` of its own.
  if (!exp || !sum || enclosing(exp, [place.node.type]) === place.node) return null;
  const input = inputOf(place, exp);
  const { positional, named } = argumentsOf(place, sum);
  const axis = named.get('dim') ?? named.get('axis') ?? positional.find((one) => /^-?\d+$/.test(place.text(one)));
  const scores = input && namedValue(place, input, 'scores');
  if (!scores || !axis) return null;
  const at = place.text(axis);
  const largest = isNumpy(place, exp) ? `max(axis=${at}, keepdims=True)` : `amax(dim=${at}, keepdim=True)`;
  const text = `${scores.name} - ${scores.name}.${largest}`;
  const isMethod = input.parent?.type === 'attribute';
  return {
    id: 'stable-softmax',
    title: 'Subtract the maximum inside of exp',
    warning: null,
    edits: [
      ...(scores.lines.length > 0 ? [linesBefore(place, scores.statement, scores.lines)] : []),
      { from: input.from, to: input.to, text: isMethod ? `(${text})` : text },
    ],
  };
}

/** The operation gets 1 where its result is not taken. */
export function safeBranch(place: Place): SourceFix | null {
  const { operation } = place.clue;
  const call = place.node.parent && enclosing(place.node.parent, ['call']);
  const [condition, yes, no] = call ? argumentsOf(place, call).positional : [];
  if (!operation || !condition || (place.node !== yes && place.node !== no)) return null;
  // Only what is written inside of the branch: a name may be read elsewhere too.
  if (operation.from < place.node.from || operation.to > place.node.to) return null;
  const input = operation.type === 'call' ? inputOf(place, operation) : fieldOf(operation, 'right');
  if (!input) return null;
  const torch = torchOf(place);
  const [taken, other] = place.node === yes ? [place.text(input), '1.0'] : ['1.0', place.text(input)];
  return {
    ...replaced(
      'safe-branch',
      'Put 1 in where the result is not taken',
      input,
      `${torch.name}.where(${place.text(condition)}, ${taken}, ${other})`,
    ),
  };
}

/** What was hidden shows again. */
export function withoutNanToNum(place: Place): SourceFix | null {
  const input = inputOf(place, place.node);
  return input ? replaced('show-nan', 'Let NaN show', place.node, place.text(input)) : null;
}
