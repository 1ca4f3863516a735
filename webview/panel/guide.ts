/** "What is this?": the field guide's entry on a finding's mechanism, where the finding is. */
import { html, type TemplateResult } from 'lit';
import { guideWords } from '../../src/app/render/guide';
import type { BirthMechanism, CrossingMechanism, SilentMechanism } from '../../src/core/report';
import { foldable } from './foldable';
import type { PanelPage } from './page';

export type AnyMechanism = BirthMechanism | CrossingMechanism | SilentMechanism;

/** @param id of the finding: each keeps its own entry open or closed */
export function guideView(page: PanelPage, mechanism: AnyMechanism, id: string): TemplateResult {
  return foldable(page, `guide-${id}`, 'What is this?', () => {
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
  });
}
