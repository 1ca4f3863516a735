/** From the edits of a fix to the places to show: blocks with their neighbours, and those that are alike told once. */
import type { Graph, GraphNode } from '../onnx/graph';
import { modulePath } from '../trace/modules';
import { nodePlaces } from '../trace/places';
import { formatRanges } from '../trace/ranges';
import type { Block } from './blocks';
import { blocksOf, groupedBy } from './blocks';
import type { Comparison, Pair } from './compare';
import { compare, idOf } from './compare';
import { attributesOf, valueOf } from './describe';
import type { PreviewGraph, PreviewNode, PreviewPlace, PreviewSame } from './types';

export interface PreviewFacts {
  /** Of values of the graph before. */
  dtype(value: string): string | null;
  shape(value: string): readonly number[] | null;
}

/** Neighbours on one side of a block beyond which the rest is counted. */
const mostNeighbours = 6;

const none: PreviewSame = { count: 0, layers: '' };

export function previewPlaces(before: Graph, after: Graph, facts: PreviewFacts): PreviewPlace[] {
  const comparison = compare(before, after);
  const places = nodePlaces(before);
  const layerOf = (pair: Pair): number | null => (pair.before ? places.of(pair.before).layer : null);
  const shown = blocksOf(comparison).map((block) => new Shown(block, comparison, before, after, facts, layerOf));
  const order = new Map([...comparison.pairs.values()].map((pair, i) => [pair, i]));
  const at = (one: Shown): number => Math.min(...one.core.map((pair) => order.get(pair) ?? 0));
  const groups = groupedBy(
    shown.sort((a, b) => at(a) - at(b)),
    (one) => one.signature(),
  );
  return [...groups.values()].flatMap(([first, ...others]) =>
    first ? [first.place(sameAs(others.map((other) => other.layer)))] : [],
  );
}

function sameAs(layers: readonly (number | null)[]): PreviewSame {
  const known = new Set(layers.filter((layer) => layer !== null));
  return { count: layers.length, layers: formatRanges(Math.max(-1, ...known) + 1, (layer) => known.has(layer)) };
}

class Shown {
  readonly core: readonly Pair[];
  /** The block, who makes what it reads, and who reads what it makes. */
  private readonly all: readonly Pair[];
  private readonly region: readonly { readonly pair: Pair; readonly more: PreviewSame }[];

  constructor(
    block: Block,
    private readonly comparison: Comparison,
    private readonly before: Graph,
    private readonly after: Graph,
    private readonly facts: PreviewFacts,
    private readonly layerOf: (pair: Pair) => number | null,
  ) {
    this.core = block.core;
    const inside = new Set([...block.core, ...block.readers]);
    const makers = new Set<Pair>();
    const users = new Set<Pair>();
    for (const pair of [...block.core, ...block.readers.slice(0, 1)]) {
      for (const value of pair.before?.inputs ?? []) this.add(makers, inside, comparison.madeBefore(value));
      for (const value of pair.after?.inputs ?? []) this.add(makers, inside, comparison.madeAfter(value));
    }
    for (const pair of [...block.core, ...block.readers.slice(0, 1)]) {
      for (const [graph, node] of [
        [before, pair.before],
        [after, pair.after],
      ] as const) {
        const made = graph === before ? comparison.madeBefore : comparison.madeAfter;
        for (const reader of (node?.outputs ?? []).flatMap((value) => graph.consumers.get(value) ?? []))
          this.add(users, inside, made(idOf(reader)));
      }
    }
    for (const pair of makers) users.delete(pair);
    this.all = [...makers, ...inside, ...users];
    const alone = (pairs: Iterable<Pair>): { pair: Pair; more: PreviewSame }[] =>
      [...pairs].slice(0, mostNeighbours).map((pair) => ({ pair, more: none }));
    this.region = [
      ...alone(makers),
      ...block.core.map((pair) => ({ pair, more: none })),
      ...collapsed(block.readers, (pair) => `${opOf(pair)} ${pair.changes.join()}`, layerOf),
      ...collapsed([...users], (pair) => `${pair.state} ${opOf(pair)}`, layerOf).slice(0, mostNeighbours),
    ].sort((a, b) => placeIn(a.pair) - placeIn(b.pair));
  }

