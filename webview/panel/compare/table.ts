/**
 * Stages × variants × samples: one real `<table>` in one box that scrolls, so that all columns scroll together, under a
 * head and beside a first column that stay. As in the table of a diagnosis, only what is near the viewport is in the
 * document, lines have one height, and arrow keys go from cell to cell.
 */
import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { sampleTitle } from '../../../src/app/render/batch';
import type { ComparedLine, ComparedRowLine } from '../../../src/app/render/compare/rows';
import { patternName, wholeText } from '../../../src/app/render/compare/words';
import type { ComparedCell, ComparedVariant, Comparison } from '../../../src/core/compare/types';
import { cssVars } from '../../shared/directives';
import { nameOf, visible } from '../../shared/text';
import { positionsText } from '../describe';
import type { PanelPage } from '../page';
import type { UiState } from '../ui';
import { reveal, sameWindow, windowOf, type Window } from '../window';
import { bar, filler, gap, isDrawn, onBoxFocus, range } from '../windowed';
import { differs, rolesOf } from './cells';
import { compareFilter } from './filter';
import { compareLayout, type CompareColumn, type CompareLayout } from './lines';

/** CSS pixels; the style sheet reads the same figures from custom properties. */
const lineHeight = 24;
const columnWidth = 178;
const narrow = 560;
const stageWidth = (width: number): number => (width < narrow ? 160 : 268);
const spareRows = 8;
const spareColumns = 2;
const headLines = 2;

const scrollerId = 'compare-scroller';

export function compareTable(page: PanelPage, comparison: Comparison): TemplateResult {
  const { ui, compareSize } = page.context;
  const layout = compareLayout(comparison, ui);
  const { lines, columns } = layout;
  const stage = stageWidth(compareSize.width);
  const rowsAt = (top: number): Window => windowOf(lines.length, lineHeight, top, compareSize.height || 600, spareRows);
  const columnsAt = (left: number): Window =>
    windowOf(columns.length, columnWidth, left, compareSize.width || 1000, spareColumns);
  const rows = rowsAt(ui.compareTop);
  const near = columnsAt(ui.compareLeft);
  const active = activeCell(layout, ui);
  const isActiveDrawn =
    active === null ||
    (isDrawn(rows, lineOf(layout, active.row)) && (active.column < 0 || isDrawn(near, active.column)));
  return html`<section class="tablepart" aria-labelledby="compare-title">
    <h2 id="compare-title">Stage by stage, side by side</h2>
    ${compareFilter(page, layout)}
    <div
      class="scroller comparing"
      id=${scrollerId}
      tabindex=${isActiveDrawn ? '-1' : '0'}
      ${cssVars({
        '--line': `${String(lineHeight)}px`,
        '--stage': `${String(stage)}px`,
        '--sample': `${String(columnWidth)}px`,
      })}
      @scroll=${(event: Event) => {
        const box = event.currentTarget as HTMLElement;
        page.remember({ compareTop: box.scrollTop, compareLeft: box.scrollLeft });
        if (!sameWindow(rows, rowsAt(box.scrollTop)) || !sameWindow(near, columnsAt(box.scrollLeft))) page.draw();
      }}
      @keydown=${(event: KeyboardEvent) => {
        onKey(page, comparison, event);
      }}
      @focus=${(event: FocusEvent) => {
        onBoxFocus(event, () => {
          if (active) goToCompared(page, comparison, active.row, active.column);
        });
      }}
      @focusin=${(event: FocusEvent) => {
        const compareActive = cellOf(event.target);
        if (compareActive !== null) page.remember({ compareActive });
      }}
    >
      <table
        role="grid"
        aria-labelledby="compare-title"
        aria-rowcount=${lines.length + headLines}
        aria-colcount=${columns.length + 1}
        ${cssVars({ '--least': `${String(stage + columns.length * columnWidth)}px` })}
      >
        <colgroup>
          <col class="stage" />
          <col class="sample" span=${columns.length} />
        </colgroup>
        ${headView(comparison, columns, near)}
        <tbody>
          ${filler(rows.from, lineHeight)}
          ${repeat(
            range(rows),
            (index) => index,
            (index) => {
              const line = lines[index];
              return line === undefined ? nothing : lineView(page, comparison, columns, line, index, near, active);
            },
          )}
          ${filler(lines.length - rows.to, lineHeight)}
        </tbody>
      </table>
      ${lines.length === 0 ? html`<p class="quiet none">${emptyText(ui)}</p>` : nothing}
    </div>
  </section>`;
}

const emptyText = ({ onlyDifferences, compareLayers }: UiState): string =>
  onlyDifferences && compareLayers.trim() === '' ? 'No row differs between the variants.' : 'No row passes the filter.';

