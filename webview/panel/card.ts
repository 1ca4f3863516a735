/** The card beside the cell under the pointer or the focus. It repeats what the details show, so it is not focusable. */
import { html, nothing, type TemplateResult } from 'lit';
import { guideWords } from '../../src/app/render/guide';
import { rowOf } from '../../src/app/render/notes';
import type { Report, TableRow } from '../../src/core/report';
import { healthFigures, tensorFigures, wholeFigures } from './figures';
import { rowTitle } from './describe';
import type { AnyMechanism } from '../shared/guide';
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
    ${findingsOf(report, row).map((mechanism) => guideLine(mechanism))}
  </div>`;
}

/** What a row is marked with, births first. */
const findingsOf = (report: Report, row: TableRow): readonly AnyMechanism[] => {
  const found = [...report.origins, ...report.spread, ...report.silent].filter(
    (finding) => rowOf(report.table, finding) === row,
  );
  return [...new Set(found.map(({ mechanism }) => mechanism))].slice(0, mostLines);
};

/** The field guide's entry in two lines; the details have all of it. */
function guideLine(mechanism: AnyMechanism): TemplateResult {
  const { title, what } = guideWords(mechanism);
  return html`<p class="guide-line"><strong>${title}.</strong> ${what}</p>`;
}

/** A card is read in passing. */
const mostLines = 2;

export function titleOf(report: Report, index: number): string {
  const row = portRows(report, 'all').find((candidate) => candidate.index === index);
  return row === undefined ? '' : rowTitle(row);
}
