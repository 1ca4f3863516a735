/** A section that stays as the person left it, also over a reload. */
import { html, type TemplateResult } from 'lit';
import type { PanelPage } from './page';

export function foldable(page: PanelPage, id: string, title: string, content: TemplateResult): TemplateResult {
  const { open } = page.context.ui;
  return html`<details
    id="fold-${id}"
    ?open=${open.includes(id)}
    @toggle=${(event: Event) => {
      const isOpen = event.currentTarget instanceof HTMLDetailsElement && event.currentTarget.open;
      const others = page.context.ui.open.filter((other) => other !== id);
      page.remember({ open: isOpen ? [...others, id] : others });
    }}
  >
    <summary>${title}</summary>
    ${content}
  </details>`;
}
