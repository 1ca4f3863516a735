/**
 * The per-layer table: a real `<table>` with the keyboard of a grid. Only the rows and sample columns near the
 * viewport are in the document (61 layers make 500 rows, a batch may have 1,024 samples); `aria-rowcount`,
 * `aria-rowindex` and the column counterparts say how much there is. Lines have one height, so that a position in
 * the list is a position on the screen.
 */
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { sampleTitle } from '../../src/app/render/batch';
import { figures, stateWords, wholeText } from '../../src/app/render/table';
import type { Note } from '../../src/app/render/notes';
import type { Report } from '../../src/core/report';
import type { PanelState } from '../../src/protocol/panel';
import { cssVars } from '../shared/directives';
import { nameOf, visible } from '../shared/text';
import { cellEvents } from './cellEvents';
import { describeCell } from './describe';
import { fixLink } from './fixActions';
import { filterBar } from './filterBar';
import type { PanelPage } from './page';
import { rolesOfRow } from './roles';
import { filterRows, portRows, type PanelRow } from './rows';
import { showFinding } from './story';
import type { CellRef, UiState } from './ui';
import { reveal, sameWindow, windowOf, type Window } from './window';
import { bar, filler, gap, isDrawn, onBoxFocus, range } from './windowed';

/** CSS pixels; the style sheet reads the same figures from custom properties. */
const lineHeight = 24;
/** The head says what is padding of the encoder's sequence too. */
const sampleWidthOf = ({ batch }: Report): number => (batch.memory === undefined ? 204 : 232);
const narrow = 560;
const stageWidth = (width: number): number => (width < narrow ? 150 : 256);
/** Below this the margin notes get lines of their own under their rows. */
const noteWidth = 330;
const spareRows = 8;
const spareColumns = 2;

/** What the table has room for, and which lines that makes. */
export interface Layout {
  readonly rows: readonly PanelRow[];
  readonly lines: readonly Line[];
  readonly notesInColumn: boolean;
  readonly stageWidth: number;
  readonly sampleWidth: number;
}
export type Line =
  | { readonly kind: 'row'; readonly row: PanelRow }
  | { readonly kind: 'note'; readonly row: PanelRow; readonly note: Note };

interface Memo {
  readonly report: Report;
  readonly key: string;
  readonly layout: Layout;
}
let memo: Memo | null = null;

/** Scrolling redraws sixty times a second; the lines change only with the report, the filter or the width. */
export function layoutOf(report: Report, ui: UiState, width: number): Layout {
  const key = JSON.stringify([ui.layers, ui.onlyNan, ui.port, ui.stage, width]);
  if (memo?.report !== report || memo.key !== key) {
    memo = { report, key, layout: makeLayout(report, ui, width) };
  }
  return memo.layout;
}

function makeLayout(report: Report, ui: UiState, width: number): Layout {
  const rows = filterRows(portRows(report, ui.port), ui);
  const stage = stageWidth(width);
  const sampleWidth = sampleWidthOf(report);
  const notesInColumn = width - stage - report.batch.samples * sampleWidth >= noteWidth;
  const lines = rows.flatMap((row): Line[] => [
    { kind: 'row', row },
    ...(notesInColumn ? [] : row.notes.map((note): Line => ({ kind: 'note', row, note }))),
  ]);
  return { rows, lines, notesInColumn, stageWidth: stage, sampleWidth };
}

