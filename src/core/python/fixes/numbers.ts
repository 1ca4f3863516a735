/** Fixes of arithmetic and of padding. */
import { enclosing, everyNode, fieldOf, type Syntax } from '../syntax';
import { argumentsOf, grouped, inputOf, torchOf, type Place, type SourceFix } from './source';

const simple = (id: string, title: string, node: Syntax, text: string): SourceFix => ({
  id,
  title,
  warning: null,
  edits: [{ from: node.from, to: node.to, text }],
});

/** A small number is added to what one divides by, or whose inverse root is taken; a count is at least 1. */
export function epsilon(place: Place): SourceFix | null {
  const { node } = place;
  const isCall = node.type === 'call';
  const divisor = isCall ? inputOf(place, node) : fieldOf(node, 'right');
  if (!divisor) return null;
  const text = place.text(divisor);
  if (/mask/i.test(text) && text.includes('sum(') && !isCall)
    return simple('epsilon', 'Count at least one token', divisor, `${grouped(place, divisor)}.clamp(min=1)`);
  const isMethod = isCall && fieldOf(node, 'function')?.type === 'attribute' && divisor.parent?.type === 'attribute';
  const sum = divisor.type === 'parenthesized_expression' ? text.replace(/\)$/, ' + 1e-6)') : `${text} + 1e-6`;
  const whole =
    isCall && !isMethod ? sum : sum.startsWith('(') && divisor.type === 'parenthesized_expression' ? sum : `(${sum})`;
  return simple('epsilon', 'Add 1e-6', divisor, whole);
}

/** The argument of a root or a logarithm is kept where the function is defined. */
export function clampBefore(place: Place): SourceFix | null {
  const { node } = place;
  const input = node.type === 'call' ? inputOf(place, node) : fieldOf(node, 'left');
  if (!input) return null;
  const isRoot = /sqrt|\*\*/.test(place.text(node)) && !/rsqrt|-\s*0?\.5$/.test(place.text(node));
  const low = isRoot ? '0.0' : '1e-12';
  return simple('clamp', `clamp(min=${low}) before it`, input, `${grouped(place, input)}.clamp(min=${low})`);
}

/** The softmax is computed in float32 and given back in its type. */
export function singlePrecision(place: Place): SourceFix | null {
  const { node } = place;
  const input = inputOf(place, node);
  if (node.type !== 'call' || !input || !/softmax\b/.test(place.text(fieldOf(node, 'function') ?? node))) return null;
  const torch = torchOf(place);
  const { named } = argumentsOf(place, node);
  const type = named.get('dtype');
  const back = type ? place.text(type) : `${grouped(place, input)}.dtype`;
  const list = fieldOf(node, 'arguments');
  if (!list) return null;
  return {
    id: 'fp32-softmax',
    title: 'Softmax in float32',
    warning: null,
    edits: [
      ...torch.edits,
      type
        ? { from: type.from, to: type.to, text: `${torch.name}.float32` }
        : { from: list.to - 1, to: list.to - 1, text: `, dtype=${torch.name}.float32` },
      { from: node.to, to: node.to, text: `.to(${back})` },
    ],
  };
}

/** `exp(x) / exp(x).sum(dim)` on one line. */
export function realSoftmax(place: Place): SourceFix | null {
  const [left, right] = [fieldOf(place.node, 'left'), fieldOf(place.node, 'right')];
  if (left?.type !== 'call' || right?.type !== 'call' || !place.text(fieldOf(left, 'function') ?? left).endsWith('exp'))
    return null;
  const scores = inputOf(place, left);
  const { positional, named } = argumentsOf(place, right);
  const axis = named.get('dim') ?? named.get('axis') ?? positional.find((one) => /^-?\d+$/.test(place.text(one)));
  if (!scores || !axis) return null;
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

/** What was hidden shows again. */
export function withoutNanToNum(place: Place): SourceFix | null {
  const input = inputOf(place, place.node);
  return input ? simple('show-nan', 'Let NaN show', place.node, place.text(input)) : null;
}

export const rightPadding = (place: Place): SourceFix | null =>
  place.text(place.node).includes('left')
    ? {
        ...simple('right-padding', 'Pad on the right', place.node, place.text(place.node).replace('left', 'right')),
        warning: 'generation then continues behind the padding',
      }
    : null;

/** Positions counted from the mask, where the function has one. */
export function positionsFromMask(place: Place): SourceFix | null {
  const scope = enclosing(place.node, ['function_definition', 'module']);
  const mask =
    scope && [...everyNode(scope)].find((node) => node.type === 'identifier' && place.text(node) === 'attention_mask');
  return mask
    ? simple(
        'position-ids-from-mask',
        'Count positions from attention_mask',
        place.node,
        '(attention_mask.long().cumsum(-1) - 1).clamp(min=0)',
      )
    : null;
}
