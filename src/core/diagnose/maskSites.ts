/**
 * Every attention of a graph with its masks, written out or fused, so that the masks can be read without anything
 * else being run: those of fused nodes are written out and appended to the graph.
 */
import type { ModelProto, NodeProto, TensorProto } from 'onnx-buf';
import type { AxesOfGraph } from '../onnx/axes/infer';
import { cachedOperands } from '../onnx/axes/rules/attention';
import type { TensorAxes } from '../onnx/axes/types';
import { batchPlace, positionPlace } from '../onnx/axes/types';
import { altered } from '../onnx/altered';
import type { Around } from '../onnx/expand/index';
import { isStandard, masksOf } from '../onnx/expand/index';
import type { Graph, GraphNode } from '../onnx/graph';
import { graphOf } from '../onnx/graph';
import { Names } from '../onnx/names';
import { splice } from '../onnx/splice';
import type { AttentionSite } from './attentionSites';
import { fusedOps } from './census';
import type { MaskedRows } from './maskLevels';
import type { PlaneAxis } from './maskPlane';
import { planeAxes } from './maskPlane';
import { uniform } from './rows/maskParts';

export interface SiteMask {
  readonly value: string;
  readonly kind: 'add' | 'where';
  readonly keepWhen: boolean;
  readonly fill: number;
}

export interface MaskSite {
  /** The Softmax, or the fused node. */
  readonly node: GraphNode;
  readonly fused: boolean;
  /** The kernel gives 0 for a row that is masked throughout. */
  readonly zeroRows: boolean;
  /** Of the scores. */
  readonly dtype: string;
  /** In the order in which the scores meet them. */
  readonly masks: readonly SiteMask[];
  readonly axes: readonly PlaneAxis[];
  /** Sequences that queries and keys are positions of. */
  readonly sequences: { readonly query: number; readonly key: number };
  /** What is read as queries, keys and values; null where that is not told. */
  readonly operands: {
    readonly query: string;
    /** New ones, and the past before them. */
    readonly keys: readonly string[];
    readonly values: readonly string[];
  } | null;
  /** Half a sentence on why the masks cannot be read; then there are none. */
  readonly reason: string | null;
}

export interface MaskSites {
  /** The graph, and the masks of fused nodes beside it. */
  readonly model: ModelProto;
  /** In the graph's order. */
  readonly sites: readonly MaskSite[];
}

/** A fused attention and what its masks leave of each row. */
export interface FusedMasks {
  readonly site: MaskSite;
  readonly rows: MaskedRows;
}

export interface MaskFacts extends Around {
  readonly graph: Graph;
  readonly axes: AxesOfGraph;
  readonly sites: readonly AttentionSite[];
}

export function maskSites(facts: MaskFacts): MaskSites {
  const fused = facts.graph.nodes.filter((node) => fusedOps.has(node.op));
  const writer = new MaskWriter(facts);
  const sites = [
    ...facts.sites.map((site) => eagerSite(facts, site)),
    ...fused.map((node) => fusedSite(facts, node, writer)),
  ];
  return { model: writer.model(), sites: sites.sort((a, b) => a.node.index - b.node.index) };
}

const none: Pick<MaskSite, 'masks' | 'axes' | 'sequences' | 'operands'> = {
  masks: [],
  axes: [],
  sequences: { query: 0, key: 0 },
  operands: null,
};

function eagerSite(facts: MaskFacts, site: AttentionSite): MaskSite {
  const { softmax } = site;
  const scores = softmax.inputs[0] ?? '';
  const base = { node: softmax, fused: false, zeroRows: false, dtype: facts.dtype(scores) ?? 'float32' };
  const own = facts.axes.of(scores);
  const shape = facts.shape(scores);
  const axes = own && shape ? planeAxes(own, shape) : null;
  if (!own || !axes || !hasRole(axes, 'key'))
    return { ...base, ...none, reason: 'which axis of the scores counts keys is not known' };
  const masks: SiteMask[] = [];
  for (const { mask, kind, keepWhen, fill } of site.masks) {
    const filled = fill === null ? 0 : uniform(facts.graph, fill);
    if (filled === null) return { ...base, ...none, reason: 'what its mask puts in the place of scores is not known' };
    masks.push({ value: mask, kind, keepWhen, fill: filled });
  }
  return { ...base, masks, axes, sequences: sequencesOf(own), operands: null, reason: null };
}

const hasRole = (axes: readonly PlaneAxis[], role: string): boolean =>
  axes.some((axis) => axis.factors.some((factor) => factor.role === role));

function sequencesOf(axes: TensorAxes): MaskSite['sequences'] {
  const factors = axes.flat().filter((factor) => factor.kind === 'position');
  const query = factors.find((factor) => !factor.key)?.sequence ?? 0;
  return { query, key: factors.find((factor) => factor.key)?.sequence ?? query };
}

