/** Positions before and after a step of the story, drawn as a band per sample. */
import { html, nothing, type TemplateResult } from 'lit';
import { countRanges, countRole } from '../../src/core/trace/ranges';
import { bandView, type CellKind } from './band';
import { positionsText } from './describe';
import type { Reach } from './reach';
import { reachCodes } from './reach';
import { plural } from '../shared/text';

const kinds: Readonly<Record<string, CellKind>> = {
  o: { letter: '×', look: 'was-nan', words: 'NaN already' },
  n: { letter: '×', look: 'new-nan', words: 'NaN from here on' },
  r: { letter: '×', look: 'new-nan', words: 'NaN at a real token' },
  '.': { letter: '', look: 'by-nothing', words: 'clean' },
};

/** More samples than this in one step say less, not more. */
const mostSamples = 2;

export function reachView(reaches: readonly Reach[]): TemplateResult {
  return html`${reaches.slice(0, mostSamples).map(
    (reach) =>
      html`<figure class="reach">
        <figcaption>${reachText(reach)}</figcaption>
        ${bandView(reachCodes(reach), kinds, reach.roles, 'position', reachText(reach))}
      </figure>`,
  )}
  ${
    reaches.length > mostSamples
      ? html`<p class="quiet">and ${plural(reaches.length - mostSamples, 'more sample')}</p>`
      : nothing
  }`;
}

/** `Sample 0: NaN at 30 positions before (0–29), then at 35: 30–34 are new, 5 of them real tokens. None is clean.` */
export function reachText({ sample, roles, before, fresh, clean }: Reach): string {
  const was = countRanges(before);
  const more = countRanges(fresh);
  const real = countRole(fresh, roles, 'r');
  const kind = real === 0 ? 'all padding' : real === more ? 'all real tokens' : `${String(real)} of them real tokens`;
  if (more === 0) {
    const held = countRole(before, roles, 'r');
    return `Sample ${String(sample)}: NaN at ${positionsText(before, 60)}, ${String(held)} of ${plural(roles.replaceAll('p', '').length, 'real token')} among them.`;
  }
  const start =
    was === 0
      ? `no NaN before, then at ${plural(more, 'position')}: ${positionsText(fresh, 60)} (${kind})`
      : `NaN at ${plural(was, 'position')} before (${positionsText(before, 60)}), at ${String(was + more)} after: ${positionsText(fresh, 60)} new (${kind})`;
  return `Sample ${String(sample)}: ${start}; ${clean === 0 ? 'none' : String(clean)} of ${String(roles.length)} stay${clean === 1 ? 's' : ''} clean.`;
}
