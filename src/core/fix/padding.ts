/** Who is padding, computed in the graph from the inputs that say so, in the layout of the value that it is for. */
import type { MaskReading } from '../batch/maskReading';
import { maskedBelow } from '../diagnose/maskPlane';
import type { Axis, Factor } from '../onnx/axes/types';
import { batchPlace, positionPlace } from '../onnx/axes/types';
import { isFloat } from '../probe/instrument';
import type { EditPlan } from './editPlan';
import type { NodeBlock } from './nodeBlock';
import type { FixContext } from './types';

/** "To the end" of a slice. */
const toTheEnd = Number.MAX_SAFE_INTEGER;

const strength = ['asked', 'path', 'name'];

/** The reading that counts: what was asked for, else effects on the scores, else names; masks before ids. */
function readingFor(readings: readonly MaskReading[], sequence: number): MaskReading | null {
  const rank = (reading: MaskReading): number =>
    strength.indexOf(reading.by) * 4 + (reading.form === 'ids' ? 2 : 0) + (reading.perQuery ? 1 : 0);
  const own = readings.filter((reading) => reading.sequence === sequence);
  return own.sort((a, b) => rank(a) - rank(b))[0] ?? null;
}

interface Flags {
  /** bool, true = real: [batch, position], or [position] where the mask has no batch axis. */
  readonly value: string;
  readonly batch: boolean;
  readonly positions: number;
  /** Where they are some positions only: which. */
  readonly held: readonly number[] | null;
  readonly input: string;
}

export class Padding {
  private readonly flags = new Map<number, Flags | string>();
  private readonly parts = new Map<string, Flags | string>();
  private readonly laidOut = new Map<string, string>();
  /** Inputs that were asked. */
  readonly inputs = new Set<string>();

  constructor(
    private readonly context: FixContext,
    private readonly plan: EditPlan,
  ) {}

  /**
   * Flags that broadcast against a value, true = real. They are made of the graph's inputs alone, before its first
   * node.
   *
   * @returns `flags`, or half a sentence on why there are none.
   */
  onto(value: string): { readonly flags: string } | { readonly reason: string } {
    const axes = this.context.axes.of(value);
    const position = axes ? positionPlace(axes) : null;
    const batch = axes ? batchPlace(axes) : null;
    if (!axes || position?.factor.kind !== 'position')
      return { reason: `which axis of ${value} counts positions is not known` };
    const all = this.ofSequence(position.factor.sequence);
    if (typeof all === 'string') return { reason: all };
    const flags = this.ofPositions(all, position.factor, value);
    if (typeof flags === 'string') return { reason: flags };
    if (flags.positions !== position.factor.size)
      return {
        reason: `${flags.input} tells of ${String(flags.positions)} positions and ${value} has ${String(position.factor.size)} (a cache of keys, say)`,
      };
    if (flags.batch && (batch?.factor.kind !== 'batch' || batch.factor.samples !== null))
      return { reason: `which axis of ${value} counts samples is not known` };
    const known = `${flags.value} ${String(axes.length)} ${JSON.stringify([batch, position])}`;
    const before = this.laidOut.get(known);
    if (before !== undefined) return { flags: before };
    const block = this.plan.block();
    const own = layOut(block, flags, axes, flags.batch ? (batch?.axis ?? null) : null, position.axis);
    if (own === null)
      return { reason: `batch and positions of ${value} are merged in a way that this fix does not know` };
    this.plan.insert(0, block);
    this.laidOut.set(known, own);
    return { flags: own };
  }

  /** Flags of those positions that a value has: the new tokens behind a past, or the past. */
  private ofPositions(all: Flags, { positions, sequence }: Factor, value: string): Flags | string {
    if (positions === null)
      return all.held === null ? all : `${all.input} tells of the new tokens only, and ${value} holds the past too`;
    const own = Array.from(positions);
    const key = `${String(sequence)} ${own.join()}`;
    if (all.held?.join() === own.join()) return all;
    const known = this.parts.get(key);
    if (known !== undefined) return known;
    const made = all.held === null ? this.part(all, own) : null;
    const part = made ?? `${value} holds some of the positions only`;
    this.parts.set(key, part);
    return part;
  }

  /** Other steps have other lengths: how many there are is read from an input that has the same positions. */
  private part(all: Flags, own: readonly number[]): Flags | null {
    const { context, plan } = this;
    const first = own[0] ?? 0;
    const last = own.at(-1) ?? -1;
    const atEnd = last === all.positions - 1;
    if ((first !== 0 && !atEnd) || own.some((position, i) => position !== first + i) || context.graph.opset < 10)
      return null;
    const same = this.inputWith(own);
    if (!same) return null;
    const block = plan.block();
    const count = block.op('Gather', [block.op('Shape', [same.input]), block.ints([same.axis])]);
    const [start, end] = atEnd ? [block.op('Neg', [count]), block.ints([toTheEnd])] : [block.ints([0]), count];
    const value = block.op('Slice', [all.value, start, end, block.ints([all.batch ? 1 : 0])]);
    plan.insert(0, block);
    return { ...all, value, positions: own.length, held: own };
  }

