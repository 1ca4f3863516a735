/** Fixes of masks. */
import { enclosing, everyNode, fieldOf, type Syntax } from '../syntax';
import type { Mask } from '../values';
import { torchOf } from './libraries';
import {
  argumentsOf,
  freshName,
  grouped,
  inputOf,
  linesBefore,
  namedValue,
  operationOf,
  replaced,
  statementOf,
  withComments,
  type Place,
  type SourceEdit,
  type SourceFix,
} from './source';

/** The axis of a softmax as it is written; the last one where it is not. */
function axisOf(place: Place, call: Syntax): string {
  if (place.clue.axis !== undefined) return String(place.clue.axis);
  const { positional, named } = argumentsOf(place, call);
  const input = inputOf(place, call);
  const rest = positional.filter((one) => one !== input);
  const axis = named.get('dim') ?? named.get('axis') ?? rest[0];
  return axis ? place.text(axis) : '-1';
}

/** A row of scores that is closed whole is opened: attention spreads evenly over it, which nobody reads. */
function openRows(closed: (scores: string, torch: string) => string): (place: Place) => SourceFix | null {
  return (place) => {
    const input = inputOf(place, place.node);
    const scores = input && namedValue(place, input, 'scores');
    if (!scores) return null;
    const torch = torchOf(place);
    const { name } = scores;
    const rows = `${torch.name}.all(${closed(name, torch.name)}, dim=${axisOf(place, place.node)}, keepdim=True)`;
    const lines = [...scores.lines, `${name} = ${name}.masked_fill(${rows}, 0.0)`];
    return {
      id: 'unmask-rows',
      title: 'Open rows that are masked whole',
      warning: null,
      edits: [...torch.edits, linesBefore(place, scores.statement, lines), ...scores.edits],
    };
  };
}

export const openInfiniteRows = openRows((scores) => `${scores} == float("-inf")`);

export const openLowestRows = openRows((scores, torch) => `${scores} <= ${torch}.finfo(${scores}.dtype).min / 2`);

/** Weights 0 in a row that is masked whole, and gradients 0 with them. */
export function safeSoftmax(place: Place): SourceFix | null {
  const { node } = place;
  const input = inputOf(place, node);
  const scores = input && namedValue(place, input, 'scores');
  if (!scores) return null;
  const torch = torchOf(place);
  const closed = freshName(place, 'closed');
  const rows = `${torch.name}.all(${scores.name} == float("-inf"), dim=${axisOf(place, node)}, keepdim=True)`;
  return {
    id: 'zero-masked-rows',
    title: 'Safe softmax: weights 0 in a row that is masked whole',
    warning: null,
    edits: [
      ...torch.edits,
      linesBefore(place, scores.statement, [...scores.lines, `${closed} = ${rows}`]),
      { from: input.from, to: input.to, text: `${scores.name}.masked_fill(${closed}, 0.0)` },
      { from: node.to, to: node.to, text: `.masked_fill(${closed}, 0.0)` },
    ],
  };
}

