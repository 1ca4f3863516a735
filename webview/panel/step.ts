/** What every step of the story begins with. */
import { html, type TemplateResult } from 'lit';
import { rowOf } from '../../src/app/render/notes';
import type { Finding, Report } from '../../src/core/report';
import { placeOf } from '../../src/core/trace/verdict';
import { nameOf } from '../shared/text';
import { firstSample } from './finding';
import type { PanelPage } from './page';
import { showRow } from './table';

/** A step's title, which leads to its row in the table where it has one. */
export function stepHead(page: PanelPage, report: Report, finding: Finding, title: TemplateResult): TemplateResult {
  const row = rowOf(report.table, finding);
  return row === undefined
    ? html`<h3>${title}</h3>`
    : html`<h3>
        <button
          class="link"
          title="Show this row in the table"
          @click=${() => {
            showRow(page, report, report.table.indexOf(row), firstSample(finding));
          }}
        >
          ${title}
        </button>
      </h3>`;
}

export function placeView(finding: Finding): TemplateResult {
  return finding.stage === 'other' && finding.layer === null
    ? nameOf(finding.node ?? finding.tensor)
    : html`${placeOf(finding)}`;
}
