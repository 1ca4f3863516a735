/** What a rule is told of a file while it is read, and what it says. */
import type { Mechanism } from '../../guide';
import type { Syntax } from '../syntax';
import type { Asks, Mask, SoftmaxSite, Value } from '../values';

export type Severity = 'error' | 'warning' | 'information';

export interface Argument {
  /** null for a positional one. */
  readonly name: string | null;
  readonly node: Syntax;
  readonly value: Value;
}

/** What happens in a program, as far as rules ask for it; nodes are where it stands. */
export interface Events {
  softmax: { node: Syntax; input: Value; inputNode: Syntax | null; type: string | null; site: SoftmaxSite };
  /** With no masks at all, too. */
  attention: { node: Syntax; kind: string; masks: readonly { node: Syntax; mask: Mask }[] };
  added: { node: Syntax; left: Value; right: Value };
  multiplied: {
    node: Syntax;
    left: Value;
    right: Value;
    leftNode: Syntax;
    rightNode: Syntax;
    /** Whether NaN in the product is replaced behind it; known when all of the file was read. */
    handled: () => boolean;
  };
  divided: {
    node: Syntax;
    top: Value;
    bottom: Value;
    bottomNode: Syntax;
    /** The divisor is the sum of what is divided. */
    isOwnSum: boolean;
    /** Whether the program asks somewhere if the divisor is 0; known when all of it was read. */
    asked: () => boolean;
    /** In what gives a model its first numbers: no input comes by there. */
    settingUp: boolean;
  };
  cast: { node: Syntax; input: Value; type: string };
  cleaned: { node: Syntax; input: Value; inputNode: Syntax | null };
  domain: {
    node: Syntax;
    operation: 'log' | 'sqrt' | 'rsqrt' | 'pow';
    input: Value;
    inputNode: Syntax;
    /** Whether the program asks somewhere if it is below 0; known when all of it was read. */
    asked: () => boolean;
  };
  reduced: { node: Syntax; operation: string; input: Value; type: string | null };
  chosen: {
    node: Syntax;
    condition: Syntax;
    /** Values that the condition compares. */
    asks: Asks | null;
    branches: readonly { node: Syntax; value: Value }[];
  };
  filled: { node: Syntax; input: Value; condition: Value; fill: Value };
  called: { node: Syntax; name: string; given: readonly Argument[] };
  branched: { node: Syntax };
  /** A name, or an attribute, that is a mask. */
  read: { node: Syntax; mask: Mask };
  assigned: { node: Syntax; target: string; value: Value; valueNode: Syntax };
}

export type EventName = keyof Events;

/** What several rules ask of a whole file. */
export interface FileFacts {
  /** Every softmax, in each context that it was reached in. */
  readonly softmaxes: readonly SoftmaxSite[];
  /** `padding_side = 'left'`. */
  readonly leftPadding: readonly Syntax[];
  readonly positionsByArange: readonly Syntax[];
  readonly eager: boolean;
}

/** What a fix needs to know beside the place of a hazard: other places of the same tree. */
export interface Clue {
  /** The masks that meet there. */
  readonly masks?: readonly Mask[];
  /** What kind of attention they meet in. */
  readonly kind?: string;
  /** The operand that is the mask. */
  readonly mask?: Syntax;
  /** What attention weights are multiplied with. */
  readonly values?: Syntax;
  /** What axis a softmax layer was built with. */
  readonly axis?: number;
  /** What a softmax is computed in. */
  readonly type?: string;
  /** What is cleaned of NaN. */
  readonly input?: Syntax;
  /** Calls of `exp`, above and below the line of a softmax. */
  readonly exps?: readonly Syntax[];
  /** The sum below it. */
  readonly sum?: Syntax;
  /** The operation that goes wrong where it is not taken. */
  readonly operation?: Syntax;
  /** What is -inf where weights are 0. */
  readonly logarithm?: Syntax;
  /** It is negated: Inf there. */
  readonly negated?: boolean;
}

export interface Told {
  /** Where it is not the rule's. */
  readonly severity?: Severity;
  /** Asked at the end of the file: nothing is told where it is true. */
  readonly unless?: () => boolean;
}

export interface Teller {
  readonly tell: (node: Syntax, message: string, clue?: Clue, told?: Told) => void;
  readonly text: (node: Syntax) => string;
}

export interface Rule {
  readonly id: string;
  readonly severity: Severity;
  /** A few words, as a heading. */
  readonly title: string;
  /** Two sentences: what happens, and why that matters. */
  readonly why: string;
  /** The chapter of the field guide; null where no mechanism fits. */
  readonly guide: Mechanism | null;
  readonly on?: { readonly [Name in EventName]?: (event: Events[Name], teller: Teller) => void };
  /** Asked once, when all of the file was read. */
  readonly atEnd?: (file: FileFacts, teller: Teller) => void;
}
