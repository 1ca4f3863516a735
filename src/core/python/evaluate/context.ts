/** What the parts of the evaluation share. */
import type { EventName, Events } from '../rules/types';
import type { PythonTree, Syntax } from '../syntax';
import type { SoftmaxSite, Value } from '../values';
import type { Asked } from './asked';

/** Names of a function, and attributes of `self` as `self.name`. */
export type Names = Map<string, Value>;

export interface Definition {
  readonly node: Syntax;
  readonly name: string;
  /** The class around it, null for a function. */
  readonly owner: Syntax | null;
}

export interface Context {
  readonly tree: PythonTree;
  readonly names: Names;
  /** Attributes of the class that is read. */
  readonly attributes: Names;
  readonly owner: Syntax | null;
  readonly depth: number;
  /** What this function asks about, and what the whole file does. */
  readonly asked: Asked;
  /** No gradient comes by: `torch.no_grad()`. */
  readonly noGradient: boolean;
  /** In a function that gives a model its first numbers. */
  readonly settingUp: boolean;
  /** False once a file has taken far more steps than people's files do: the rest of it is not followed. */
  mayGoOn(): boolean;
  text(node: Syntax): string;
  see<Name extends EventName>(name: Name, event: Events[Name]): void;
  softmax(site: SoftmaxSite): void;
  /** `held[condition] = put`; `keep` is given what the whole is afterwards. */
  stored(node: Syntax, held: Value, condition: Value, put: Value, keep: (after: Value) => void): void;
  /** A function, which reads the names of the one around it. */
  defined(definition: Syntax): void;
  /** A method of a class of this file, or of a base of it that is here, too. */
  readonly methodOf: (owner: Syntax, name: string) => Syntax | null;
  /** What an instance of a class of this file holds by that name, methods left out; null where nothing is known. */
  readonly heldBy: (owner: Syntax, name: string) => Value | null;
  /** What a function of this file gives for these arguments; null where it is not followed. */
  call(definition: Syntax, given: readonly Value[], named: ReadonlyMap<string, Value>): Value | null;
}
