/** What a person points at in a modelling file: masks, softmaxes and attention, and what is known of each. */
import { calleeName } from './modules/operators';
import type { EventName, Events } from './rules/types';
import { mayCloseRows } from './rules/masks';
import type { PythonTree, Syntax } from './syntax';
import type { Mask, SoftmaxSite } from './values';

export interface Landmark {
  readonly kind: 'mask' | 'softmax' | 'attention';
  /** UTF-16 offsets of the name that one points at. */
  readonly from: number;
  readonly to: number;
  /** The rule that watches over such a place. */
  readonly rule: string;
  /** A sentence. */
  readonly said: string;
}

interface Seen {
  readonly landmark: () => Landmark;
  readonly called: boolean;
}

/** Collects them while a file is read; what a function is called with tells more than the names of its parameters. */
export class Landmarks {
  private readonly seen = new Map<number, Seen>();

  constructor(private readonly tree: PythonTree) {}

  see<Name extends EventName>(name: Name, event: Events[Name], called: boolean): void {
    if (name === 'read' || name === 'assigned') {
      const mask = name === 'read' ? (event as Events['read']).mask : (event as Events['assigned']).value.mask;
      if (mask) this.add(event.node, called, () => ({ kind: 'mask', rule: ruleOf(mask), said: maskText(mask) }));
    }
    if (name === 'attention') {
      const { node, masks } = event as Events['attention'];
      const given = masks.map(({ mask }) => mask);
      this.add(calleeName(this.tree, node)?.node ?? node, called, () => ({
        kind: 'attention',
        rule: 'merged-mask-attention',
        said: given.length === 0 ? 'Its mask is not seen in this file.' : `It is given ${masksText(given)}.`,
      }));
    }
  }

  softmax(site: SoftmaxSite, called: boolean): void {
    this.add(calleeName(this.tree, site.call)?.node ?? site.call, called, () => ({
      kind: 'softmax',
      rule: 'masked-row-no-guard',
      said: softmaxText(site),
    }));
  }

  all(): readonly Landmark[] {
    return [...this.seen.values()].map(({ landmark }) => landmark()).sort((a, b) => a.from - b.from);
  }

  private add(node: Syntax, called: boolean, told: () => Omit<Landmark, 'from' | 'to'>): void {
    const { from, to } = node;
    if (this.seen.get(from)?.called === true && !called) return;
    // Guards behind a softmax are seen after it: what is said is made in the end.
    this.seen.set(from, { called, landmark: () => ({ ...told(), from, to }) });
  }
}

const ruleOf = ({ fill, planes }: Mask): string =>
  fill === 'lowest' ? (planes > 1 ? 'lowest-values-added' : 'lowest-mask-no-guard') : 'masked-row-no-guard';

const forms = { bool: 'boolean', additive: 'added', unknown: '' } as const;
const fills = {
  '-inf': ' of -inf',
  lowest: " of the type's lowest number",
  finite: ' of a large negative number',
} as const;

/** `a boolean mask (causal and padding)` */
function named({ form, fill, parts }: Mask): string {
  const kinds = (['causal', 'padding'] as const).filter((part) => parts.has(part));
  const kind = `${forms[form]}${form === 'unknown' ? '' : ' '}mask${fill === null ? '' : fills[fill]}`;
  const article = /^[aeiou]/.test(kind) ? 'an' : 'a';
  return `${article} ${kind}${kinds.length === 0 ? '' : ` (${kinds.join(' and ')})`}`;
}

const masksText = (masks: readonly Mask[]): string => [...new Set(masks.map(named))].join(' and ');

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

const maskText = (mask: Mask): string =>
  `${sentence(named(mask))}; ${
    mask.guarded
      ? 'rows that it closes whole are opened.'
      : mayCloseRows([mask])
        ? 'nothing seen here opens a row that it closes whole.'
        : 'it leaves every position itself.'
  }`;

function softmaxText({ masks, guarded }: SoftmaxSite): string {
  if (masks.length === 0) return 'No mask of this file is seen to reach its scores.';
  const on = `Its scores are masked with ${masksText(masks)}; `;
  if (guarded) return `${on}a guard behind it clears rows that are masked whole.`;
  if (masks.some((mask) => mask.guarded)) return `${on}rows that are masked whole are opened before it.`;
  return mayCloseRows(masks)
    ? `${on}nothing seen here opens a row that is masked whole.`
    : `${on}every position is left itself.`;
}
