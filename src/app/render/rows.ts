/**
 * Which rows of a report's table are shown, under which names, and which runs of layers are folded into one line.
 * The terminal's table and the markdown table are both made from these lines.
 */
import type { Report, SampleHealth, TableRow } from '../../core/report';
import { notesByRow, type Note } from './notes';

export interface RowChoice {
  /** Only these layers, unfolded, and what lies outside layers. */
  readonly layers?: readonly number[] | undefined;
  /** Every row, `in` ports included, nothing folded. */
  readonly all?: boolean | undefined;
}

/** How far NaN got in one sample at one row: `real` and `reached` have NaN at real tokens. */
export type CellState = 'clean' | 'pad-only' | 'reached' | 'real';

export interface Cell {
  readonly health: SampleHealth;
  /** `reached` where the row before had no NaN at real tokens of this sample; `real` after that. */
  readonly state: CellState;
}

export interface RowLine {
  readonly kind: 'row';
  readonly row: TableRow;
  /** `layer 0`, `encoder layer 0`, or null outside layers. */
  readonly layer: string | null;
  /** `attention`, `input_layernorm`, `mlp in`. From the model, so not safe to print. */
  readonly name: string;
  /** One per sample; null where the positions of this tensor are unknown. */
  readonly cells: readonly Cell[] | null;
  readonly notes: readonly Note[];
}

export interface FoldLine {
  readonly kind: 'fold';
  /** `layers 2–60`. */
  readonly layers: string;
  readonly count: number;
  /** NaN is born in each of the folded layers too. */
  readonly births: boolean;
}

export type Line = RowLine | FoldLine;

/** Two equal layers are quicker read than folded. */
const shortestFold = 2;

export function tableLines(report: Report, choice: RowChoice = {}): Line[] {
  const notes = notesByRow(report);
  const prefixes = layerPrefixes(report.table);
  const reached = new Set<number>();
  const lines = chosenRows(report.table, choice, notes).map((row): RowLine => {
    const prefix = prefixes.size > 1 ? prefixOf(row) : '';
    return {
      kind: 'row',
      row,
      layer: row.layer === null ? null : `${prefix === '' ? '' : `${prefix} `}layer ${String(row.layer)}`,
      name: `${stageName(row)}${row.port === 'in' ? ' in' : ''}`,
      cells: row.samples?.map((health, sample) => ({ health, state: stateOf(health, sample, reached) })) ?? null,
      notes: notes.get(row) ?? [],
    };
  });
  return choice.all === true || choice.layers !== undefined ? lines : fold(lines);
}

/** Layers that `--rows` names and the model does not have. */
export function unknownLayers(report: Report, layers: readonly number[]): number[] {
  const known = new Set(report.table.map((row) => row.layer));
  return layers.filter((layer) => !known.has(layer));
}

function stateOf(health: SampleHealth, sample: number, reached: Set<number>): CellState {
  if (health.realNan === 0) {
    reached.delete(sample);
    return health.nan === 0 ? 'clean' : 'pad-only';
  }
  if (reached.has(sample)) {
    return 'real';
  }
  reached.add(sample);
  return 'reached';
}

/**
 * By default the `out` port of every sublayer. Whole layers and `other` nodes are shown only where a layer has no
 * sublayers that could be told apart; a row with a birth is never left out.
 */
function chosenRows(
  table: readonly TableRow[],
  choice: RowChoice,
  notes: ReadonlyMap<TableRow, readonly Note[]>,
): readonly TableRow[] {
  if (choice.all === true) {
    return table;
  }
  const { layers } = choice;
  const asked = layers === undefined ? table : table.filter((row) => row.layer === null || layers.includes(row.layer));
  const isSublayer = (row: TableRow): boolean => row.port === 'out' && row.stage !== 'layer' && row.stage !== 'other';
  const told = new Set(asked.filter(isSublayer).map((row) => row.layer));
  return asked.filter(
    (row) =>
      isSublayer(row) ||
      (row.port === 'out' && !told.has(row.layer)) ||
      (notes.get(row)?.some((note) => note.kind === 'birth') ?? false),
  );
}

/** `attention`, `input_layernorm`; from the model, so not safe to print. */
export function stageName(row: Pick<TableRow, 'stage' | 'block' | 'label'>): string {
  switch (row.stage) {
    case 'attention':
      return row.block === 'cross' ? 'cross attention' : 'attention';
    case 'mlp':
    case 'logits':
      return row.stage;
    case 'layer':
      return 'output';
    default:
      return lastPart(row.label) ?? row.stage;
  }
}

/** `input_layernorm` of `layers.0.input_layernorm`; undefined where the last part is a number. */
function lastPart(label: string): string | undefined {
  const part = label.split(/[./]/).at(-1);
  return part === undefined || /^\d*$/.test(part) ? undefined : part;
}

/** `encoder` of `encoder.layers.0.self_attn`: what stands before the numbered list of layers. */
function prefixOf(row: TableRow): string {
  const parts = row.label.split(/[./]/);
  const index = parts.indexOf(String(row.layer));
  return parts.slice(0, Math.max(0, index - 1)).join('.');
}

const layerPrefixes = (table: readonly TableRow[]): ReadonlySet<string> =>
  new Set(table.filter((row) => row.layer !== null).map(prefixOf));

/** Replaces runs of layers that show the same as the layer before them. */
function fold(lines: readonly RowLine[]): Line[] {
  const groups = groupByLayer(lines);
  const folded: Line[] = [];
  for (let start = 0; start < groups.length;) {
    const first = groups[start] ?? [];
    folded.push(...first);
    const looks = lookOf(first);
    let end = start + 1;
    const inLayer = typeof first[0]?.layer === 'string';
    while (inLayer && end < groups.length && lookOf(groups[end] ?? []) === looks) {
      end++;
    }
    const same = groups.slice(start + 1, end);
    folded.push(...(same.length < shortestFold ? same.flat() : [foldLine(same)]));
    start = end;
  }
  return folded;
}

function groupByLayer(lines: readonly RowLine[]): RowLine[][] {
  const groups: RowLine[][] = [];
  for (const line of lines) {
    const group = groups.at(-1);
    if (group !== undefined && line.layer !== null && group[0]?.layer === line.layer) {
      group.push(line);
    } else {
      groups.push([line]);
    }
  }
  return groups;
}

/** What a reader sees of a layer, its number and its magnitudes aside. */
function lookOf(group: readonly RowLine[]): string {
  return JSON.stringify(
    group.map((line) => [
      line.layer?.replace(/\d+$/, '') ?? null,
      line.name,
      line.row.whole ?? null,
      line.cells?.map(({ health }) => [health.nanAt, health.of, health.posInf, health.negInf]) ?? null,
      line.notes.map((note) => note.text),
    ]),
  );
}

function foldLine(groups: readonly (readonly RowLine[])[]): FoldLine {
  const first = groups[0]?.[0];
  const last = groups.at(-1)?.[0];
  const numbers = `${String(first?.row.layer)}–${String(last?.row.layer)}`;
  return {
    kind: 'fold',
    layers: `${(first?.layer ?? '').replace(/ \d+$/, '')}s ${numbers}`,
    count: groups.length,
    births: groups[0]?.some((line) => line.notes.some((note) => note.kind === 'birth')) ?? false,
  };
}