export function tableView(page: PanelPage, state: PanelState, report: Report): TemplateResult {
  const { ui, tableSize } = page.context;
  const layout = layoutOf(report, ui, tableSize.width);
  const { lines, sampleWidth } = layout;
  const samples = report.batch.samples;
  const rowsAt = (top: number): Window => windowOf(lines.length, lineHeight, top, tableSize.height || 600, spareRows);
  const columnsAt = (left: number): Window =>
    windowOf(samples, sampleWidth, left, tableSize.width || 1000, spareColumns);
  const rows = rowsAt(ui.tableTop);
  const columns = columnsAt(ui.tableLeft);
  const active = activeCell(layout, ui);
  const isActiveDrawn =
    active === null ||
    (isDrawn(rows, lineOf(layout, active)) && (active.sample < 0 || isDrawn(columns, active.sample)));
  return html`<section class="tablepart" aria-labelledby="table-title">
    <h2 id="table-title">Where NaN is, stage by stage</h2>
    ${filterBar(page, report, layout.rows.length)}
    <div
      class="scroller"
      id="table-scroller"
      tabindex=${isActiveDrawn ? '-1' : '0'}
      ${cssVars({
        '--line': `${String(lineHeight)}px`,
        '--stage': `${String(layout.stageWidth)}px`,
        '--sample': `${String(sampleWidth)}px`,
        '--room': `${String(tableSize.width)}px`,
      })}
      @scroll=${(event: Event) => {
        const box = event.currentTarget as HTMLElement;
        page.remember({ tableTop: box.scrollTop, tableLeft: box.scrollLeft });
        if (!sameWindow(rows, rowsAt(box.scrollTop)) || !sameWindow(columns, columnsAt(box.scrollLeft))) {
          page.draw();
        }
      }}
      @keydown=${(event: KeyboardEvent) => {
        onKey(page, report, event);
      }}
      @focus=${(event: FocusEvent) => {
        onBoxFocus(event, () => {
          if (active) goToCell(page, report, active);
        });
      }}
      @mouseleave=${() => {
        page.hover(null);
      }}
    >
      <table
        role="grid"
        aria-labelledby="table-title"
        aria-rowcount=${lines.length + 1}
        aria-colcount=${samples + 1 + (layout.notesInColumn ? 1 : 0)}
      >
        <colgroup>
          <col class="stage" />
          ${samples === 0 ? nothing : html`<col class="sample" span=${samples} />`}
          ${layout.notesInColumn ? html`<col class="notes" />` : nothing}
        </colgroup>
        <thead>
          <tr aria-rowindex="1">
            <th scope="col" class="stage" aria-colindex="1">stage</th>
            ${gap(columns.from)}
            ${range(columns).map(
              (sample) =>
                html`<th scope="col" aria-colindex=${sample + 2} title=${sampleTitle(report.batch, sample)}>
                  ${sampleTitle(report.batch, sample)}
                </th>`,
            )}
            ${gap(samples - columns.to)}
            ${
              layout.notesInColumn
                ? html`<th scope="col" class="notes" aria-colindex=${samples + 2}>what happens here</th>`
                : nothing
            }
          </tr>
        </thead>
        <tbody>
          ${filler(rows.from, lineHeight)}
          ${repeat(
            range(rows),
            (index) => index,
            (index) => {
              const line = lines[index];
              return line === undefined ? nothing : lineView(page, state, report, layout, line, index, columns, active);
            },
          )}
          ${filler(lines.length - rows.to, lineHeight)}
        </tbody>
      </table>
      ${lines.length === 0 ? html`<p class="quiet none">No row passes the filter.</p>` : nothing}
    </div>
  </section>`;
}

function lineView(
  page: PanelPage,
  state: PanelState,
  report: Report,
  layout: Layout,
  line: Line,
  index: number,
  columns: Window,
  active: CellRef | null,
): TemplateResult {
  const samples = report.batch.samples;
  if (line.kind === 'note') {
    return html`<tr class="note ${line.note.kind}" aria-rowindex=${index + 2}>
      <td colspan=${samples + 1}>
        ${noteView(page, report, line.note, 'notetext')} ${line.note.kind === 'birth' ? fixLink(page, state) : nothing}
      </td>
    </tr>`;
  }
  const { row } = line;
  const born = row.notes.some((note) => note.kind === 'birth');
  const focusable = (sample: number): '0' | '-1' =>
    active?.row === row.index && active.sample === sample ? '0' : '-1';
  return html`<tr
    class="${born ? 'born' : ''} ${page.context.ui.details?.row === row.index ? 'chosen' : ''}"
    aria-rowindex=${index + 2}
    data-row=${row.index}
  >
    <th
      scope="row"
      class="stage"
      aria-colindex="1"
      tabindex=${focusable(-1)}
      data-cell="${row.index}:-1"
      ${cellEvents(page, { row: row.index, sample: -1 })}
    >
      ${row.layer === null ? nothing : html`<span class="layer">${visible(row.layer)}</span> `}${nameOf(row.name)}
    </th>
    ${
      row.cells === null
        ? html`<td
            class="whole ${row.row.whole?.nan === true ? 'real' : ''}"
            colspan=${samples}
            aria-colindex="2"
            tabindex=${focusable(0)}
            data-cell="${row.index}:0"
            ${cellEvents(page, { row: row.index, sample: 0 })}
          >
            ${wholeText(row.row).replace('whole', 'whole tensor')}
          </td>`
        : html`${gap(columns.from)}${range(columns).map((sample) =>
            cellView(page, report, row, sample, focusable(sample)),
          )}${gap(samples - columns.to)}`
    }
    ${
      layout.notesInColumn
        ? html`<td class="notes ${row.notes[0]?.kind ?? ''}" aria-colindex=${samples + 2}>
            <span class="noteline"
              >${row.notes.map((note) => html`${noteView(page, report, note, note.kind)} `)}
              ${born ? fixLink(page, state) : nothing}</span
            >
          </td>`
        : nothing
    }
  </tr>`;
}

function cellView(
  page: PanelPage,
  report: Report,
  row: PanelRow,
  sample: number,
  tabindex: '0' | '-1',
): TemplateResult {
  const cell = row.cells?.[sample];
  if (cell === undefined) {
    return html`<td></td>`;
  }
  const words = stateWords[cell.state];
  return html`<td
    class="cell ${cell.state}"
    aria-colindex=${sample + 2}
    aria-label=${describeCell(row, sample)}
    tabindex=${tabindex}
    data-cell="${row.index}:${sample}"
    ${cellEvents(page, { row: row.index, sample })}
  >
    ${bar(cell.health, rolesOfRow(report.batch, row.row, sample).endsWith('p'))}<span class="count"
      >${figures(cell.health, row.row)}</span
    >
    ${words === '' ? nothing : html`<span class="words">${words}</span>`}
  </td>`;
}

