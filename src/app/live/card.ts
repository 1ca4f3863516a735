/** A tensor in a hover: a few lines of Markdown and a picture of where its NaN are. */
import { conditionOf, nanPositions, sickness, typeOf, type LiveDetail, type LiveTensor } from '../../core/live/tensor';
import type { JsonNumber } from '../../core/report';
import { prose } from '../render/escape';
import { visible } from '../render/text';

const number = (value: JsonNumber): string =>
  (typeof value === 'string' ? value : String(Number(value.toPrecision(4)))).replace(/^-/, '−');

/** A name as code. A hover shows no HTML, so a backtick inside needs a longer fence around it. */
function code(name: string): string {
  const text = visible(name);
  const fence = '`'.repeat(1 + Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length)));
  const gap = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${gap}${text}${gap}${fence}`;
}

/** `f32[2,35,64]  ⚠ NaN 30/35`: positions where the axes are known, else elements. */
export function inlineText(name: string, tensor: LiveTensor, detail: LiveDetail | null): string {
  const positions = detail && nanPositions(detail);
  const condition = conditionOf(tensor);
  const figures =
    condition === 'nan' && positions && positions.of > 0
      ? `⚠ NaN ${positionWords(detail)}`
      : condition === 'nan' || condition === 'inf'
        ? `⚠ ${sickness(tensor)}`
        : condition === 'unread'
          ? (tensor.skipped ?? '')
          : finiteRange(tensor);
  return [name, typeOf(tensor), figures].filter((part) => part !== '').join('  ');
}

/** `30/35` per sample; equal ones once. */
function positionWords({ cells }: LiveDetail): string {
  const each = (cells?.nan ?? []).map(
    (row) => `${String(row.filter((count) => count > 0).length)}/${String(row.length)}`,
  );
  return new Set(each).size === 1 ? (each[0] ?? '') : each.slice(0, 4).join(' ') + (each.length > 4 ? ' …' : '');
}

const finiteRange = ({ min, max }: LiveTensor): string =>
  min === null || max === null ? '' : min === max ? number(min) : `${number(min)} … ${number(max)}`;

/** Markdown; names in it come from the program and are escaped. */
export function hoverCard(name: string, detail: LiveDetail): string {
  const { counts, elements, scanned, device, requiresGrad } = detail;
  const share = (count: number): string =>
    `${count.toLocaleString('en')} of ${(scanned ?? elements).toLocaleString('en')}`;
  const lines = [
    `${code(name)} — ${code(typeOf(detail))} · ${prose(device)}${requiresGrad ? ' · requires grad' : ''}`,
    ...(detail.skipped === null ? [] : [`Not read: ${prose(detail.skipped)}`]),
    ...(counts && counts.nan + counts.posInf + counts.negInf > 0
      ? [
          [
            ...(counts.nan > 0 ? [`**NaN** ${share(counts.nan)}`] : []),
            ...(counts.posInf > 0 ? [`**+Inf** ${share(counts.posInf)}`] : []),
            ...(counts.negInf > 0 ? [`**−Inf** ${share(counts.negInf)}`] : []),
          ].join(' · '),
        ]
      : counts
        ? ['No NaN, no Inf']
        : []),
    ...(detail.min === null || detail.max === null
      ? []
      : [
          `Finite: ${number(detail.min)} … ${number(detail.max)}` +
            (detail.mean === null ? '' : `, mean ${number(detail.mean)}`),
        ]),
    ...(scanned === null
      ? []
      : [`Looked at ${scanned.toLocaleString('en')} elements: the time of a stop allowed no more.`]),
    ...(detail.note === null ? [] : [prose(detail.note)]),
    ...positionLines(detail),
  ];
  return lines.join('  \n');
}

function positionLines(detail: LiveDetail): string[] {
  const { cells, roles } = detail;
  if (cells === null || detail.counts === null || detail.counts.nan === 0) return [];
  const told = cells.nan.slice(0, 8).map((row, sample) => {
    const at = row.flatMap((count, position) => (count > 0 ? [position] : []));
    const role = roles?.rows[sample];
    const split =
      role === undefined
        ? ''
        : ` (${String(at.filter((p) => role[p] === 'p').length)} pad, ${String(at.filter((p) => role[p] === 'r').length)} real)`;
    return `Sample ${String(sample)}: NaN at ${String(at.length)} of ${String(row.length)} positions${split}`;
  });
  const more = cells.nan.length - told.length;
  return [
    ...told,
    ...(more > 0 ? [`… ${String(more)} more samples`] : []),
    roles ? `Roles from ${code(roles.from)}` : prose(detail.axes.why),
    `![positions with NaN](${heat(detail)})`,
  ];
}

const colours = { clean: '#8a8a8a40', pad: '#d9a000', real: '#e5484d' };

/** An SVG as a data URI: a row per sample, a cell per position. Holds numbers only, no text of the program. */
function heat({ cells, roles }: LiveDetail): string {
  const rows = (cells?.nan ?? []).slice(0, 16);
  const columns = Math.max(1, ...rows.map((row) => row.length));
  const width = Math.max(1, Math.min(10, 320 / columns));
  const [height, gap] = [10, 2];
  const shapes = rows.flatMap((row, sample) =>
    runs(row.map((count, p) => (count === 0 ? 'clean' : roles?.rows[sample]?.[p] === 'p' ? 'pad' : 'real'))).map(
      ({ kind, from, length }) =>
        `<rect x="${fixed(from * width)}" y="${String(sample * (height + gap))}" ` +
        `width="${fixed(length * width)}" height="${String(height)}" fill="${colours[kind]}"/>`,
    ),
  );
  const size = `width="${fixed(columns * width)}" height="${String(rows.length * (height + gap))}"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${shapes.join('')}</svg>`;
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
}

const fixed = (value: number): string => String(Number(value.toFixed(2)));

function runs<T>(kinds: readonly T[]): { kind: T; from: number; length: number }[] {
  const found: { kind: T; from: number; length: number }[] = [];
  for (const [i, kind] of kinds.entries()) {
    const last = found.at(-1);
    if (last?.kind === kind) last.length += 1;
    else found.push({ kind, from: i, length: 1 });
  }
  return found;
}
