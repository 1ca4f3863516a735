/**
 * What a fix would change, as plain data: the few nodes around each distinct edit, before and after. The panel draws it,
 * the terminal prints it. Plain JSON; nothing here has a method.
 */

/** `removed` nodes stand in `before` only, `added` ones in `after` only; `kept` ones are neighbours in both. */
export type PreviewState = 'kept' | 'changed' | 'added' | 'removed';

export interface FixPreview {
  readonly fixId: string;
  /** One for each fix of a combination, in the order in which they are applied. */
  readonly steps: readonly PreviewStep[];
  /** Plain sentences: what a reader should know beside the nodes. */
  readonly notes: readonly string[];
}

export interface PreviewStep {
  readonly fixId: string;
  readonly title: string;
  /** What it changes for pad and for real tokens. */
  readonly effect: string;
  /** What it does in this model. */
  readonly note: string;
  /** Number of graph edits. */
  readonly edits: number;
  /** In the graph's order. */
  readonly places: readonly PreviewPlace[];
}

export interface PreviewPlace {
  /** Module path, `layers.0.self_attn`, or the name of a node where the file knows no modules. */
  readonly label: string;
  /** null for what stands in no layer, such as a mask that all layers share. */
  readonly layer: number | null;
  /** Further places with the same nodes and the same edit. */
  readonly same: PreviewSame;
  readonly before: PreviewGraph;
  readonly after: PreviewGraph;
}

export interface PreviewSame {
  /** 0 where there is no other. */
  readonly count: number;
  /** Their layers as ranges, `"1-60"`; `""` where they stand in none. */
  readonly layers: string;
}

export interface PreviewGraph {
  /** In the graph's order; what a node reads stands before it, or is not shown. */
  readonly nodes: readonly PreviewNode[];
}

export interface PreviewNode {
  /** The same before and after for a node that is in both. */
  readonly id: string;
  /** Name in the file. */
  readonly name: string;
  readonly op: string;
  readonly state: PreviewState;
  readonly layer: number | null;
  readonly inputs: readonly PreviewValue[];
  readonly outputs: readonly PreviewValue[];
  /** `axis=-1`; short ones only. */
  readonly attributes: readonly string[];
  /** Of a changed node: `input 1 was mask and is open`. */
  readonly changes: readonly string[];
  /** Stands for further nodes that read the same and are changed alike (the same mask's other layers, say). */
  readonly more: PreviewSame;
}

export type PreviewSource = 'input' | 'weight' | 'constant' | 'node' | 'omitted';

export interface PreviewValue {
  readonly name: string;
  readonly from: PreviewSource;
  /** `id` of the node that makes it where that is shown in the same graph. */
  readonly node: string | null;
  /** null for values that a fix brings along. */
  readonly dtype: string | null;
  readonly shape: readonly number[] | null;
  /** Of a small constant, in words: `0`, `[1, 2]`. */
  readonly text: string | null;
  readonly isOutput: boolean;
}
