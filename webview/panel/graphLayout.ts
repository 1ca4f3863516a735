/**
 * Where the nodes of a preview stand: boxes for nodes, pills for what comes from or goes to places that are not shown.
 * Pure: text in, coordinates out (CSS pixels). Names are untrusted, so the layout works with numbers in their place.
 */
import { Graph, layout } from '@dagrejs/dagre';
import { visible } from '../../src/app/render/text';
import type { PreviewGraph, PreviewNode, PreviewState, PreviewValue } from '../../src/core/preview/types';

export interface Box {
  readonly kind: 'node' | 'source' | 'target';
  readonly state: PreviewState;
  /** Top left corner. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  /** A second line; `''` where there is none. */
  readonly detail: string;
  /** Everything, for whoever points at it. */
  readonly tip: string;
}
export interface Line {
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** One of its ends is new, or gone. */
  readonly state: PreviewState;
}
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
}

/** Width of a character at the sizes of the style sheet; boxes are a little wide rather than too narrow. */
const titleChar = 7.4;
const detailChar = 6.4;
const mostChars = 30;
const padding = 10;
const marks: Readonly<Record<PreviewState, string>> = { kept: '', added: '+ ', removed: '− ', changed: '~ ' };

interface Planned extends Omit<Box, 'x' | 'y'> {
  readonly from: readonly number[];
}

/** @param shorten names without what all of a place's names begin with */
export function draw(graph: PreviewGraph, shorten: (name: string) => string): Drawing {
  const planned = plan(graph, shorten);
  const laid = new Graph().setGraph({ rankdir: 'TB', nodesep: 14, ranksep: 24, marginx: 2, marginy: 2 });
  laid.setDefaultEdgeLabel(() => ({}));
  planned.forEach(({ width, height }, i) => {
    laid.setNode(String(i), { width, height });
  });
  planned.forEach(({ from }, to) => {
    for (const source of from) laid.setEdge(String(source), String(to), {});
  });
  layout(laid);
  const boxes = planned.map(({ from: _, ...box }, i): Box => {
    const { x, y } = laid.node(String(i)) as { x: number; y: number };
    return { ...box, x: x - box.width / 2, y: y - box.height / 2 };
  });
  const lines = laid.edges().map(({ v, w }): Line => {
    const states = [boxes[Number(v)], boxes[Number(w)]].map((box) => box?.state ?? 'kept');
    const state = states.find((one) => one === 'added' || one === 'removed') ?? 'kept';
    const { points = [] } = laid.edge(v, w) as { points?: Line['points'] };
    return { points, state };
  });
  const { width = 0, height = 0 } = laid.graph() as { width?: number; height?: number };
  return { width, height, boxes, lines };
}

function plan({ nodes }: PreviewGraph, shorten: (name: string) => string): Planned[] {
  const planned: Planned[] = [];
  const placeOfNode = new Map<string, number>();
  const placeOfSource = new Map<string, number>();
  const read = new Set(
    nodes.flatMap(({ inputs }) => inputs.flatMap(({ name, node }) => (node === null ? [] : [name]))),
  );
  const source = (value: PreviewValue): number => {
    const known = placeOfSource.get(value.name);
    if (known !== undefined) return known;
    const words = { input: 'graph input', weight: 'weight', constant: 'constant', node: '', omitted: '' }[value.from];
    planned.push(pill('source', shorten(value.name), words, tipOf(value)));
    placeOfSource.set(value.name, planned.length - 1);
    return planned.length - 1;
  };
  for (const node of nodes) {
    const from = node.inputs.flatMap((value) => {
      // Short constants stand in the box that reads them.
      if (value.from === 'omitted' || (value.node === null && value.text !== null)) return [];
      return value.node === null ? [source(value)] : (placeOfNode.get(value.node) ?? []);
    });
    planned.push({ ...boxOf(node), from: [...new Set(from)] });
    const at = planned.length - 1;
    placeOfNode.set(node.id, at);
    for (const value of node.outputs) {
      if (value.name !== '' && !read.has(value.name)) {
        const words = value.isOutput ? 'graph output' : '';
        planned.push({ ...pill('target', shorten(value.name), words, tipOf(value)), from: [at] });
      }
    }
  }
  return planned;
}

function boxOf(node: PreviewNode): Omit<Planned, 'from'> {
  const title = cut(`${marks[node.state]}${visible(node.op)}`);
  const constants = node.inputs.flatMap(({ node: by, text }) => (by === null && text !== null ? [text] : []));
  const detail = cut(visible([...node.attributes, ...constants].join('  ')));
  return {
    kind: 'node',
    state: node.state,
    width: Math.max(56, title.length * titleChar, detail.length * detailChar) + 2 * padding,
    height: detail === '' ? 26 : 40,
    title,
    detail,
    tip: [node.name, ...node.changes].map(visible).join('\n'),
  };
}

function pill(kind: 'source' | 'target', name: string, words: string, tip: string): Planned {
  const title = cut(visible(name));
  return {
    kind,
    state: 'kept',
    width: Math.max(title.length, words.length) * detailChar + 2 * padding,
    height: words === '' ? 20 : 34,
    title,
    detail: words,
    tip,
    from: [],
  };
}

/** `scores  float32 [2, 4, 35, 35]` */
const tipOf = ({ name, dtype, shape }: PreviewValue): string =>
  [visible(name), dtype ?? '', shape === null ? '' : `[${shape.join(', ')}]`].filter((part) => part !== '').join('  ');

/** Both ends of a name tell it apart. */
const cut = (text: string): string =>
  text.length <= mostChars ? text : `${text.slice(0, mostChars / 2)}…${text.slice(1 - mostChars / 2)}`;
