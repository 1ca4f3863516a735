/**
 * What the masks of an attention say together, computed in the graph: which keys are masked for a query, and which
 * rows are masked throughout. Decided from the masks, never from NaN, and never from scores where that can be avoided.
 */
import type { AttentionSite } from '../diagnose/attentionSites';
import { maskedBelow } from '../diagnose/maskPlane';
import { uniform } from '../diagnose/rows/maskParts';
import type { TensorAxes } from '../onnx/axes/types';
import { keyPlace, positionPlace } from '../onnx/axes/types';
import type { GraphNode } from '../onnx/graph';
import { intAttribute } from '../onnx/graph';
import type { EditPlan, Reader } from './editPlan';
import { dtypeOf, shapeOf } from './facts';
import type { FixContext } from './types';

/** One mask on the way of scores into their softmax. */
export interface MaskTerm {
  readonly value: string;
  /** `add`: very low where masked. `where`: scores are kept where it is `keepWhen`. */
  readonly kind: 'add' | 'where';
  readonly keepWhen: boolean;
  /** Of `where`: what stands in the place of masked scores. */
  readonly fill: string | null;
  readonly reader: Reader;
}

/** A value that new nodes make, there from the place `at` of the unedited model on. */
export interface Made {
  readonly value: string;
  readonly at: number;
}

/** Axes counted from the end, as masks are broadcast against scores from there. */
export interface ScoreAxes {
  readonly query: number | null;
  readonly key: number;
}

export function maskTerms(site: AttentionSite): MaskTerm[] {
  return site.masks.map(({ node, kind, mask, keepWhen, fill }) => ({
    value: mask,
    kind,
    keepWhen,
    fill,
    reader: { node: node.outputs[0] ?? '', slot: node.inputs.indexOf(mask) },
  }));
}

/** Axes of the scores that a softmax reads; null where the axis that it runs over is not known to be one of keys. */
export function scoreAxes(context: FixContext, softmax: GraphNode): ScoreAxes | null {
  const axes = context.axes.of(softmax.inputs[0] ?? '');
  if (!axes) return null;
  const given = intAttribute(softmax, 'axis', context.graph.opset < 13 ? 1 : -1);
  const own = given < 0 ? given + axes.length : given;
  // Before opset 13 everything from `axis` on was one row, which is the same where it is the last one.
  const isRow = context.graph.opset >= 13 || own === axes.length - 1;
  return axesWithKey(axes, keyPlace(axes)?.axis ?? (isRow ? own : null));
}

function axesWithKey(axes: TensorAxes, key: number | null): ScoreAxes | null {
  if (key === null) return null;
  const query = positionPlace(axes);
  return {
    key: key - axes.length,
    query: query && !query.factor.key && query.axis !== key ? query.axis - axes.length : null,
  };
}

export interface MaskLayout {
  /** The scores behind the last mask. */
  readonly masked: string;
  readonly axes: ScoreAxes;
  /** It is the layout of the softmax too; heads may be merged with the batch between. */
  readonly ofSoftmax: boolean;
}

/** The one layout in which every mask of an attention meets the scores, so that all of them broadcast; null for none. */
export function maskLayout(context: FixContext, site: AttentionSite): MaskLayout | null {
  const outputs = site.masks.map(({ node }) => node.outputs[0] ?? '');
  const shapes = new Set(outputs.map((value) => context.shape(value)?.join()));
  const masked = outputs.at(-1);
  const [shape] = shapes;
  if (masked === undefined || shapes.size !== 1 || shape === undefined) return null;
  const ofSoftmax = context.shape(site.softmax.inputs[0] ?? '')?.join() === shape;
  const own = context.axes.of(masked);
  const axes = ofSoftmax ? scoreAxes(context, site.softmax) : own && axesWithKey(own, keyPlace(own)?.axis ?? null);
  return axes ? { masked, axes, ofSoftmax } : null;
}

/** Flags of masks, each made once however many layers share the mask. */
export class MaskFlags {
  private readonly known = new Map<string, Made>();

  constructor(
    private readonly context: FixContext,
    private readonly plan: EditPlan,
  ) {}

  /** True where a key is masked for a query; broadcasts to the scores. Null where no term masks at all. */
  blocked(terms: readonly MaskTerm[]): Made | null {
    const { plan } = this;
    const flags = terms.flatMap((term) => this.term(term) ?? []);
    return flags.reduce<Made | null>((all, one) => {
      if (all === null || all.value === one.value) return one;
      return this.once(`or ${all.value} ${one.value}`, Math.max(all.at, one.at), (at) => {
        const block = plan.block();
        const value = block.op('Or', [all.value, one.value]);
        plan.insert(at, block);
        return value;
      });
    }, null);
  }

  /** True for a query whose every key is masked; the key axis is kept, with size 1. A reason where that is not told. */
  fullRows(terms: readonly MaskTerm[], axes: ScoreAxes): Made | string {
    return this.throughout(terms, axes.key, 'keys');
  }

  /** True for a key that is masked for every query; the query axis is kept, with size 1. */
  deadKeys(terms: readonly MaskTerm[], axes: ScoreAxes): Made | string {
    if (axes.query === null) return 'which axis of the scores counts queries is not known';
    return this.throughout(terms, axes.query, 'queries');
  }

  private throughout(terms: readonly MaskTerm[], axis: number, what: string): Made | string {
    const blocked = this.blocked(terms);
    if (!blocked) return 'none of its masks removes a key';
    const rank = Math.max(...terms.map(({ value }) => shapeOf(this.context, value)?.length ?? 0));
    // A mask without that axis says the same along it.
    if (rank < -axis) return what === 'queries' ? blocked : `its mask has no axis of ${what}`;
    return this.once(`every ${blocked.value} ${String(axis)}`, blocked.at, (at) => {
      const block = this.plan.block();
      const value = block.every(blocked.value, [axis]);
      this.plan.insert(at, block);
      return value;
    });
  }

  private term(term: MaskTerm): Made | null {
    const { context, plan } = this;
    const { value, kind, keepWhen, fill } = term;
    const number = fill === null ? null : uniform(context.graph, fill);
    // What is put in the place of scores need not be a mask.
    if (kind === 'where' && number !== null && !(number < maskedBelow)) return null;
    const sources = kind === 'where' && number === null && fill !== null ? [value, fill] : [value];
    const at = Math.max(...sources.map((source) => context.graph.producer.get(source)?.index ?? -1)) + 1;
    if (kind === 'where' && !keepWhen && sources.length === 1) return { value, at };
    return this.once(`${kind} ${String(keepWhen)} ${sources.join(' ')}`, at, () => {
      const block = plan.block();
      const low = (source: string): string =>
        block.op('Less', [source, block.scalar(dtypeOf(context, source), maskedBelow)]);
      let flags = kind === 'add' ? low(value) : keepWhen ? block.op('Not', [value]) : value;
      if (sources[1] !== undefined) flags = block.op('And', [flags, low(sources[1])]);
      plan.insert(at, block);
      return flags;
    });
  }

  private once(key: string, at: number, make: (at: number) => string): Made {
    const known = this.known.get(key);
    if (known) return known;
    const made = { value: make(at), at };
    this.known.set(key, made);
    return made;
  }
}