  private inputWith(own: readonly number[]): { readonly input: string; readonly axis: number } | null {
    const { graph, axes } = this.context;
    for (const input of graph.inputs) {
      for (const [axis, factors] of (axes.of(input) ?? []).entries()) {
        const [factor] = factors;
        if (factors.length === 1 && factor?.kind === 'position' && factor.positions?.join() === own.join())
          return { input, axis };
      }
    }
    return null;
  }

  private ofSequence(sequence: number): Flags | string {
    const known = this.flags.get(sequence);
    if (known !== undefined) return known;
    const made = this.make(sequence);
    this.flags.set(sequence, made);
    return made;
  }

  private make(sequence: number): Flags | string {
    const { context, plan } = this;
    const reading = readingFor(context.padding, sequence);
    if (!reading) return 'no input of the model is known to say what is padding. Say it with --mask NAME[:inverted]';
    const { input, axes } = reading;
    const own = context.shape(input);
    const dtype = context.dtype(input);
    if (!own || dtype === null) return `the shape of ${input} is not known`;
    const block = plan.block();
    const pads = padElements(block, reading, dtype, context.graph.opset);
    if (pads === null) return `comparing floats as ${input} needs it came with opset 11`;
    const others = own.map((_, axis) => axis).filter((axis) => axis !== axes.batch && axis !== axes.position);
    // A key is real where some query, in some head, may see it.
    let flags = block.op('Not', [others.length > 0 ? block.every(pads, others) : pads]);
    flags = block.squeeze(flags, others);
    if (axes.batch > axes.position) flags = block.op('Transpose', [flags], { perm: [1, 0] });
    plan.insert(0, block);
    this.inputs.add(input);
    const held = reading.held ?? null;
    return { value: flags, batch: axes.batch >= 0, positions: own[axes.position] ?? 0, held, input };
  }
}

/** True where an element of the mask input says padding. */
function padElements(block: NodeBlock, reading: MaskReading, dtype: string, opset: number): string | null {
  const { input, form, real, padId = 0, offValues } = reading;
  if (form === 'additive') return block.op('Less', [input, block.scalar(dtype, maskedBelow)]);
  if (form === 'flag' && (offValues === undefined || offValues.size === 0) && real === 1) return block.isZero(input);
  const off = form === 'ids' ? [padId] : [1 - real, ...(offValues ?? [])];
  if (isFloat(dtype) && opset < 11) return null;
  const [elements, type] = isFloat(dtype) ? [input, dtype] : [block.cast(input, 'int64'), 'int64'];
  const equal = off.map((value) => block.op('Equal', [elements, block.scalar(type, value)]));
  return equal.reduce((all, one) => block.op('Or', [all, one]));
}

/** [batch, position] flags in the layout of a value with these axes; null where its factors are merged otherwise. */
function layOut(
  block: NodeBlock,
  { value }: Flags,
  axes: readonly Axis[],
  batch: number | null,
  position: number,
): string | null {
  const rank = axes.length;
  const others = (...kept: number[]): number[] => axes.map((_, axis) => axis).filter((axis) => !kept.includes(axis));
  const kinds = (axis: number): string => axes[axis]?.map(({ kind }) => kind).join(' ') ?? '';
  if (kinds(position) === 'position') {
    if (batch === null) return block.unsqueeze(value, others(position));
    const spread = spreadBatch(block, value, axes[batch] ?? []);
    if (spread === null) return null;
    const ordered = batch < position ? spread : block.op('Transpose', [spread], { perm: [1, 0] });
    return block.unsqueeze(ordered, others(batch, position));
  }
  if (batch !== position) return null;
  const merged = kinds(position);
  if (merged !== 'batch position' && merged !== 'position batch') return null;
  const ordered = merged === 'batch position' ? value : block.op('Transpose', [value], { perm: [1, 0] });
  const shape = Array.from({ length: rank }, (_, axis) => (axis === position ? -1 : 1));
  return block.op('Reshape', [ordered, block.ints(shape)]);
}

/** [batch, position] repeated for the heads that an axis merges with the batch. */
function spreadBatch(block: NodeBlock, value: string, axis: Axis): string | null {
  const [first, second] = axis;
  if (axis.length === 1) return value;
  if (axis.length !== 2 || !first || !second) return null;
  const heads = first.kind === 'batch' ? second : first;
  if (heads.kind !== 'other') return null;
  const inner = first.kind === 'batch';
  const repeats = inner ? [1, heads.size, 1] : [heads.size, 1, 1];
  // Expand takes no bool before opset 13 in the engine; a product with ones would do the same.
  const apart = block.unsqueeze(block.cast(value, 'float32'), [inner ? 1 : 0]);
  const expanded = block.op('Expand', [apart, block.ints(repeats)]);
  return block.cast(
    block.op('Reshape', [expanded, block.op('Concat', [block.ints([-1]), lastSize(block, value)], { axis: 0 })]),
    'bool',
  );
}

const lastSize = (block: NodeBlock, value: string): string =>
  block.op('Gather', [block.op('Shape', [value]), block.ints([1])]);
