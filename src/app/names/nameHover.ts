/** What the last report says of a module or a tensor that source code names: its rows of the table, and what began there. */
import type { Finding, Origin, Report, TableRow } from '../../core/report';
import { batchText, sampleTitle } from '../render/batch';
import { code, markdownTable, prose } from '../render/escape';
import { groupFindings, modelFacts, othersText } from '../render/findings';
import { tableLines, type RowLine } from '../render/rows';
import { figures, stateWords, wholeText } from '../render/table';
import type { NamePlace } from './nameAt';

const mostRows = 12;
const mostSamples = 6;
const mostBirths = 2;

/** Markdown; null where the report knows nothing of that name. */
export function nameHover(report: Report, { text, as }: Pick<NamePlace, 'text' | 'as'>): string | null {
  const lines = tableLines(report, { all: true }).filter((line): line is RowLine => line.kind === 'row');
  const isTensor = (one: TableRow | Finding): boolean => one.tensor === text || one.node === text;
  const module = as === 'variable' ? null : modulePath(text);
  const isInside = (one: TableRow | Finding): boolean =>
    module !== null && contains(segments(one.node ?? one.tensor), module);
  const named = oneOf(lines.filter(({ row }) => isTensor(row)));
  const found = named.length > 0 ? named : module === null ? [] : rowsOfModule(lines, module);
  const births = report.origins.filter((origin) => isTensor(origin) || (named.length === 0 && isInside(origin)));
  if (found.length === 0 && births.length === 0) return null;
  const { model, batch } = report;
  return [
    `${code(text)} in the last diagnosis: ${code(model.name)} (${prose(modelFacts(model))}), ${prose(batchText(batch))}`,
    ...(found.length > 0 ? [tableOf(report, found)] : []),
    ...birthLines(births),
  ].join('\n\n');
}

/** What a tensor hands on is also what the next one is given: told once, where it is made. */
function oneOf(lines: readonly RowLine[]): RowLine[] {
  const made = lines.find(({ row }) => row.port === 'out') ?? lines[0];
  return made === undefined ? [] : [made];
}

/** `model.layers.0.self_attn` as its parts; null for what can be no path. */
const modulePath = (text: string): readonly string[] | null =>
  /^[\p{ID_Continue}]+(?:\.[\p{ID_Continue}]+)*$/u.test(text) ? text.split('.') : null;

/** Exporters write module paths with slashes, dots, or both: `/model/layers.0/mlp/MatMul`. */
const segments = (name: string): readonly string[] => name.split(/[./]/u).filter((part) => part !== '');

const contains = (path: readonly string[], part: readonly string[]): boolean =>
  path.some((_, start) => part.every((name, i) => path[start + i] === name));

/** Rows of modules of this name; where the table has none, the last row of every layer that was computed inside one. */
function rowsOfModule(lines: readonly RowLine[], module: readonly string[]): RowLine[] {
  const out = lines.filter(({ row }) => row.port === 'out');
  const own = out.filter(({ row }) => contains(segments(row.label).slice(-module.length), module));
  if (own.length > 0) return own;
  const last = new Map<string, RowLine>();
  for (const line of out) {
    const inside = contains(segments(line.row.node ?? line.row.tensor), module);
    if (inside || contains(segments(line.row.label), module)) last.set(line.layer ?? `${line.name} `, line);
  }
  return [...last.values()];
}

function tableOf(report: Report, lines: readonly RowLine[]): string {
  const samples = report.batch.roles.map((_, sample) => sample).slice(0, mostSamples);
  const rows = joined(lines);
  const head = ['', ...samples.map((sample) => prose(sampleTitle(report.batch, sample)))];
  const table = markdownTable(
    head,
    rows
      .slice(0, mostRows)
      .map(({ place, cells }) => [
        prose(place),
        ...samples.map((sample) => prose(cells === null ? '' : (cells[sample] ?? '–'))),
      ]),
  );
  const whole = rows.some(({ cells }) => cells === null) ? ['Positions are not known everywhere.'] : [];
  const more = [
    ...(rows.length > mostRows ? [`${String(rows.length - mostRows)} more rows`] : []),
    ...(report.batch.roles.length > mostSamples
      ? [`${String(report.batch.roles.length - mostSamples)} more samples`]
      : []),
    ...whole,
  ];
  return more.length > 0 ? `${table}\n\n… ${more.join(', ')}` : table;
}

interface Joined {
  readonly place: string;
  readonly cells: readonly string[] | null;
}

/** Layers that show the same, one after the other, are one line: `layers 1–60 attention`. */
function joined(lines: readonly RowLine[]): Joined[] {
  const groups: { first: RowLine; last: RowLine; cells: readonly string[] | null }[] = [];
  for (const line of lines) {
    const cells = cellsOf(line);
    const before = groups.at(-1);
    const same =
      before?.first.name === line.name &&
      line.row.layer !== null &&
      before.last.row.layer === line.row.layer - 1 &&
      JSON.stringify(before.cells) === JSON.stringify(cells);
    if (same) before.last = line;
    else groups.push({ first: line, last: line, cells });
  }
  return groups.map(({ first, last, cells }) => ({
    place:
      first.layer === null
        ? first.name
        : first === last
          ? `${first.layer} ${first.name}`
          : `${first.layer.replace(/ \d+$/u, '')}s ${String(first.row.layer)}–${String(last.row.layer)} ${first.name}`,
    cells,
  }));
}

function cellsOf({ row, cells }: RowLine): readonly string[] | null {
  if (cells === null) return row.whole === undefined ? null : [wholeText(row)];
  return cells.map(({ health, state }) =>
    [figures(health, row), stateWords[state]].filter((part) => part !== '').join(' '),
  );
}

function birthLines(births: readonly Origin[]): string[] {
  const groups = groupFindings(births);
  return groups.slice(0, mostBirths).map((group) => {
    const others = othersText(group);
    const { mechanism, explanation, layer } = group.first;
    return (
      `**NaN begins here**${layer === null ? '' : `, layer ${String(layer)}`} (${code(mechanism)}): ${prose(explanation)}` +
      (others === '' ? '' : ` ${prose(others)}.`)
    );
  });
}
