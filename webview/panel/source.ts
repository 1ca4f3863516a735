/** The line of source that made a tensor, as a way there. */
import { html, type TemplateResult } from 'lit';
import type { SourceLine } from '../../src/core/report';
import { visible } from '../shared/text';
import type { PanelPage } from './page';

export const sourceLink = (page: PanelPage, { file, line }: SourceLine): TemplateResult =>
  html`<button
    class="link"
    title=${visible(file)}
    @click=${() => {
      page.post({ type: 'openSource', file, line });
    }}
  >
    ${visible(file.split(/[\\/]/).at(-1) ?? file)}:${String(line)}
  </button>`;
