/** What the tables of a diagnosis and of a comparison are both made of: only a part of each is in the document. */
import { html, nothing, type TemplateResult } from 'lit';
import { cssVars } from '../shared/directives';
import type { Window } from './window';

export const range = ({ from, to }: Window): number[] => Array.from({ length: to - from }, (_, i) => from + i);

export const isDrawn = ({ from, to }: Window, index: number): boolean => index >= from && index < to;

/**
 * The box of a table whose active cell was scrolled out of the document takes its place for Tab, and leads back to it.
 * Not for a click, nor when the page gives it the focus of a cell that was just scrolled away.
 */
export function onBoxFocus({ currentTarget, relatedTarget }: FocusEvent, back: () => void): void {
  if (currentTarget instanceof HTMLElement && relatedTarget !== null && currentTarget.matches(':focus-visible')) back();
}

/** Stands for the columns that are not in the document. */
export const gap = (columns: number): TemplateResult | typeof nothing =>
  columns > 0 ? html`<td class="gap" role="presentation" colspan=${columns}></td>` : nothing;

/** Stands for the lines that are not in the document. */
export const filler = (lines: number, lineHeight: number): TemplateResult | typeof nothing =>
  lines > 0
    ? html`<tr class="filler" role="presentation" ${cssVars({ '--height': `${String(lines * lineHeight)}px` })}>
        <td role="presentation"></td>
      </tr>`
    : nothing;

export interface BarCounts {
  readonly pad: number;
  readonly padNan: number;
  readonly real: number;
  readonly realNan: number;
}

/** Two parts, as long as padding and real tokens are many, in the order in which they lie; each filled by its NaN. */
export function bar(counts: BarCounts, padsLast: boolean): TemplateResult {
  const pad = part('pad', counts.pad, counts.padNan);
  const real = part('real', counts.real, counts.realNan);
  return html`<span class="bar" aria-hidden="true">${padsLast ? [real, pad] : [pad, real]}</span>`;
}

const part = (kind: 'pad' | 'real', all: number, nan: number): TemplateResult | typeof nothing =>
  all === 0
    ? nothing
    : html`<span
        class=${kind}
        ${cssVars({ '--grow': String(all), '--fill': `${String(Math.round((nan / all) * 1000) / 10)}%` })}
      ></span>`;
