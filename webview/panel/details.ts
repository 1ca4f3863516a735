/** The details of a chosen cell: its figures and every finding that belongs to its row. */
import { html, nothing, type TemplateResult } from 'lit';
import { rowOf } from '../../src/app/render/notes';
import type { Report } from '../../src/core/report';
import type { PanelState } from '../../src/protocol/panel';
import { titleOf } from './card';
import { findingView } from './finding';
import { fixesHere } from './fixActions';
import { healthFigures, item, tensorFigures, wholeFigures } from './figures';
import type { PanelPage } from './page';
import { sourceLink } from './source';
import { showFinding } from './story';
import { goToCell } from './table';

export function detailsView(page: PanelPage, state: PanelState, report: Report): TemplateResult | typeof nothing {
  const cell = page.context.ui.details;
  const row = cell === null ? undefined : report.table[cell.row];
  if (cell === null || row === undefined) {
    return nothing;
  }
  const health = row.samples?.[cell.sample];
  const findings = [...report.origins, ...report.spread, ...report.silent].filter(
    (finding) => rowOf(report.table, finding) === row,
  );
  const close = (): void => {
    page.change({ details: null });
    goToCell(page, report, cell);
  };
  return html`<section
    class="details"
    aria-labelledby="details-title"
    @keydown=${(event: KeyboardEvent) => {
      if (event.key === 'Escape') {
        close();
      }
    }}
  >
    <h2 id="details-title" tabindex="-1">
      ${titleOf(report, cell.row)}${cell.sample < 0 || row.samples === null ? nothing : `, sample ${String(cell.sample)}`}
    </h2>
    <vscode-button appearance="secondary" class="close" @click=${close}>Close</vscode-button>
    <dl>
      ${tensorFigures(row)} ${row.source === undefined ? nothing : item('Source', sourceLink(page, row.source))}
      ${health === undefined ? nothing : healthFigures(health)}
      ${row.samples === null && row.whole !== undefined ? wholeFigures(row.whole) : nothing}
    </dl>
    ${findings.map(
      (finding, i) =>
        html`<div class="found">
          ${findingView(page, report, finding, `details-${String(i)}`)}
          <button
            class="link tostory"
            @click=${() => {
              showFinding(page, report, finding);
            }}
          >
            Show in the story
          </button>
        </div>`,
    )}
    ${findings.some((finding) => report.origins.some((origin) => origin === finding)) ? fixesHere(page, state) : nothing}
  </section>`;
}
