/** What of a comparison's table is shown. */
import { html, nothing, type TemplateResult } from 'lit';
import { isChecked, valueOf } from '../../shared/controls';
import { plural } from '../../shared/text';
import type { PanelPage } from '../page';
import type { UiState } from '../ui';
import type { CompareLayout } from './lines';

type Switch = 'onlyDifferences' | 'compareInputs' | 'compareFolded';

export function compareFilter(page: PanelPage, layout: CompareLayout): TemplateResult {
  const { ui } = page.context;
  // A filter moves the rows under the old scroll position: start from the top.
  const set = (change: Partial<UiState>): void => {
    page.change({ ...change, compareTop: 0 });
    document.getElementById('compare-scroller')?.scrollTo({ top: 0 });
  };
  const check = (name: Switch, id: string, words: string): TemplateResult =>
    html`<vscode-checkbox
      id=${id}
      ?checked=${ui[name]}
      .checked=${ui[name]}
      @change=${(event: Event) => {
        if (isChecked(event) !== page.context.ui[name]) set({ [name]: isChecked(event) });
      }}
      >${words}</vscode-checkbox
    >`;
  const { all, unlike } = layout.of;
  return html`<div class="filters" role="search" aria-label="Filter the comparison">
    <div class="field">
      <label class="label" for="compare-layers">Layers or names</label>
      <vscode-text-field
        id="compare-layers"
        aria-label="Layers or names"
        placeholder="0-2,15 or attention"
        .value=${ui.compareLayers}
        @input=${(event: Event) => {
          set({ compareLayers: valueOf(event) });
        }}
      ></vscode-text-field>
    </div>
    ${check('onlyDifferences', 'only-differences', 'only differences')}
    ${check('compareInputs', 'compare-inputs', 'inputs too')}
    ${layout.foldable ? check('compareFolded', 'compare-folded', 'fold equal layers') : nothing}
    <span class="quiet shown" role="status"
      >${layout.rows.length} of ${plural(all, 'row')} ·
      ${unlike === 0 ? 'none differs' : unlike === 1 ? '1 differs' : `${String(unlike)} differ`}</span
    >
  </div>`;
}
