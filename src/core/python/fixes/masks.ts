/** Fixes of masks. */
import { fieldOf, type Syntax } from '../syntax';
import { argumentsOf, grouped, inputOf, lineBefore, statementOf, torchOf, type Place, type SourceFix } from './source';

/** The axis of a softmax as it is written; the last one where it is not. */
function axisOf(place: Place, call: Syntax): string {
  const { positional, named } = argumentsOf(place, call);
  const input = inputOf(place, call);
  const rest = positional.filter((one) => one !== input);
  const axis = named.get('dim') ?? named.get('axis') ?? rest[0];
  return axis ? place.text(axis) : '-1';
}

/** A row of scores that is closed whole is opened: attention spreads evenly over it, which nobody reads. */
function openRows(closed: (scores: string, torch: string) => string): (place: Place) => SourceFix | null {
  return (place) => {
    const scores = inputOf(place, place.node);
    const statement = statementOf(place);
    if (scores?.type !== 'identifier' || !statement) return null;
    const torch = torchOf(place);
    const name = place.text(scores);
    const axis = axisOf(place, place.node);
    const rows = `${torch.name}.all(${closed(name, torch.name)}, dim=${axis}, keepdim=True)`;
    return {
      id: 'unmask-rows',
      title: 'Open rows that are masked whole',
      warning: null,
      edits: [...torch.edits, lineBefore(place, statement, `${name} = ${name}.masked_fill(${rows}, 0.0)`)],
    };
  };
}

export const openInfiniteRows = openRows((scores) => `${scores} == float("-inf")`);

export const openLowestRows = openRows((scores, torch) => `${scores} <= ${torch}.finfo(${scores}.dtype).min / 2`);

/** Weights of a row that is closed whole become 0. */
export function cleanBehind(place: Place): SourceFix {
  const torch = torchOf(place);
  const { node } = place;
  return {
    id: 'nan-to-num-softmax',
    title: 'nan_to_num behind the softmax',
    warning: 'hides NaN from elsewhere',
    edits: [
      ...torch.edits,
      { from: node.from, to: node.from, text: `${torch.name}.nan_to_num(` },
      { from: node.to, to: node.to, text: ')' },
    ],
  };
}

/** `mask` is opened where it closes a row whole, before the call that it is given to. */
export function openMask(place: Place): SourceFix | null {
  const { positional, named } = argumentsOf(place, place.node);
  const mask = named.get('attn_mask') ?? positional[3];
  const statement = statementOf(place);
  if (mask?.type !== 'identifier' || !statement || named.has('key_padding_mask')) return null;
  const name = place.text(mask);
  return {
    id: 'unmask-rows',
    title: 'Open rows that the mask closes whole',
    warning: null,
    edits: [lineBefore(place, statement, `${name} = ${name} | ~${name}.any(dim=-1, keepdim=True)`)],
  };
}

/** `a + b` of two masks: the lower of both is closed wherever either is. */
export function lowerOfBoth(place: Place): SourceFix | null {
  const [left, right] = [fieldOf(place.node, 'left'), fieldOf(place.node, 'right')];
  if (!left || !right || place.node.type !== 'binary_operator') return null;
  const torch = torchOf(place);
  return {
    id: 'lower-of-both',
    title: 'torch.minimum of both masks',
    warning: null,
    edits: [
      ...torch.edits,
      {
        from: place.node.from,
        to: place.node.to,
        text: `${torch.name}.minimum(${place.text(left)}, ${place.text(right)})`,
      },
    ],
  };
}

const isInfinite = (text: string): boolean => /inf/i.test(text);

/** `(1 - mask) * -inf`: the infinity only where the mask is not 0. */
export function whereNotMultiplied(place: Place): SourceFix | null {
  const [left, right] = [fieldOf(place.node, 'left'), fieldOf(place.node, 'right')];
  if (!left || !right || place.node.type !== 'binary_operator') return null;
  const [mask, infinity] = isInfinite(place.text(right)) ? [left, right] : [right, left];
  const torch = torchOf(place);
  return {
    id: 'where-for-multiply',
    title: 'torch.where in place of the product',
    warning: null,
    edits: [
      ...torch.edits,
      {
        from: place.node.from,
        to: place.node.to,
        text: `${torch.name}.where(${grouped(place, mask)} != 0, ${place.text(infinity)}, 0.0)`,
      },
    ],
  };
}

/** `weights * mask`: 0 where the mask is 0, whatever was there. */
export function whereForMask(place: Place): SourceFix | null {
  const [left, right] = [fieldOf(place.node, 'left'), fieldOf(place.node, 'right')];
  if (!left || !right || place.node.type !== 'binary_operator') return null;
  const torch = torchOf(place);
  return {
    id: 'where-for-multiply',
    title: 'torch.where in place of the product',
    warning: null,
    edits: [
      ...torch.edits,
      {
        from: place.node.from,
        to: place.node.to,
        text: `${torch.name}.where(${grouped(place, right)} != 0, ${place.text(left)}, 0.0)`,
      },
    ],
  };
}

/** `allow_torch_fix=False` */
export const switchOn = (place: Place): SourceFix | null =>
  place.text(place.node) === 'False'
    ? {
        id: 'switch-guard-on',
        title: 'Switch the guard on again',
        warning: null,
        edits: [{ from: place.node.from, to: place.node.to, text: 'True' }],
      }
    : null;