/** Two lines: variants over their samples. */
function headView({ variants }: Comparison, columns: readonly CompareColumn[], near: Window): TemplateResult {
  const shown = range(near).flatMap((index) => columns[index] ?? []);
  const patterns = new Set(variants.map(({ pattern }) => pattern)).size;
  const groups = variants.flatMap((variant, at) => {
    const span = shown.filter((column) => column.variant === at).length;
    return span === 0 ? [] : [{ variant, at, span }];
  });
  return html`<thead>
    <tr aria-rowindex="1">
      <th scope="col" class="stage" rowspan="2" aria-colindex="1">stage</th>
      ${gap(near.from)}
      ${groups.map(
        ({ variant, at, span }) =>
          html`<th scope="colgroup" class="variant" colspan=${span} title=${visible(variant.label)}>
            <span class="variantname"
              >${variantName(variant, at)}${patterns > 1 ? html` ${patternBadge(variant.pattern)}` : nothing}</span
            >
          </th>`,
      )}
      ${gap(columns.length - near.to)}
    </tr>
    <tr aria-rowindex="2" class="samples">
      ${gap(near.from)}
      ${range(near).map((index) => {
        const column = columns[index];
        const variant = variants[column?.variant ?? -1];
        if (!column || !variant) return nothing;
        const title = sampleName(variant, column.sample);
        return html`<th
          scope="col"
          class=${column.sample === 0 ? 'first' : ''}
          aria-colindex=${index + 2}
          title="${visible(variant.label)}, ${title}"
        >
          ${title}
        </th>`;
      })}
      ${gap(columns.length - near.to)}
    </tr>
  </thead>`;
}

export const sampleName = ({ roles, memoryRoles }: ComparedVariant, sample: number): string =>
  sampleTitle({ roles, ...(memoryRoles && { memory: { positions: 0, roles: memoryRoles } }) }, sample);

export const variantName = ({ label }: ComparedVariant, at: number): TemplateResult =>
  html`<span class="number">${at + 1}</span> ${nameOf(label)}`;

/** Variants with the same letter have the same pattern of NaN. */
export const patternBadge = (pattern: number): TemplateResult =>
  html`<span class="pattern" data-pattern=${pattern % 4} title="Variants with the same letter show the same NaN"
    ><span class="sr">pattern </span>${patternName(pattern)}</span
  >`;

function lineView(
  page: PanelPage,
  comparison: Comparison,
  columns: readonly CompareColumn[],
  line: ComparedLine,
  index: number,
  near: Window,
  active: UiState['compareActive'],
): TemplateResult {
  const rowIndex = index + headLines + 1;
  if (line.kind === 'fold') {
    return html`<tr class="fold" aria-rowindex=${rowIndex}>
      <td colspan=${columns.length + 1}>
        <button
          class="link"
          title="Show these layers"
          @click=${() => {
            page.change({ compareFolded: false });
          }}
        >
          … ${visible(line.layers)}: the same
        </button>
      </td>
    </tr>`;
  }
  const { row } = line;
  const isActive = (column: number): '0' | '-1' =>
    active?.row === line.index && active.column === column ? '0' : '-1';
  return html`<tr class=${row.same ? '' : 'unlike'} aria-rowindex=${rowIndex} data-row=${line.index}>
    <th
      scope="row"
      class="stage"
      aria-colindex="1"
      tabindex=${isActive(-1)}
      data-compared="${line.index}:-1"
      title=${row.same ? nothing : 'Variants differ here'}
    >
      ${row.same ? html`<span class="mark"></span>` : html`<span class="mark" role="img" aria-label="differs">≠</span>`}${
        line.layer === null ? nothing : html`<span class="layer">${visible(line.layer)}</span> `
      }${nameOf(line.name)}
    </th>
    ${gap(near.from)}
    ${range(near).map((at) => {
      const column = columns[at];
      return column === undefined ? nothing : cellView(comparison, line, column, at, isActive(at));
    })}
    ${gap(columns.length - near.to)}
  </tr>`;
}

function cellView(
  comparison: Comparison,
  line: ComparedRowLine,
  { variant, sample }: CompareColumn,
  at: number,
  tabindex: '0' | '-1',
): TemplateResult {
  const { row } = line;
  const cell = row.cells[variant]?.[sample];
  const own = comparison.variants[variant];
  const unlike = differs(comparison, row, variant, sample);
  const whole = sample === 0 && cell === undefined ? (row.whole?.[variant] ?? null) : null;
  const state =
    whole !== null
      ? whole
        ? 'real'
        : 'clean'
      : cell === undefined
        ? 'absent'
        : cell.nan === 0
          ? 'clean'
          : cell.realNan === 0
            ? 'pad-only'
            : 'real';
  const words = describe(line, own, sample, cell ?? whole, unlike);
  return html`<td
    class="cell ${state} ${unlike ? 'differs' : ''} ${sample === 0 ? 'first' : ''}"
    aria-colindex=${at + 2}
    aria-label=${words}
    title=${words}
    tabindex=${tabindex}
    data-compared="${line.index}:${at}"
  >
    ${
      cell === undefined
        ? html`<span class="count">${whole === null ? '–' : wholeText(whole)}</span>`
        : html`${bar(cell, rolesOf(own, row, sample).endsWith('p'))}<span class="count">${cell.nan}/${cell.of}</span>${
              state === 'pad-only' ? html`<span class="words"> pad only</span>` : nothing
            }`
    }
  </td>`;
}

