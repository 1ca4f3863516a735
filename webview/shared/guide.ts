/** An entry of the field guide on a page. */
import { html, type TemplateResult } from 'lit';
import { guideWords } from '../../src/app/render/guide';
import type { BirthMechanism, CrossingMechanism, SilentMechanism } from '../../src/core/report';

export type AnyMechanism = BirthMechanism | CrossingMechanism | SilentMechanism;

export function guideEntry(mechanism: AnyMechanism): TemplateResult {
  const { title, formula, what, sections } = guideWords(mechanism);
  return html`<div class="guide">
    <p><strong>${title}</strong></p>
    <p><code>${formula}</code></p>
    <p>${what}</p>
    ${sections.map(
      ({ heading, items }) =>
        html`<h4>${heading}</h4>
          <ul>
            ${items.map((item) => html`<li>${item}</li>`)}
          </ul>`,
    )}
  </div>`;
}
