/**
 * Where NaN is born, by the definition and nothing else: a position of a node's output with NaN in it, for which
 * none of the elements that the node directly read is NaN. NaN of a weight is nobody's but its reader's.
 */
import type { ModelProto } from 'onnx-buf';
import type { Hint, Labels } from './labels';
import { labelled, labelsOf, noLabels } from './labels';
import type { ReadsOf, Tensor } from './reads';
import { count, readsOf } from './reads';

export interface Birth {
  /** Null for a graph input. */
  readonly node: string | null;
  readonly tensor: string;
  /** As the report has them; null where the tensor tells neither samples nor positions apart. */
  readonly positions: readonly string[] | null;
}

export interface Truth {
  readonly origins: readonly Birth[];
  /** Births that an explicit test for NaN removes before they get anywhere. */
  readonly guarded: readonly Birth[];
  /** NaN positions of the graph's outputs. */
  readonly outputs: Readonly<Record<string, readonly string[] | null>>;
  readonly labels: ReadonlyMap<string, Labels>;
}

export interface Sizes {
  readonly samples: number;
  /** By sequence. */
  readonly positions: readonly number[];
}

interface Step {
  readonly name: string;
  readonly op: string;
  readonly value: string;
  readonly inputs: readonly string[];
  readonly output: Tensor;
  readonly reads: ReadsOf;
}

export function truthOf(
  model: ModelProto,
  values: ReadonlyMap<string, Tensor>,
  hints: ReadonlyMap<string, Hint>,
  sizes: Sizes,
): Truth {
  const graph = model.graph!;
  const opset = Number(model.opsetImport.find((entry) => entry.domain === '')!.version);
  const weights = new Set([
    ...graph.initializer.map((tensor) => tensor.name),
    ...graph.node.filter((node) => node.opType === 'Constant').flatMap((node) => node.output),
  ]);
  const labels = new Map<string, Labels>();
  for (const [name, tensor] of values) {
    const hint = hints.get(name);
    if (hint) labels.set(name, labelled(tensor.dims, hint));
  }
  const steps: Step[] = [];
  for (const proto of graph.node) {
    const inputs = proto.input.map((name) => values.get(name) ?? null);
    for (const [o, value] of proto.output.entries()) {
      const output = values.get(value);
      if (value === '' || !output) continue;
      const reads = readsOf({ proto, opset, inputs, output, o });
      if (!labels.has(value)) {
        const own = proto.input.map((name) => (name === '' ? null : (labels.get(name) ?? noLabels)));
        labels.set(value, labelsOf(proto, own, inputs, output, reads));
      }
      steps.push({ name: proto.name, op: proto.opType, value, inputs: proto.input, output, reads });
    }
  }
  const cellsOf = (value: string): Cells => new Cells(labels.get(value) ?? noLabels, sizes);
  const isNaNIn = (value: string, index: number): boolean => Number.isNaN(values.get(value)!.data[index]);

  const origins: Birth[] = [];
  const guarded: Birth[] = [];
  for (const input of graph.input) {
    const cells = cellsOf(input.name);
    const nan = cells.none();
    const tensor = values.get(input.name)!;
    for (let i = 0; i < count(tensor.dims); i += 1) if (isNaNIn(input.name, i)) cells.mark(nan, i);
    if (nan.includes(1)) origins.push({ node: null, tensor: input.name, positions: cells.text(nan) });
  }
  for (const [index, step] of steps.entries()) {
    const cells = cellsOf(step.value);
    const nan = cells.none();
    const sick = cells.none();
    for (let i = 0; i < count(step.output.dims); i += 1) {
      if (Number.isNaN(step.output.data[i])) cells.mark(nan, i);
      step.reads(i, (slot, from) => {
        const input = step.inputs[slot]!;
        if (!weights.has(input) && isNaNIn(input, from)) cells.mark(sick, i);
      });
    }
    const born = nan.map((bit, cell) => (bit === 1 && sick[cell] === 0 ? 1 : 0));
    if (!born.includes(1) || weights.has(step.value)) continue;
    const birth = { node: step.name, tensor: step.value, positions: cells.text(born) };
    (isGuarded(model, steps, index, cells, born, cellsOf) ? guarded : origins).push(birth);
  }
  const outputs = Object.fromEntries(
    graph.output.map(({ name }) => {
      const cells = cellsOf(name);
      const nan = cells.none();
      for (let i = 0; i < count(values.get(name)!.dims); i += 1) if (isNaNIn(name, i)) cells.mark(nan, i);
      return [name, cells.text(nan)];
    }),
  );
  return { origins, guarded, outputs, labels };
}