/** Leads to the finding; with the keyboard, Enter opens the details, which lead there too. */
function noteView(page: PanelPage, report: Report, note: Note, look: string): TemplateResult {
  const { finding } = note;
  return finding === undefined
    ? html`<span class=${look} title=${noteText(note)}>${noteText(note)}</span>`
    : html`<button
        class="link ${look}"
        tabindex="-1"
        title="${noteText(note)} (show it in the story)"
        @click=${() => {
          showFinding(page, report, finding);
        }}
      >
        ${noteText(note)}
      </button>`;
}

const noteText = (note: Note): string => `← ${visible(note.text)}`;

/** The cell that Tab reaches: the last active one if it is shown, else the birth's, else the first. */
function activeCell(layout: Layout, ui: UiState): CellRef | null {
  const shown = layout.rows.find((row) => row.index === ui.active?.row);
  if (shown !== undefined && ui.active !== null) {
    return ui.active;
  }
  const first = layout.rows.find((row) => row.notes.some((note) => note.kind === 'birth')) ?? layout.rows[0];
  return first === undefined ? null : { row: first.index, sample: 0 };
}

const lineOf = ({ lines }: Layout, { row }: CellRef): number =>
  lines.findIndex((line) => line.kind === 'row' && line.row.index === row);

/** Makes a cell the active one, scrolls it into view and focuses it. */
export function goToCell(page: PanelPage, report: Report, cell: CellRef): void {
  const { ui, tableSize } = page.context;
  const layout = layoutOf(report, ui, tableSize.width);
  const line = lineOf(layout, cell);
  if (line < 0) {
    return;
  }
  const tableTop = reveal(line, lineHeight, ui.tableTop, tableSize.height - lineHeight);
  const { sampleWidth } = layout;
  const room = Math.max(sampleWidth, tableSize.width - layout.stageWidth);
  const tableLeft = cell.sample < 0 ? ui.tableLeft : reveal(cell.sample, sampleWidth, ui.tableLeft, room);
  page.remember({ active: cell, tableTop, tableLeft });
  page.flush();
  const box = document.getElementById('table-scroller');
  box?.scrollTo({ top: tableTop, left: tableLeft });
  box
    ?.querySelector<HTMLElement>(`[data-cell="${String(cell.row)}:${String(cell.sample)}"]`)
    ?.focus({ preventScroll: true });
}

/** The row of a finding may be filtered away; then the filter gives way. */
export function showRow(page: PanelPage, report: Report, row: number, sample: number): void {
  const { ui, tableSize } = page.context;
  if (!layoutOf(report, ui, tableSize.width).rows.some(({ index }) => index === row)) {
    const port = report.table[row]?.port;
    page.remember({
      layers: '',
      onlyNan: false,
      stage: 'all',
      port: port === ui.port || ui.port === 'all' ? ui.port : 'all',
    });
  }
  document.getElementById('table-scroller')?.scrollIntoView({ block: 'nearest' });
  goToCell(page, report, { row, sample });
}

function onKey(page: PanelPage, report: Report, event: KeyboardEvent): void {
  const { ui, tableSize } = page.context;
  const layout = layoutOf(report, ui, tableSize.width);
  const current = activeCell(layout, ui);
  if (current === null || event.altKey) {
    return;
  }
  const at = layout.rows.findIndex((row) => row.index === current.row);
  const last = layout.rows.length - 1;
  const lastSample = report.batch.samples - 1;
  const pageRows = Math.max(1, Math.floor(tableSize.height / lineHeight) - 2);
  const jump = event.ctrlKey || event.metaKey;
  const to = (row: number, sample: number): void => {
    const target = layout.rows[Math.max(0, Math.min(last, row))];
    if (target !== undefined) {
      event.preventDefault();
      // A tensor without positions has one cell for all samples.
      const most = target.cells === null ? 0 : lastSample;
      goToCell(page, report, { row: target.index, sample: Math.max(-1, Math.min(most, sample)) });
    }
  };
  switch (event.key) {
    case 'ArrowDown':
      to(jump ? last : at + 1, current.sample);
      break;
    case 'ArrowUp':
      to(jump ? 0 : at - 1, current.sample);
      break;
    case 'ArrowRight':
      to(at, jump ? lastSample : current.sample + 1);
      break;
    case 'ArrowLeft':
      to(at, jump ? -1 : current.sample - 1);
      break;
    case 'PageDown':
      to(at + pageRows, current.sample);
      break;
    case 'PageUp':
      to(at - pageRows, current.sample);
      break;
    case 'Home':
      to(jump ? 0 : at, -1);
      break;
    case 'End':
      to(jump ? last : at, lastSample);
      break;
    case 'Enter':
    case ' ':
      event.preventDefault();
      page.remember({ active: current, details: current });
      page.flush();
      document.getElementById('details-title')?.focus();
      break;
    case 'Escape':
      page.hover(null);
      break;
    default:
  }
}
