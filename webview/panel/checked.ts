/** What people blame first, and the figures of this run that refute it. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Report } from '../../src/core/report';
import { visible } from '../shared/text';

export function checkedView({ ruledOut = [] }: Report): TemplateResult | typeof nothing {
  return ruledOut.length === 0
    ? nothing
    : html`<section class="checked" aria-labelledby="checked-title">
        <h2 id="checked-title">Checked and ruled out</h2>
        <ul>
          ${ruledOut.map(
            ({ id, claim, because }) =>
              html`<li data-checked=${id}>
                <strong>${visible(claim)}</strong> <span class="quiet">${visible(because)}</span>
              </li>`,
          )}
        </ul>
      </section>`;
}