function fusedSite(facts: MaskFacts, node: GraphNode, writer: MaskWriter): MaskSite {
  const zeroRows = isStandard(node) || node.op === 'GroupQueryAttention';
  const base = { node, fused: true, zeroRows, dtype: facts.dtype(node.inputs[0] ?? '') ?? 'float32' };
  const query = node.inputs[0] ?? '';
  // Packed operands are told by the one input that they come in.
  const key = isPacked(node) ? query : (node.inputs[1] ?? '');
  const own = facts.axes.of(query);
  if (!own || !batchPlace(own) || !positionPlace(own))
    return { ...base, ...none, reason: 'which axis of its queries counts positions is not known' };
  const written = writer.masksOf(node);
  if (typeof written === 'string') return { ...base, ...none, reason: written };
  const [samples, heads, queries, keys] = written.scores;
  const positions = positionPlace(own)?.factor.positions ?? null;
  const axes = (['sample', 'head', 'query', 'key'] as const).map((role, i): PlaneAxis => {
    const size = [samples, heads, queries, keys][i] ?? 1;
    const placed = role === 'query' && positions?.length === size && positions.every((position) => position >= 0);
    return { factors: [placed ? { size, role, positions: Array.from(positions) } : { size, role }] };
  });
  const keyAxes = facts.axes.of(key);
  return {
    ...base,
    masks: written.masks.map((value) => ({ value, kind: 'add', keepWhen: true, fill: 0 })),
    axes,
    sequences: {
      query: positionPlace(own)?.factor.sequence ?? 0,
      key: (keyAxes && positionPlace(keyAxes)?.factor.sequence) ?? positionPlace(own)?.factor.sequence ?? 0,
    },
    operands: {
      query,
      keys: [key, ...pastOf(node, 1)],
      values: [isPacked(node) ? query : (node.inputs[2] ?? ''), ...pastOf(node, 2)],
    },
    reason: null,
  };
}

const pastOf = (node: GraphNode, fresh: number): string[] =>
  cachedOperands(node)
    .filter((own) => own.fresh === fresh)
    .flatMap(({ past }) => node.inputs[past] ?? [])
    .filter((input) => input !== '');

/** Its first input holds queries, keys and values. */
const isPacked = (node: GraphNode): boolean =>
  (node.op === 'Attention' && !isStandard(node)) || (node.inputs[1] ?? '') === '';

interface Written {
  readonly masks: readonly string[];
  readonly scores: readonly [number, number, number, number];
}

/** Places of an operator's inputs that its mask is made of. */
function maskInputs(node: GraphNode): string[] {
  const slots = isStandard(node) ? [3, 4, 6] : node.op === 'Attention' ? [3, 5] : [3, 4, 5, 10];
  const own = node.op === 'MultiHeadAttention' ? [4, 5] : slots;
  return own.map((slot) => node.inputs[slot] ?? '');
}

class MaskWriter {
  private readonly nodes: NodeProto[] = [];
  private readonly initializers: TensorProto[] = [];
  private readonly known = new Map<string, Written | string>();
  private names: Names | null = null;

  constructor(private readonly facts: MaskFacts) {}

  /** Layers that read the same masks share what is written for them. */
  masksOf(node: GraphNode): Written | string {
    const attributes = node.proto.attribute.map(({ name, i, f }) => [name, String(i), String(f)]);
    // A past lengthens the keys.
    const sized = [...node.inputs.slice(0, 3), ...pastOf(node, 1)];
    const sizes = sized.map((input) => this.facts.shape(input));
    // What is "the lowest number" depends on the type.
    const dtype = this.facts.dtype(node.inputs[0] ?? '');
    const key = JSON.stringify([node.op, node.domain, dtype, attributes, maskInputs(node), sizes]);
    const before = this.known.get(key);
    if (before !== undefined) return before;
    const made = this.write(node);
    this.known.set(key, made);
    return made;
  }

  private write(node: GraphNode): Written | string {
    const expansion = masksOf(node, this.facts);
    if (expansion === null) return `the masks of ${node.op} are not known`;
    if (typeof expansion === 'string') return expansion;
    this.names ??= Names.of(this.facts.graph.model);
    const body = { ...expansion, outputs: expansion.masks };
    const spliced = splice({ body, inputs: node.inputs, outputs: null, path: node.name, names: this.names });
    this.nodes.push(...spliced.nodes);
    this.initializers.push(...spliced.initializers);
    return { masks: spliced.outputs, scores: expansion.scores };
  }

  model(): ModelProto {
    const { model } = this.facts.graph;
    if (this.nodes.length === 0) return model;
    const own = graphOf(model);
    return altered(model, {
      graph: altered(own, {
        node: [...own.node, ...this.nodes],
        initializer: [...own.initializer, ...this.initializers],
      }),
    });
  }
}