const infinity =
  /^-\s*(?:[\w.]+\.(?:inf|Inf|infty|Infinity)|float\(\s*["']\+?inf(?:inity)?["']\s*\))$|^float\(\s*["']-inf(?:inity)?["']\s*\)$/i;

/** Masks closed with the lowest number of their type; where masks are added up, with their part of it. */
export function finiteMask(place: Place): SourceFix | null {
  const masks = (place.clue.masks ?? []).filter(({ fill }) => fill === '-inf');
  const planes = Math.ceil(masks.reduce((all, mask) => all + mask.planes, 0));
  const torch = torchOf(place);
  const edits = new Map<number, SourceEdit>();
  for (const fill of masks.flatMap(({ fillsAt }) => fillsAt)) {
    const at = infinityIn(place, fill);
    const type = at && typeOfFilled(place, at, torch.name);
    if (!type) return null;
    const lowest = `${torch.name}.finfo(${type}).min${planes > 1 ? ` / ${String(planes)}` : ''}`;
    const isOperand = at.parent?.type === 'binary_operator' && planes > 1;
    edits.set(at.from, { from: at.from, to: at.to, text: isOperand ? `(${lowest})` : lowest });
  }
  if (edits.size === 0 || edits.size < planes) return null;
  return {
    id: 'finite-mask',
    title: 'Mask with the lowest number of the type',
    warning: 'a row that is masked whole attends to what was masked',
    edits: [...torch.edits, ...edits.values()],
  };
}

/** Where the infinity of a fill is written. */
function infinityIn(place: Place, fill: Syntax): Syntax | null {
  // `scores[mask] = -inf`: the fill stands on the other side.
  const whole = fill.parent?.type === 'assignment' && fill.field === 'left' ? fieldOf(fill.parent, 'right') : fill;
  if (!whole) return null;
  for (const node of everyNode(whole)) if (infinity.test(place.text(node))) return node;
  return null;
}

/** The type of the tensor that is filled there, as source. */
function typeOfFilled(place: Place, at: Syntax, torch: string): string | null {
  const call = enclosing(at, ['call', 'assignment', 'binary_operator']);
  // `float("-inf")` is a call itself.
  const around = call === at ? enclosing(at.parent ?? at, ['call', 'assignment', 'binary_operator']) : call;
  if (!around) return null;
  if (around.type === 'assignment') {
    const target = fieldOf(around, 'left');
    const whole = target && fieldOf(target, 'value');
    return whole ? `${place.text(whole)}.dtype` : null;
  }
  if (around.type === 'binary_operator') {
    const mask = around.children.find((child) => child !== at && child.field !== 'operator');
    const name = mask && [...everyNode(mask)].find(({ type }) => type === 'identifier');
    // A mask of whole numbers has no lowest number: what it is multiplied into has the type of numbers with a point.
    return name ? `${torch}.get_default_dtype()` : null;
  }
  return typeOf(place, around, torch);
}

/** What type a call that is given a number to fill with gives. */
function typeOf(place: Place, call: Syntax, torch: string): string | null {
  const { positional, named } = argumentsOf(place, call);
  const type = named.get('dtype');
  if (type) return place.text(type);
  const callee = place.text(fieldOf(call, 'function') ?? call);
  const made = /(?:^|\.)(full|zeros|ones|empty|tensor)$/.exec(callee)?.[1];
  if (made !== undefined) return `${torch}.get_default_dtype()`;
  if (/(?:^|\.)where$/.test(callee)) {
    const held = positional.slice(1).find((one) => one.type === 'identifier');
    return held ? `${place.text(held)}.dtype` : null;
  }
  const tensor = inputOf(place, call);
  if (!tensor) return null;
  if (tensor.type === 'identifier') return `${place.text(tensor)}.dtype`;
  if (tensor.type === 'call' && /(?:^|\.)(full|zeros|ones)$/.test(place.text(fieldOf(tensor, 'function') ?? tensor)))
    return typeOf(place, tensor, torch);
  const name = [...everyNode(tensor)].find(
    (node) => node.type === 'identifier' && node.field !== 'function' && node.field !== 'attribute',
  );
  return name && place.text(name) !== torch && place.text(name) !== 'self' ? `${place.text(name)}.dtype` : null;
}

/** Weights of a row that is closed whole become 0. */
export function cleanBehind(place: Place): SourceFix {
  const torch = torchOf(place);
  const { node } = place;
  return {
    id: 'nan-to-num-softmax',
    title: 'nan_to_num behind the softmax',
    warning: 'hides NaN from elsewhere; gradients stay NaN where the mask is added',
    edits: [
      ...torch.edits,
      { from: node.from, to: node.from, text: `${torch.name}.nan_to_num(` },
      { from: node.to, to: node.to, text: ')' },
    ],
  };
}

/** A mask is opened where it closes a row whole, before the call that it is given to. */
export function openMask(place: Place): SourceFix | null {
  const { positional, named } = argumentsOf(place, place.node);
  const [mask, ...others] = place.clue.masks ?? [];
  const isProduct = place.clue.kind === 'scaled_dot_product_attention';
  const given = named.get('attn_mask') ?? positional[isProduct ? 3 : 5];
  // Two masks that meet inside of a layer cannot be opened one by one.
  if (!mask || others.length > 0 || !given) return null;
  const held = namedValue(place, given, 'mask');
  const open = held && openedMask(held.name, mask, isProduct);
  if (!open) return null;
  const torch = open.includes('torch.') ? torchOf(place) : null;
  const line = torch ? open.replace('torch.', `${torch.name}.`) : open;
  return {
    id: 'unmask-rows',
    title: 'Open rows that the mask closes whole',
    warning: null,
    edits: [
      ...(torch?.edits ?? []),
      linesBefore(place, held.statement, [...held.lines, `${held.name} = ${line}`]),
      ...held.edits,
    ],
  };
}

function openedMask(name: string, { form, fill }: Mask, isProduct: boolean): string | null {
  if (form === 'bool')
    return isProduct ? `${name} | ~${name}.any(dim=-1, keepdim=True)` : `${name} & ~${name}.all(dim=-1, keepdim=True)`;
  if (form !== 'additive' || fill !== '-inf') return null;
  return `${name}.masked_fill(torch.all(${name} == float("-inf"), dim=-1, keepdim=True), 0.0)`;
}

/** `a + b` of two masks: the lower of both is closed wherever either is. */
export function lowerOfBoth(place: Place): SourceFix | null {
  const operation = operationOf(place);
  if (!operation) return null;
  const torch = torchOf(place);
  const both = `${place.text(operation.left)}, ${place.text(operation.right)}`;
  return {
    id: 'lower-of-both',
    title: 'torch.minimum of both masks',
    warning: null,
    edits: [
      ...torch.edits,
      operation.instead(`${torch.name}.minimum(${both})`),
      ...withComments(place, [operation.left, operation.right]),
    ],
  };
}

/** Numbers below the narrow type's lowest are raised to it first. */
export function withinType(place: Place): SourceFix | null {
  const { node } = place;
  const callee = fieldOf(node, 'function');
  const held = callee?.type === 'attribute' ? fieldOf(callee, 'object') : null;
  const method = callee && fieldOf(callee, 'attribute');
  if (!held || !method) return null;
  const torch = torchOf(place);
  const { positional, named } = argumentsOf(place, node);
  const given = named.get('dtype') ?? positional.find((one) => /16|half/.test(place.text(one)));
  const own = { half: `${torch.name}.float16`, bfloat16: `${torch.name}.bfloat16` }[place.text(method)];
  const type = own ?? (given && place.text(given));
  if (type === undefined) return null;
  return {
    id: 'within-type',
    title: 'Raise to the lowest number of the type first',
    warning: null,
    edits: [...torch.edits, { from: held.to, to: held.to, text: `.clamp(min=${torch.name}.finfo(${type}).min)` }],
  };
}

const isInfinite = (text: string): boolean => /inf/i.test(text);

/** `(1 - mask) * -inf`: the infinity only where the mask is not 0. */
export function whereNotMultiplied(place: Place): SourceFix | null {
  const operation = operationOf(place);
  if (!operation) return null;
  const { left, right } = operation;
  const [mask, much] = isInfinite(place.text(right)) ? [left, right] : [right, left];
  return whereInstead(place, mask, place.text(much));
}

/** `weights * mask`: 0 where the mask is 0, whatever was there. */
export function whereForMask(place: Place): SourceFix | null {
  const operation = operationOf(place);
  const { mask } = place.clue;
  if (!operation || !mask) return null;
  return whereInstead(place, mask, place.text(operation.left === mask ? operation.right : operation.left));
}

function whereInstead(place: Place, mask: Syntax, kept: string): SourceFix | null {
  const operation = operationOf(place);
  if (!operation) return null;
  const torch = torchOf(place);
  return {
    id: 'mask-with-where',
    title: 'torch.where in place of the product',
    warning: null,
    edits: [
      ...torch.edits,
      operation.instead(`${torch.name}.where(${grouped(place, mask)} != 0, ${kept}, 0.0)`),
      ...withComments(place, [operation.left, operation.right]),
    ],
  };
}

/** Masked values are put to 0 before the product, where NaN in them would reach every row. */
export function clearedValues(place: Place): SourceFix | null {
  const { values } = place.clue;
  const { positional, named } = argumentsOf(place, place.node);
  const condition = named.get('mask') ?? positional[0];
  // What the condition reads may not be there yet when the product is computed in a statement before.
  if (!values || !condition || statementOf(place, values) !== statementOf(place, place.node)) return null;
  return {
    ...replaced(
      'clear-values',
      'Put masked values to 0 before the product',
      values,
      `${grouped(place, values)}.masked_fill(${place.text(condition)}, 0.0)`,
    ),
    warning: 'where queries and keys are the same tokens',
  };
}

/** `allow_torch_fix=False` */
export const switchOn = (place: Place): SourceFix | null =>
  place.text(place.node) === 'False'
    ? replaced('switch-guard-on', 'Switch the guard on again', place.node, 'True')
    : null;
