/** What of the table is shown. */
import { html, type TemplateResult } from 'lit';
import { stages, type Report } from '../../src/core/report';
import { isChecked, valueOf } from '../shared/controls';
import { plural } from '../shared/text';
import { dropdown } from './batchBar';
import type { PanelPage } from './page';
import type { UiState } from './ui';

const ports: readonly (readonly [UiState['port'], string])[] = [
  ['out', 'outputs'],
  ['in', 'inputs'],
  ['all', 'inputs and outputs'],
];

export function filterBar(page: PanelPage, report: Report, shown: number): TemplateResult {
  const { ui } = page.context;
  const present = new Set(report.table.map((row) => row.stage));
  const stageOptions: readonly (readonly [UiState['stage'], string])[] = [
    ['all', 'all stages'],
    ...stages.filter((stage) => present.has(stage)).map((stage) => [stage, stage] as const),
  ];
  // A filter moves the rows under the old scroll position: start from the top.
  const set = (change: Partial<UiState>): void => {
    page.change({ ...change, tableTop: 0 });
    document.getElementById('table-scroller')?.scrollTo({ top: 0 });
  };
  return html`<div class="filters" role="search" aria-label="Filter the table">
    <div class="field">
      <label class="label" for="layers">Layers or names</label>
      <vscode-text-field
        id="layers"
        aria-label="Layers or names"
        placeholder="0-2,15 or self_attn"
        .value=${ui.layers}
        @input=${(event: Event) => {
          set({ layers: valueOf(event) });
        }}
      ></vscode-text-field>
    </div>
    ${dropdown('Stage', ui.stage, stageOptions, false, (value) => {
      set({ stage: stageOptions.find(([stage]) => stage === value)?.[0] ?? 'all' });
    })}
    ${dropdown('Measured at', ui.port, ports, false, (value) => {
      set({ port: ports.find(([port]) => port === value)?.[0] ?? 'out' });
    })}
    <vscode-checkbox
      id="only-nan"
      ?checked=${ui.onlyNan}
      .checked=${ui.onlyNan}
      @change=${(event: Event) => {
        if (isChecked(event) !== page.context.ui.onlyNan) {
          set({ onlyNan: isChecked(event) });
        }
      }}
      >only rows with NaN</vscode-checkbox
    >
    <span class="quiet shown" role="status">${String(shown)} of ${plural(report.table.length, 'row')}</span>
  </div>`;
}