/** `layer 0 attention, padding left, sample 0: NaN at 0–29 (30 of 35), pad only; differs from the first variant`. */
function describe(
  { layer, name }: ComparedRowLine,
  variant: ComparedVariant | undefined,
  sample: number,
  cell: ComparedCell | boolean | null,
  unlike: boolean,
): string {
  const where = visible(
    `${layer === null ? name : `${layer} ${name}`}, ${variant?.label ?? ''}, sample ${String(sample)}`,
  );
  if (typeof cell === 'boolean') return `${where}: ${cell ? 'NaN' : 'no NaN'} in a value without positions`;
  if (cell === null) return `${where}: this variant has no such stage, or its positions are not known`;
  const { nan, of, pad, padNan, real, realNan } = cell;
  if (nan === 0) return `${where}: no NaN in ${String(of)} positions`;
  const split =
    pad === 0 ? '' : `: ${String(padNan)} of ${String(pad)} padding, ${String(realNan)} of ${String(real)} real`;
  return `${where}: NaN at ${positionsText(cell.nanAt)} (${String(nan)} of ${String(of)}${split})${unlike ? '; differs from the first variant' : ''}`;
}

/** The cell that Tab reaches: the last active one if it is shown, else the first difference, else the first. */
function activeCell({ rows, columns }: CompareLayout, { compareActive }: UiState): UiState['compareActive'] {
  if (compareActive && compareActive.column < columns.length && rows.some(({ index }) => index === compareActive.row))
    return compareActive;
  const first = rows.find(({ row }) => !row.same) ?? rows[0];
  return first === undefined ? null : { row: first.index, column: 0 };
}

function cellOf(target: EventTarget | null): UiState['compareActive'] {
  const named = target instanceof HTMLElement ? target.dataset.compared : undefined;
  const [row, column] = (named ?? '').split(':').map(Number);
  return named === undefined || row === undefined || column === undefined ? null : { row, column };
}

const lineOf = ({ lines }: CompareLayout, row: number): number =>
  lines.findIndex((line) => line.kind === 'row' && line.index === row);

/** Makes a cell the active one, scrolls it into view and focuses it. */
export function goToCompared(page: PanelPage, comparison: Comparison, row: number, column: number): void {
  const { ui, compareSize } = page.context;
  const line = lineOf(compareLayout(comparison, ui), row);
  if (line < 0) return;
  const compareTop = reveal(line, lineHeight, ui.compareTop, compareSize.height);
  const room = Math.max(columnWidth, compareSize.width - stageWidth(compareSize.width));
  const compareLeft = column < 0 ? ui.compareLeft : reveal(column, columnWidth, ui.compareLeft, room);
  page.remember({ compareActive: { row, column }, compareTop, compareLeft });
  page.flush();
  const box = document.getElementById(scrollerId);
  box?.scrollTo({ top: compareTop, left: compareLeft });
  box?.querySelector<HTMLElement>(`[data-compared="${String(row)}:${String(column)}"]`)?.focus({ preventScroll: true });
}

function onKey(page: PanelPage, comparison: Comparison, event: KeyboardEvent): void {
  const { ui, compareSize } = page.context;
  const layout = compareLayout(comparison, ui);
  const { rows, columns } = layout;
  const current = activeCell(layout, ui);
  if (current === null || event.altKey || event.target instanceof HTMLButtonElement) return;
  const at = rows.findIndex(({ index }) => index === current.row);
  const pageRows = Math.max(1, Math.floor(compareSize.height / lineHeight) - 2);
  const jump = event.ctrlKey || event.metaKey;
  const [lastRow, lastColumn] = [rows.length - 1, columns.length - 1];
  const moves: Readonly<Record<string, readonly [row: number, column: number]>> = {
    ArrowDown: [jump ? lastRow : at + 1, current.column],
    ArrowUp: [jump ? 0 : at - 1, current.column],
    ArrowRight: [at, jump ? lastColumn : current.column + 1],
    ArrowLeft: [at, jump ? -1 : current.column - 1],
    PageDown: [at + pageRows, current.column],
    PageUp: [at - pageRows, current.column],
    Home: [jump ? 0 : at, -1],
    End: [jump ? lastRow : at, lastColumn],
  };
  const move = moves[event.key];
  const target = move && rows[Math.max(0, Math.min(lastRow, move[0]))];
  if (!move || !target) return;
  event.preventDefault();
  goToCompared(page, comparison, target.index, Math.max(-1, Math.min(lastColumn, move[1])));
}
