/**
 * The table in a terminal: one line per stage, one column per sample, births and crossings in the margin. Batches
 * that are wider than the terminal are cut into blocks of samples, each with the stages repeated.
 */
import type { Report, SampleHealth, TableRow } from '../../core/report';
import { sampleTitle } from './batch';
import { cutIntoBlocks, joinLine, nothing, stageGap, type Column, type JoinedLine, type Piece } from './columns';
import type { Note } from './notes';
import { tableLines, type Cell, type CellState, type FoldLine, type Line, type RowChoice, type RowLine } from './rows';
import type { Style } from './style';
import { clip, displayWidth, padTo, visible, wrap } from './text';

export interface TableOptions extends RowChoice {
  /** Columns of the terminal; `Infinity` never wraps. */
  readonly width: number;
  readonly style: Style;
}

const noteGap = 2;
/** Longer names are clipped in the middle: the table must stay a table. */
const longestStage = 44;

/** Lines without a newline at the end; every name in it is safe to print. */
export function renderTable(report: Report, options: TableOptions): string {
  const lines = tableLines(report, options);
  if (lines.length === 0) return '';
  const layerWidth = Math.max(0, ...lines.map((line) => displayWidth(layerOf(line))));
  const stages = lines.map((line) => stageText(line, layerWidth));
  const stageWidth = Math.max(5, ...lines.map((line, i) => (line.kind === 'row' ? displayWidth(stages[i] ?? '') : 0)));
  const columns = report.batch.roles.map((_, sample) =>
    makeColumn(lines, sample, sampleTitle(report.batch, sample), options.style),
  );
  const room = options.width - stageWidth - stageGap;
  return cutIntoBlocks(columns, room)
    .map((block, index) => {
      const head = joinLine(padTo('stage', stageWidth), block, (column) => column.header);
      const body = lines.map((line, i) => {
        if (line.kind === 'fold') {
          return options.style.quiet(foldText(line));
        }
        const text = joinLine(padTo(stages[i] ?? '', stageWidth), block, (column) => column.cells[i] ?? nothing);
        // Margins repeat nothing: they stand beside the first block only.
        return index === 0 ? addNotes(text, line.notes, stageWidth, block, options) : text.trimmed;
      });
      return [options.style.heading(head.trimmed), ...body].join('\n');
    })
    .join('\n\n');
}

/** `30/35`, and infinities in what a sublayer hands on; those in masks and scores (`in` ports) are everyday. */
export function figures(health: SampleHealth, row: TableRow): string {
  const infinities =
    row.port === 'in'
      ? ''
      : `${health.posInf > 0 ? `  +inf ${String(health.posInf)}` : ''}${health.negInf > 0 ? `  −inf ${String(health.negInf)}` : ''}`;
  return `${String(health.nan)}/${String(health.of)}${infinities}`;
}

/** What a cell adds to its figures. */
export const stateWords: Readonly<Record<CellState, string>> = {
  clean: '',
  'pad-only': 'pad only',
  reached: 'reaches real',
  real: '',
};

/** For a tensor whose positions are unknown. */
export const wholeText = (row: TableRow): string =>
  `whole: ${
    row.whole === undefined
      ? 'unknown'
      : [row.whole.nan ? 'NaN' : '', row.whole.posInf ? '+inf' : '', row.whole.negInf ? '−inf' : '']
          .filter((word) => word !== '')
          .join(' ') || 'clean'
  }`;

export const foldText = (line: FoldLine): string =>
  `… ${line.layers}: the same${line.births ? ', NaN born in each' : ''}`;

const layerOf = (line: Line): string => (line.kind === 'row' && line.layer !== null ? visible(line.layer) : '');

function stageText(line: Line, layerWidth: number): string {
  if (line.kind === 'fold') {
    return '';
  }
  const layer = layerOf(line);
  return layer === ''
    ? clip(visible(line.name), longestStage)
    : `${clip(padTo(layer, layerWidth), longestStage)}  ${clip(visible(line.name), longestStage)}`;
}

function makeColumn(lines: readonly Line[], sample: number, header: string, style: Style): Column {
  const cells = lines.map((line) => (line.kind === 'fold' ? null : makeCell(line, sample, style)));
  return {
    header: { text: header, painted: header },
    cells,
    width: Math.max(displayWidth(header), ...cells.map((cell) => displayWidth(cell?.text ?? ''))),
  };
}

function makeCell(line: RowLine, sample: number, style: Style): Piece {
  if (line.cells === null) {
    const text = sample === 0 ? wholeText(line.row) : '';
    return { text, painted: line.row.whole?.nan === true ? style.bad(text) : style.quiet(text) };
  }
  const cell = line.cells[sample];
  if (cell === undefined) {
    return nothing;
  }
  const words = stateWords[cell.state];
  const text = `${figures(cell.health, line.row)}${words === '' ? '' : `  ${words}`}`;
  return { text, painted: paintOf(cell, style)(text) };
}

function paintOf(cell: Cell, style: Style): (text: string) => string {
  if (cell.state === 'clean') {
    return cell.health.posInf > 0 ? style.warning : style.good;
  }
  return cell.state === 'pad-only' ? style.warning : style.bad;
}

/** Beside the row where they fit, else on lines of their own beneath it. */
function addNotes(
  line: JoinedLine,
  notes: readonly Note[],
  stageWidth: number,
  block: readonly Column[],
  options: TableOptions,
): string {
  if (notes.length === 0) {
    return line.trimmed;
  }
  const text = notes.map((note) => visible(note.text)).join('; ');
  const paint = notes.some((note) => note.kind === 'birth') ? options.style.bad : options.style.strong;
  if (line.width + noteGap + 2 + displayWidth(text) <= options.width) {
    return `${line.painted}${' '.repeat(noteGap)}${paint(`← ${text}`)}`;
  }
  const indent = Math.min(stageWidth + stageGap, block.length === 0 ? 0 : 8);
  const folded = wrap(`↑ ${text}`, options.width - indent, 2).split('\n');
  return [line.trimmed, ...folded.map((part) => ' '.repeat(indent) + paint(part))].join('\n');
}
