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

/** What the file of a model does not tell is looked for in the workspace, by the names of its modules. */
export const findSourceLink = (page: PanelPage, tensor: string): TemplateResult =>
  html`<button
    class="link"
    title="Looks for the module's class in the Python files of the workspace"
    @click=${() => {
      page.post({ type: 'findSource', tensor });
    }}
  >
    Go to source
  </button>`;
