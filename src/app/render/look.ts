/** The static look in words. */
import type { LookCase, MaskLook, StaticLook } from '../../core/report';
import { formatRanges } from '../../core/trace/ranges';

/** `layers 0–3, written out: /layers.0/self_attn/Softmax and 3 more` */
export function lookPlace({ layers, nodes, kind }: MaskLook): string {
  const known = layers.filter((layer) => layer !== null);
  const ranges = formatRanges(Math.max(-1, ...known) + 1, (layer) => known.includes(layer)).replaceAll('-', '–');
  const where = known.length === 0 ? '' : `${known.length === 1 ? 'layer' : 'layers'} ${ranges}, `;
  const more = nodes.length - 1;
  return `${where}${kind === 'eager' ? 'written out' : 'fused'}: ${nodes[0] ?? ''}${more > 0 ? ` and ${String(more)} more` : ''}`;
}

/** What the masks say, and what this run says to it. */
export function lookText({ sentence, left, right, empty, confirmed }: MaskLook): string {
  if (confirmed === 'not-tested') return sentence;
  const of = (outcome: LookCase['confirmed']): string =>
    [
      left.confirmed === outcome ? 'left padding' : '',
      right.confirmed === outcome ? 'right padding' : '',
      empty.confirmed === outcome ? 'an empty sample' : '',
    ]
      .filter((text) => text !== '')
      .join(' and ');
  const refuted = of('refuted');
  return refuted === ''
    ? `${sentence} This run confirms it (${of('confirmed')}).`
    : `${sentence} This run refutes it (${refuted}).`;
}

const side = { left: 'left padding', right: 'right padding', empty: 'an empty sample' } as const;
const sides = ['left', 'right', 'empty'] as const;

/** What a row without any key becomes, as the beginning of `NaN in row 0`. */
const becomes: Readonly<Record<NonNullable<MaskLook['fill']>, string>> = {
  '-Infinity': 'NaN in',
  finite: 'Attends to padding in',
  zeros: 'Zeros in',
};

/** One case in a few words: `NaN in row 0 with one pad, rows 0–33 with one real token`. */
export function caseText({ verdict, rows, rowsAtMost }: LookCase, fill: MaskLook['fill']): string {
  if (verdict === 'unknown') return 'Not known';
  if (verdict === 'safe' || fill === null) return 'No row';
  const said = [
    rows === '' ? '' : `${rowsWords(rows)}${rows === rowsAtMost ? '' : ' with one pad'}`,
    rowsAtMost === '' || rows === rowsAtMost ? '' : `${rowsWords(rowsAtMost)} with one real token`,
  ].filter((text) => text !== '');
  return `${becomes[fill]} ${said.join(', ')}`;
}

const rowsWords = (rows: string): string =>
  `${/[-,]/.test(rows) ? 'rows' : 'row'} ${rows.replaceAll('-', '–').replaceAll(',', ', ')}`;

/** How bad a case is. */
export function caseTone({ verdict }: LookCase, fill: MaskLook['fill']): 'nan' | 'attends' | 'calm' | 'unknown' {
  if (verdict === 'unknown') return 'unknown';
  return verdict === 'safe' || fill === 'zeros' || fill === null ? 'calm' : fill === 'finite' ? 'attends' : 'nan';
}

export const outcomeText: Readonly<Record<LookCase['confirmed'], string>> = {
  confirmed: '✓ this run confirms it',
  refuted: '✗ this run refutes it',
  'not-tested': 'not in this batch',
};

/** All masks in one line: `Left padding and an empty sample can make NaN in 61 of 61 attention nodes; this run confirms it.` */
export function lookGist({ masks }: StaticLook): string {
  const nodesOf = (some: readonly MaskLook[]): number => some.reduce((sum, { nodes }) => sum + nodes.length, 0);
  const all = nodesOf(masks);
  const sick = masks.filter((mask) => sides.some((name) => caseTone(mask[name], mask.fill) === 'nan'));
  const unknown = masks.filter((mask) => sides.every((name) => mask[name].verdict === 'unknown'));
  const by = sides.filter((name) => sick.some((mask) => caseTone(mask[name], mask.fill) === 'nan'));
  const nodes = `${String(all)} attention ${all === 1 ? 'node' : 'nodes'}`;
  const said =
    sick.length > 0
      ? `${listed(by.map((name) => side[name]))} can make NaN in ${String(nodesOf(sick))} of ${nodes}`
      : unknown.length === masks.length
        ? `What padding masks in ${nodes} is not known`
        : `No padding can make NaN in ${unknown.length === 0 ? `any of the ${nodes}` : `${String(all - nodesOf(unknown))} of ${nodes}`}`;
  const refuted = masks.some(({ confirmed }) => confirmed === 'refuted');
  const confirmed = masks.some(({ confirmed }) => confirmed === 'confirmed');
  const outcome = refuted ? '; this run refutes it' : confirmed ? '; this run confirms it' : '';
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}${outcome}.`;
}

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
