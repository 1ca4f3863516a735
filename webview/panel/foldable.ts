/** A section that stays as the person left it, also over a reload. What is folded away is not in the document. */
import { html, nothing, type TemplateResult } from 'lit';
import type { PanelPage } from './page';

export function foldable(
  page: PanelPage,
  id: string,
  title: string | TemplateResult,
  content: () => TemplateResult,
): TemplateResult {
  const isOpen = page.context.ui.open.includes(id);
  return html`<details
    id="fold-${id}"
    ?open=${isOpen}
    @toggle=${(event: Event) => {
      const nowOpen = event.currentTarget instanceof HTMLDetailsElement && event.currentTarget.open;
      const { open } = page.context.ui;
      if (nowOpen !== open.includes(id)) {
        const others = open.filter((other) => other !== id);
        page.change({ open: nowOpen ? [...others, id] : others });
      }
    }}
  >
    <summary>${title}</summary>
    ${isOpen ? content() : nothing}
  </details>`;
}
