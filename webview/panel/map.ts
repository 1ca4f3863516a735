/** The token × layer map: one sample, positions from left to right, stages from top to bottom. */
import { html, nothing, svg, type TemplateResult } from 'lit';
import { sampleTitle } from '../../src/app/render/batch';
import type { Report } from '../../src/core/report';
import { cssVars } from '../shared/directives';
import { visible } from '../shared/text';
import { dropdown } from './batchBar';
import { positionsText, rowTitle } from './describe';
import { foldable } from './foldable';
import { mapLabels, plotHeight } from './mapLayout';
import { cellAt, moveCursor } from './mapCanvas';
import { lengthAt } from './mapScene';
import type { PanelPage } from './page';
import { hasNan, portRows, type PanelRow } from './rows';
import { showFinding } from './story';
import { showRow } from './table';

export function mapView(page: PanelPage, report: Report): TemplateResult | typeof nothing {
  const { ui } = page.context;
  const sample = Math.min(ui.mapSample, Math.max(0, report.batch.samples - 1));
  const rows = portRows(report, ui.port);
  if (rows.length === 0 || report.batch.samples === 0) {
    return nothing;
  }
  const sick = rows.filter(
    (row) => (row.row.samples?.[sample]?.nan ?? 0) > 0 || (row.cells === null && hasNan(row.row)),
  );
  const summary =
    sick.length === 0
      ? `Map of sample ${String(sample)}: no NaN in ${String(rows.length)} stages`
      : `Map of sample ${String(sample)}: NaN in ${String(sick.length)} of ${String(rows.length)} stages, first in ${sick[0] === undefined ? '' : rowTitle(sick[0])}`;
  return html`<section class="map" aria-labelledby="map-title">
    <h2 id="map-title">Token by token</h2>
    <div class="maphead">
      ${
        report.batch.samples < 2
          ? nothing
          : dropdown(
              'Sample',
              String(sample),
              report.batch.roles.map((_, index) => [String(index), sampleTitle(report.batch, index)]),
              false,
              (value) => {
                page.change({ mapSample: Number(value) });
              },
            )
      }
      <ul class="legend" aria-label="Legend">
        <li><span class="swatch pad"></span>padding</li>
        <li><span class="swatch real"></span>real token</li>
        <li><span class="swatch padnan"></span>NaN at padding</li>
        <li><span class="swatch realnan"></span>NaN at a real token</li>
        <li><span class="swatch unknown"></span>positions unknown</li>
      </ul>
    </div>
    <div class="mapbody">
      <div class="mapplot">
        <canvas
          id="map"
          tabindex="0"
          role="img"
          aria-label="${summary}. Arrow keys read single cells, Enter shows the row in the table."
          @mousemove=${(event: MouseEvent) => {
            moveCursor(page, report, cellAt(event, report, page));
          }}
          @mouseleave=${() => {
            moveCursor(page, report, null);
          }}
          @click=${(event: MouseEvent) => {
            const at = cellAt(event, report, page);
            const row = at === null ? undefined : rows[at.line];
            if (row !== undefined) {
              showRow(page, report, row.index, sample);
            }
          }}
          @keydown=${(event: KeyboardEvent) => {
            onKey(page, report, event, sample);
          }}
        ></canvas>
      </div>
      ${labelsView(page, report, rows)}
    </div>
    <p class="readout" id="map-readout" aria-live="polite">&nbsp;</p>
    ${foldable(
      page,
      'map-text',
      'The map as text',
      () =>
        html`<ul class="maptext">
          ${
            sick.length === 0
              ? html`<li>No stage has NaN in this sample.</li>`
              : sick
                  .slice(0, 100)
                  .map(
                    (row) =>
                      html`<li>
                        ${rowTitle(row)}:
                        ${row.row.samples === null ? 'NaN, positions unknown' : `NaN at ${positionsText(row.row.samples[sample]?.nanAt ?? '')}`}
                      </li>`,
                  )
          }
          ${sick.length > 100 ? html`<li>… and ${sick.length - 100} more stages</li>` : nothing}
        </ul>`,
    )}
  </section>`;
}

/** Births and crossings named beside their rows; each leads to its place in the story. */
function labelsView(page: PanelPage, report: Report, rows: readonly PanelRow[]): TemplateResult | typeof nothing {
  const { labels, more } = mapLabels(report, rows);
  if (labels.length === 0) {
    return nothing;
  }
  const height = plotHeight(rows.length);
  return html`<div class="maplabels" ${cssVars({ '--map-plot': `${String(height)}px` })}>
    <svg class="leaders" width="22" height=${height} aria-hidden="true">
      ${labels.map(
        ({ note, rowY, labelY }) =>
          svg`<polyline class=${note.kind} points="0,${rowY} 6,${rowY} 16,${labelY} 22,${labelY}" />`,
      )}
    </svg>
    <ul>
      ${labels.map(
        ({ note, row, labelY }) =>
          html`<li ${cssVars({ '--top': `${String(labelY)}px` })}>
            <button
              class="link ${note.kind}"
              title="${rowTitle(row)}: ${visible(note.text)} (show it in the story)"
              @click=${() => {
                if (note.finding !== undefined) {
                  showFinding(page, report, note.finding);
                }
              }}
            >
              ${visible(note.text)}
            </button>
          </li>`,
      )}
      ${more === 0 ? nothing : html`<li class="quiet" ${cssVars({ '--top': `${String(height - 9)}px` })}>and ${more} more</li>`}
    </ul>
  </div>`;
}

/** The cursor of the keyboard, kept with the canvas: it means nothing after the page is gone. */
let cursor = { line: 0, position: 0 };

function onKey(page: PanelPage, report: Report, event: KeyboardEvent, sample: number): void {
  const rows = portRows(report, page.context.ui.port);
  const step = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    const line = clamp(cursor.line + (step[0] ?? 0), rows.length);
    cursor = { line, position: clamp(cursor.position + (step[1] ?? 0), lengthAt(report, rows[line], sample)) };
    moveCursor(page, report, cursor);
  } else if (event.key === 'Enter') {
    const row = rows[cursor.line];
    if (row !== undefined) {
      showRow(page, report, row.index, sample);
    }
  }
}

const clamp = (value: number, count: number): number => Math.max(0, Math.min(count - 1, value));
