/** The card beside the cell under the pointer or the focus. It repeats what the details show, so it is not focusable. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Report } from '../../src/core/report';
import { healthFigures, tensorFigures, wholeFigures } from './figures';
import { rowTitle } from './describe';
import type { PanelPage } from './page';
import { portRows } from './rows';

export function cardView(page: PanelPage, report: Report | null): TemplateResult | typeof nothing {
  const { hovered } = page.context;
  const row = report?.table[hovered?.cell.row ?? -1];
  if (report === null || hovered === null || row === undefined) {
    return html`<div id="card" role="tooltip" hidden></div>`;
  }
  const { cell } = hovered;
  const health = row.samples?.[cell.sample];
  const title = titleOf(report, cell.row);
  return html`<div id="card" role="tooltip">
    <strong>${title}${cell.sample < 0 || row.samples === null ? nothing : ` · sample ${String(cell.sample)}`}</strong>
    <dl>
      ${tensorFigures(row)} ${health === undefined ? nothing : healthFigures(health)}
      ${row.samples === null && row.whole !== undefined ? wholeFigures(row.whole) : nothing}
    </dl>
  </div>`;
}

export function titleOf(report: Report, index: number): string {
  const row = portRows(report, 'all').find((candidate) => candidate.index === index);
  return row === undefined ? '' : rowTitle(row);
}
