/** Fixes of arithmetic. */
import { enclosing, fieldOf, partsOf, type Syntax } from '../syntax';
import { isNumpy, torchOf } from './libraries';
import {
  argumentsOf,
  grouped,
  inputOf,
  linesBefore,
  namedValue,
  operandsOf,
  operationOf,
  withComments,
  replaced,
  statementOf,
  type Place,
  type SourceEdit,
  type SourceFix,
} from './source';

/** A small number is added to what one divides by, or whose inverse root is taken; a count is at least 1. */
export function epsilon(place: Place): SourceFix | null {
  const { node } = place;
  // `eps=0`
  if (node.type === 'integer' || node.type === 'float') return replaced('eps', 'Put 1e-6 in place of it', node, '1e-6');
  const isCall = node.type === 'call' && fieldOf(node, 'function') !== null;
  const isRoot = isCall && place.text(fieldOf(node, 'function') ?? node).endsWith('sqrt');
  const divisor = isRoot ? inputOf(place, node) : operandsOf(place)?.right;
  if (!divisor) return null;
  const text = place.text(divisor);
  if (/mask/i.test(text) && text.includes('sum(') && !isRoot) {
    const clamp = isNumpy(place.tree, divisor) ? 'clip' : 'clamp';
    return replaced('eps', 'Count at least one token', divisor, `${grouped(place, divisor)}.${clamp}(min=1)`);
  }
  const [inside = divisor] = divisor.type === 'parenthesized_expression' ? partsOf(divisor) : [];
  const own = bindsLess.includes(inside.type) ? `(${place.text(inside)})` : place.text(inside);
  // What has parentheses, a whole argument and what is behind `/=` need none.
  const isApart =
    inside !== divisor || divisor.parent?.type === 'argument_list' || node.type === 'augmented_assignment';
  return replaced('eps', 'Add 1e-6', inside, isApart ? `${own} + 1e-6` : `(${own} + 1e-6)`);
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
  const { node, clue } = place;
  // Nothing but what has weight 0 is below that, in any type.
  if (clue.logarithm) {
    const clamp = `${isNumpy(place.tree, node) ? 'clip' : 'clamp'}(${clue.negated ? 'max=1e4' : 'min=-1e4'})`;
    const finite = `${grouped(place, clue.logarithm)}.${clamp}`;
    return replaced('clamp', `${clamp} of the logarithm`, clue.logarithm, finite);
  }
  const input = node.type === 'call' ? inputOf(place, node) : fieldOf(node, 'left');
  if (!input) return null;
  const isRoot = /sqrt|\*\*/.test(place.text(node)) && !/rsqrt|-\s*0?\.5$/.test(place.text(node));
  const low = isRoot ? '0.0' : '1e-12';
  const clamp = isNumpy(place.tree, node) ? 'clip' : 'clamp';
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
  const type = typeGiven(place, node);
  const last = partsOf(list).at(-1);
  const inside: SourceEdit = type
    ? { from: type.from, to: type.to, text: single }
    : last
      ? { from: last.to, to: last.to, text: `, dtype=${single}` }
      : { from: list.to - 1, to: list.to - 1, text: `dtype=${single}` };
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

/** `dtype=torch.float16`, or at its place: `torch.softmax(x, -1, torch.float16)`. */
function typeGiven(place: Place, call: Syntax): Syntax | undefined {
  const { positional, named } = argumentsOf(place, call);
  return named.get('dtype') ?? positional.slice(1).find((one) => /(?:^|\.)(?:half|b?float16)$/.test(place.text(one)));
}

/** The type that the rule saw the softmax in. */
const halfOf = ({ clue }: Place, torch: string): string | null =>
  clue.type === undefined ? null : `${torch}.${clue.type}`;

/** Along which axis a sum goes. */
function axisOfSum(place: Place, sum: Syntax): string | null {
  const { positional, named } = argumentsOf(place, sum);
  const axis = named.get('dim') ?? named.get('axis') ?? positional.find((one) => /^-?\d+$/.test(place.text(one)));
  return axis ? place.text(axis) : null;
}

/** `exp(x) / exp(x).sum(dim)` on one line. */
export function realSoftmax(place: Place): SourceFix | null {
  const operation = operationOf(place);
  if (!operation) return null;
  const { left, right } = operation;
  const [scores, below] = [expOf(place, left), sumOfExp(place, right)];
  const axis = below && axisOfSum(place, right);
  if (!scores || !below || axis === null || place.text(scores) !== place.text(below)) return null;
  if (isNumpy(place.tree, left)) return null;
  const torch = torchOf(place);
  return {
    id: 'stable-softmax',
    title: 'torch.softmax, which subtracts the maximum',
    warning: null,
    edits: [
      ...torch.edits,
      operation.instead(`${torch.name}.softmax(${place.text(scores)}, dim=${axis})`),
      ...withComments(place, [scores]),
    ],
  };
}

const isCallOf = (place: Place, node: Syntax, name: string): boolean =>
  node.type === 'call' &&
  place
    .text(fieldOf(node, 'function') ?? node)
    .split('.')
    .at(-1) === name;

const expOf = (place: Place, node: Syntax): Syntax | null =>
  isCallOf(place, node, 'exp') ? inputOf(place, node) : null;

function sumOfExp(place: Place, node: Syntax): Syntax | null {
  const summed = isCallOf(place, node, 'sum') ? inputOf(place, node) : null;
  return summed && expOf(place, summed);
}

/** The largest score is subtracted inside of `exp`, above the line and below it. */
export function shifted(place: Place): SourceFix | null {
  const { exps = [], sum } = place.clue;
  const inputs = exps.flatMap((exp) => inputOf(place, exp) ?? []);
  const [first] = inputs;
  const axis = sum ? axisOfSum(place, sum) : null;
  if (!first || axis === null || realSoftmax(place) || inputs.length < exps.length) return null;
  const scores = namedValue(place, first, 'scores');
  if (!scores || inputs.some((one) => place.text(one) !== place.text(first))) return null;
  // A name that is given in one statement may not be there yet in another.
  if (inputs.some((one) => statementOf(place, one) !== scores.statement) && scores.lines.length > 0) return null;
  const largest = isNumpy(place.tree, exps[0] ?? first)
    ? `max(axis=${axis}, keepdims=True)`
    : `amax(dim=${axis}, keepdim=True)`;
  const text = `${scores.name} - ${scores.name}.${largest}`;
  return {
    id: 'stable-softmax',
    title: 'Subtract the maximum inside of exp',
    warning: null,
    edits: [
      ...(scores.lines.length > 0 ? [linesBefore(place, scores.statement, scores.lines)] : []),
      ...inputs.map(({ from, to, parent }) => ({ from, to, text: parent?.type === 'attribute' ? `(${text})` : text })),
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
  const { input } = place.clue;
  if (!input) return null;
  const fix = replaced('show-nan', 'Let NaN show', place.node, place.text(input));
  return { ...fix, edits: [...fix.edits, ...withComments(place, [input])] };
}