/** The (sample, position) pairs of one tensor. What belongs to no position counts for all of its sample's. */
class Cells {
  readonly samples: number;
  readonly positions: number;
  private readonly sequence: number;
  private readonly place: Int32Array | null;

  constructor(
    private readonly labels: Labels,
    private readonly sizes: Sizes,
  ) {
    this.place = labels.q ?? labels.k;
    this.samples = labels.s ? sizes.samples : 1;
    this.sequence = labels.sequence[labels.q ? 0 : 1];
    this.positions = this.place ? sizes.positions[this.sequence]! : 1;
  }

  /** Whether a cell of another tensor is among the marked ones of this; what cannot be compared is not. */
  holds(bits: readonly number[], other: Cells, cell: number): boolean {
    if (this.labels.s && !other.labels.s) return false;
    if (this.place && (!other.place || this.sequence !== other.sequence)) return false;
    const sample = this.labels.s ? Math.floor(cell / other.positions) : 0;
    return bits[sample * this.positions + (this.place ? cell % other.positions : 0)] === 1;
  }

  none(): number[] {
    return new Array<number>(this.samples * this.positions).fill(0);
  }

  of(element: number): number[] {
    const own = (label: number | undefined, size: number): number[] =>
      label === undefined || label < 0 ? Array.from({ length: size }, (_, i) => i) : [label];
    const samples = own(this.labels.s?.[element], this.samples);
    const positions = own(this.place?.[element], this.positions);
    return samples.flatMap((s) => positions.map((p) => s * this.positions + p));
  }

  mark(bits: number[], element: number): void {
    for (const cell of this.of(element)) bits[cell] = 1;
  }

  text(bits: readonly number[]): string[] | null {
    if (!this.labels.s && !this.place) return null;
    return Array.from({ length: this.sizes.samples }, (_, sample) => {
      const row = this.labels.s ? sample : 0;
      return ranges(bits.slice(row * this.positions, (row + 1) * this.positions));
    });
  }
}

function ranges(bits: readonly number[]): string {
  const parts: string[] = [];
  for (let from = 0; from < bits.length; from += 1) {
    if (bits[from] !== 1 || bits[from - 1] === 1) continue;
    let to = from;
    while (bits[to + 1] === 1) to += 1;
    parts.push(from === to ? String(from) : `${String(from)}-${String(to)}`);
  }
  return parts.join(',');
}

/** Followed element by element: every NaN that came of this birth ends in a `Where` on a test for NaN, in place. */
function isGuarded(
  model: ModelProto,
  steps: readonly Step[],
  start: number,
  cells: Cells,
  born: readonly number[],
  cellsOf: (value: string) => Cells,
): boolean {
  const outputs = new Set(model.graph!.output.map((output) => output.name));
  const birth = steps[start]!;
  const reached = new Map<string, Set<number>>();
  const first = new Set<number>();
  for (let i = 0; i < count(birth.output.dims); i += 1) {
    if (Number.isNaN(birth.output.data[i]) && cells.of(i).some((cell) => born[cell] === 1)) first.add(i);
  }
  reached.set(birth.value, first);
  if (outputs.has(birth.value)) return false;
  let ends = 0;
  for (const step of steps.slice(start + 1)) {
    if (!step.inputs.some((input) => reached.has(input))) continue;
    const own = new Set<number>();
    for (let i = 0; i < count(step.output.dims); i += 1) {
      if (!Number.isNaN(step.output.data[i])) continue;
      step.reads(i, (slot, from) => {
        if (reached.get(step.inputs[slot]!)?.has(from) === true) own.add(i);
      });
    }
    if (own.size > 0) {
      if (outputs.has(step.value)) return false;
      const here = cellsOf(step.value);
      for (const element of own) if (!here.of(element).every((cell) => cells.holds(born, here, cell))) return false;
      reached.set(step.value, own);
    } else if (step.op === 'Where' && testsForNaN(model, step.inputs[0]!)) ends += 1;
    else if (step.op !== 'IsNaN' && !testsForNaN(model, step.value)) return false;
  }
  return ends > 0;
}

function testsForNaN(model: ModelProto, value: string): boolean {
  const node = model.graph!.node.find((entry) => entry.output.includes(value));
  if (!node) return false;
  if (node.opType === 'IsNaN') return true;
  return (
    ['Not', 'Cast', 'And', 'Or', 'Unsqueeze', 'Expand'].includes(node.opType) &&
    node.input.some((input) => testsForNaN(model, input))
  );
}
