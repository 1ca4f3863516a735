/**
 * A band of small cells, one per position or key: what stands there as a letter, a pattern and a colour, padding set
 * apart from real tokens. Long bands join equal neighbours, so that 512 cells are a few dozen elements; very long ones
 * go on in further lines.
 */
import { html, nothing, type TemplateResult } from 'lit';
import { formatRanges } from '../../src/core/trace/ranges';
import { cssVars } from '../shared/directives';
import { plural } from '../shared/text';
import { positionsText } from './describe';

export interface CellKind {
  /** Drawn into the cell where there is room; empty for nothing. */
  readonly letter: string;
  /** Class of the style sheet that has its pattern. */
  readonly look: string;
  /** What the cell says, as a noun phrase. */
  readonly words: string;
}

/** Up to this many, every cell is an element of its own. */
const separate = 64;
const perLine = 512;
/** Padding that comes and goes more often than this is not set apart. */
const mostSides = 8;

interface Run {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/**
 * @param codes one key of `kinds` per cell
 * @param roles `p` or `r` per cell; of another length, nothing is set apart
 * @param noun what is counted, `key` or `position`
 */
export function bandView(
  codes: string,
  kinds: Readonly<Record<string, CellKind>>,
  roles: string,
  noun: string,
  label: string,
): TemplateResult {
  const lines = Array.from({ length: Math.ceil(codes.length / perLine) }, (_, line) => line * perLine);
  return html`<div class="band" role="img" aria-label=${label}>
    ${lines.map((from) => bandLine(from, codes, kinds, roles, noun, lines.length > 1))}
  </div>`;
}

function bandLine(
  from: number,
  codes: string,
  kinds: Readonly<Record<string, CellKind>>,
  roles: string,
  noun: string,
  numbered: boolean,
): TemplateResult {
  const to = Math.min(codes.length, from + perLine);
  const known = roles.length === codes.length;
  const all = known ? runsIn(roles, from, to) : [{ from, to }];
  const sides = all.length > mostSides ? [{ from, to }] : all;
  const named = known && sides.length === all.length;
  return html`<div class="bandline" aria-hidden="true">
    ${numbered ? html`<span class="bandfrom">${from}</span>` : nothing}
    ${sides.map((side) => {
      const role = roles[side.from] === 'p' ? 'pad' : 'real';
      const size = side.to - side.from;
      return html`<span class="side ${named ? role : ''}" ${cssVars({ '--grow': String(size) })}>
        <span class="cells ${cellRuns(codes, side).length <= separate ? 'few' : ''}"
          >${cellRuns(codes, side).map((run) => cellView(run, codes, kinds, noun))}</span
        >
        ${named ? html`<span class="sidename">${role === 'pad' ? plural(size, 'pad') : `${String(size)} real`}</span>` : nothing}
      </span>`;
    })}
    ${
      numbered && to - from < perLine
        ? html`<span class="rest" ${cssVars({ '--grow': String(perLine - (to - from)) })}></span>`
        : nothing
    }
  </div>`;
}

function cellView(
  { from, to }: Run,
  codes: string,
  kinds: Readonly<Record<string, CellKind>>,
  noun: string,
): TemplateResult {
  const kind = kinds[codes[from] ?? ''];
  const where = to - from === 1 ? `${noun} ${String(from)}` : `${noun}s ${String(from)}–${String(to - 1)}`;
  return html`<span
    class="slot ${kind?.look ?? ''}"
    title="${where}: ${kind?.words ?? 'unknown'}"
    ${cssVars({ '--grow': String(to - from) })}
    >${kind === undefined || kind.letter === '' ? nothing : html`<span class="letter">${kind.letter}</span>`}</span
  >`;
}

const cellRuns = (codes: string, side: Run): Run[] =>
  codes.length <= separate
    ? Array.from({ length: side.to - side.from }, (_, i) => ({ from: side.from + i, to: side.from + i + 1 }))
    : runsIn(codes, side.from, side.to);

/** Runs of equal characters between `from` and `to`. */
export function runsIn(text: string, from: number, to: number): Run[] {
  const found: Run[] = [];
  let start = from;
  for (let i = from + 1; i <= to && from < to; i++) {
    if (i === to || text[i] !== text[start]) {
      found.push({ from: start, to: i });
      start = i;
    }
  }
  return found;
}

/** Every kind that occurs, with how many cells and which: the band in words, for eyes and ears. */
export function legendView(codes: string, kinds: Readonly<Record<string, CellKind>>, noun: string): TemplateResult {
  const present = Object.entries(kinds).filter(([code]) => codes.includes(code));
  return html`<ul class="bandlegend">
    ${present.map(([code, kind]) => {
      const at = formatRanges(codes.length, (i) => codes[i] === code);
      const count = codes.split(code).length - 1;
      return html`<li>
        <span class="slot ${kind.look}" aria-hidden="true"
          >${kind.letter === '' ? nothing : html`<span class="letter">${kind.letter}</span>`}</span
        >${kind.words}
        <span class="quiet">${plural(count, noun)}: ${positionsText(at, 60)}</span>
      </li>`;
    })}
  </ul>`;
}