  /** Constants are told with their readers, not as nodes. */
  private add(to: Set<Pair>, inside: ReadonlySet<Pair>, pair: Pair | undefined): void {
    if (pair && !inside.has(pair) && opOf(pair) !== 'Constant') to.add(pair);
  }

  /** The one layer that all of it is in, as far as the nodes of the model tell. */
  get layer(): number | null {
    const known = this.all.filter(({ before }) => before);
    const own = known.filter((pair) => this.core.includes(pair));
    const [layer = null, ...others] = new Set((own.length > 0 ? own : known).map(this.layerOf));
    return others.length === 0 ? layer : null;
  }

  /** Alike, whatever things are called. */
  signature(): string {
    const index = new Map(this.region.map(({ pair }, i) => [pair.id, i]));
    const graphs = [this.graph('before'), this.graph('after')];
    return JSON.stringify(
      graphs.map(({ nodes }) =>
        nodes.map((node) => [
          node.state,
          node.op,
          node.attributes,
          node.changes.length,
          node.more.count,
          node.inputs.map((value) => (value.node === null ? [value.from, value.text] : index.get(value.node))),
        ]),
      ),
    );
  }

  place(same: PreviewSame): PreviewPlace {
    const node = this.core.find(({ before }) => before)?.before ?? this.all.find(({ before }) => before)?.before;
    // What reads nothing but inputs stands at the inputs.
    const read = this.core
      .flatMap(({ after }) => after?.inputs ?? [])
      .find((name) => this.before.inputs.includes(name));
    return {
      label: node ? labelOf(this.before, node) : (read ?? 'added once'),
      layer: this.layer,
      same,
      before: this.graph('before'),
      after: this.graph('after'),
    };
  }

  private graph(side: 'before' | 'after'): PreviewGraph {
    const present = new Set(this.region.flatMap(({ pair }) => (pair[side] ? [pair.id] : [])));
    const made = side === 'before' ? this.comparison.madeBefore : this.comparison.madeAfter;
    const graph = side === 'before' ? this.before : this.after;
    const value = (name: string): PreviewNode['inputs'][number] => {
      const maker = made(name);
      const known =
        this.before.producer.has(name) || this.before.inputs.includes(name) || this.before.isInitializer(name);
      return {
        ...valueOf(graph, name),
        node: maker && present.has(maker.id) ? maker.id : null,
        dtype: known ? this.facts.dtype(name) : null,
        shape: known ? this.facts.shape(name) : null,
      };
    };
    return {
      nodes: this.region.flatMap(({ pair, more }): PreviewNode[] => {
        const node = pair[side];
        if (!node || node.op === 'Constant') return [];
        return [
          {
            id: pair.id,
            name: node.name,
            op: node.domain === '' ? node.op : `${node.domain}.${node.op}`,
            state: pair.state,
            layer: this.layerOf(pair),
            inputs: node.inputs.map(value),
            outputs: node.outputs.filter((name) => name !== '').map(value),
            attributes: attributesOf(node),
            changes: side === 'after' ? pair.changes : [],
            more,
          },
        ];
      }),
    };
  }
}

const opOf = (pair: Pair): string => (pair.after ?? pair.before)?.op ?? '';

/** Places in the graph after count; what is removed stands where it stood. */
const placeIn = (pair: Pair): number => (pair.after ?? pair.before)?.index ?? 0;

function collapsed(
  pairs: readonly Pair[],
  keyOf: (pair: Pair) => string,
  layerOf: (pair: Pair) => number | null,
): { readonly pair: Pair; readonly more: PreviewSame }[] {
  return [...groupedBy(pairs, keyOf).values()].flatMap(([first, ...others]) =>
    first ? [{ pair: first, more: others.length > 0 ? sameAs(others.map(layerOf)) : none }] : [],
  );
}

function labelOf(graph: Graph, node: GraphNode): string {
  const { module } = nodePlaces(graph).of(node);
  return module !== '' ? module : modulePath(node.name).join('.') || node.name;
}
