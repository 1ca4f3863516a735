/** A preview of a fix for a terminal: each place as a list of nodes, in the manner of a diff. */
import type { FixPreview, PreviewNode, PreviewPlace, PreviewSame, PreviewValue } from '../../core/preview/types';
import type { Style } from './style';
import { clip, visible, wrap } from './text';

export interface PreviewLook {
  readonly width: number;
  readonly style: Style;
}

export function previewText(preview: FixPreview, look: PreviewLook): string {
  const { style, width } = look;
  const lines = preview.steps.flatMap((step, i) => [
    ...(i > 0 ? [''] : []),
    style.strong(
      `${preview.steps.length > 1 ? `Step ${String(i + 1)}: ` : ''}${visible(step.title)}  ${style.quiet(step.fixId)}`,
    ),
    wrap(visible(`${step.note} ${step.effect}`), width),
    ...step.places.flatMap((place) => ['', ...placeLines(place, shorter(step.fixId, place.label), look)]),
  ]);
  const notes = preview.notes.map((note) => wrap(visible(note), width));
  return `${[...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}

type Shorten = (name: string) => string;

/** Names without what all of them begin with: the module that the place is in, the mark of the fix. */
export const shorter =
  (fixId: string, label: string): Shorten =>
  (name) =>
    [`nanoscope_${fixId.replaceAll('-', '_')}_`, `/${label.replaceAll('.', '/')}/`, `${label}.`].reduce(
      (text, start) => {
        const plain = text.replace(/\.(\d+)(?=\/)/g, '/$1');
        return plain.startsWith(start) && plain.length > start.length ? plain.slice(start.length) : text;
      },
      name,
    );

function placeLines(place: PreviewPlace, shorten: Shorten, { style, width }: PreviewLook): string[] {
  const same = place.same.count > 0 ? `  ${style.quiet(sameText(place.same))}` : '';
  const head = `${place.layer === null ? '' : `layer ${String(place.layer)}  `}${visible(place.label)}`;
  const rows = place.after.nodes.map((node): [string, PreviewNode] => [marks[node.state], node]);
  for (const [i, node] of place.before.nodes.entries()) {
    if (node.state !== 'removed') continue;
    // Where it stood: before the next node that is still there.
    const next = place.before.nodes.slice(i + 1).find(({ state }) => state !== 'removed');
    const at = rows.findIndex(([, other]) => other.id === next?.id);
    rows.splice(at === -1 ? rows.length : at, 0, [marks.removed, node]);
  }
  const ops = Math.max(0, ...rows.map(([, node]) => node.op.length));
  const paint = { '+': style.good, '-': style.bad, '~': style.warning, ' ': (text: string) => text };
  return [
    `${style.heading(head)}${same}`,
    ...rows.flatMap(([mark, node]) => [
      paint[mark as keyof typeof paint](clip(`${mark} ${node.op.padEnd(ops)}  ${flow(node, shorten)}`, width)),
      ...node.changes.map((change) => style.quiet(clip(`      ${visible(change)}`, width))),
      ...(node.more.count > 0 ? [style.quiet(`      and ${sameText(node.more)}`)] : []),
    ]),
  ];
}

const marks = { kept: ' ', changed: '~', added: '+', removed: '-' } as const;

export function sameText({ count, layers }: PreviewSame): string {
  const where = layers === '' ? `${String(count)} more ${count === 1 ? 'place' : 'places'}` : layersText(count, layers);
  return `the same in ${where}`;
}

function layersText(count: number, layers: string): string {
  const named = layers.split(',').reduce((sum, range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return sum + to - from + 1;
  }, 0);
  // Several places of one layer.
  const places =
    named === count ? `${String(count)} more ${count === 1 ? 'layer' : 'layers'}` : `${String(count)} more places`;
  return `${places} (${layers})`;
}

/** `(scores, mask) axis=-1 → masked` */
function flow(node: PreviewNode, shorten: Shorten): string {
  const attributes = node.attributes.length > 0 ? `  ${node.attributes.join(' ')}` : '';
  const list = (values: readonly PreviewValue[]): string =>
    values.map((value) => valueText({ ...value, name: shorten(value.name) })).join(', ');
  return visible(`${list(node.inputs)} → ${list(node.outputs)}${attributes}`);
}

function valueText({ name, from, text, shape }: PreviewValue): string {
  if (from === 'omitted') return '–';
  if (text !== null) return text;
  return from === 'weight' && shape ? `${name} [${shape.join(', ')}]` : name;
}
