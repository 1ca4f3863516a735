/** The outputs of a plain run: nothing probed, nothing rounded, at a level of graph optimisation. */
import type { AnyInspection } from '../../core/probe/inspectors';
import type { SampleFigures } from '../../core/probe/inspect/health';
import type { EngineLevel, OutputInfo, Report, SampleHealth, TableRow } from '../../core/report';
import { countRanges, countRole } from '../../core/trace/ranges';
import { cellParams } from '../measure/cellParams';
import type { Measurement } from '../measure/measure';
import type { EngineJob } from '../ports';
import { runForOutputs } from './outputRun';

export interface PlainOutputs {
  /** Rows of the table that are outputs of the model. */
  readonly table: readonly TableRow[];
  readonly outputs: readonly OutputInfo[];
}

/** @throws NanoscopeError what the engine says of a model that it cannot optimise so */
export async function outputsAt(
  job: EngineJob,
  measured: Measurement,
  { table, outputs, batch }: Report,
  level: EngineLevel,
): Promise<PlainOutputs> {
  const inspect = outputs.flatMap(({ name }): AnyInspection[] => {
    const axes = measured.axes.of(name);
    return axes && measured.keptOutputs.has(name)
      ? [{ id: name, inspector: 'health', tensors: [name], params: cellParams(measured, axes) }]
      : [];
  });
  const { inspected } = await runForOutputs(job, measured, level, { fetch: [], inspect });
  return shownBy({ table, outputs, batch }, (name) => {
    const figures = inspected[name];
    return Array.isArray(figures) ? (figures as readonly SampleFigures[]) : null;
  });
}

/** The outputs, and the rows of the table that are outputs, with the figures of another run of the same batch. */
function shownBy(report: Pick<Report, 'table' | 'outputs' | 'batch'>, figuresOf: FiguresOf): PlainOutputs {
  const names = new Set(report.outputs.map(({ name }) => name));
  const table = report.table.filter(({ tensor, port }) => names.has(tensor) && port === 'out');
  return { table: rowsBy({ ...report, table }, figuresOf), outputs: outputsBy(report, figuresOf) };
}

/** What another run of the same batch says of a value; null where it was not looked at. */
export type FiguresOf = (name: string) => readonly SampleFigures[] | null;

export const rowsBy = ({ table, batch }: Pick<Report, 'table' | 'batch'>, figuresOf: FiguresOf): TableRow[] =>
  table.map((row) => {
    const figures = figuresOf(row.tensor);
    const roles = (row.sequence === 'memory' ? batch.memory?.roles : batch.roles) ?? [];
    const { whole, ...rest } = row;
    return {
      ...rest,
      // Of a value without positions nothing is known where this run did not look at it.
      ...(whole && figures && { whole: wholeOf(figures) }),
      samples: row.samples?.map((own, at) => healthOf(own, figures?.[at], roles[at] ?? '')) ?? null,
    };
  });

export const outputsBy = ({ outputs }: Pick<Report, 'outputs'>, figuresOf: FiguresOf): OutputInfo[] =>
  outputs.map((output) => {
    const figures = figuresOf(output.name);
    return figures && output.nanAt
      ? {
          ...output,
          nanPositions: output.nanAt.map((_, at) => countRanges(figures[at]?.nanAt ?? '')),
          nanAt: output.nanAt.map((_, at) => figures[at]?.nanAt ?? ''),
        }
      : output;
  });

const wholeOf = (figures: readonly SampleFigures[]): NonNullable<TableRow['whole']> => ({
  nan: figures.some(({ nan }) => nan > 0),
  posInf: figures.some(({ posInf }) => posInf > 0),
  negInf: figures.some(({ negInf }) => negInf > 0),
});

/** What this run says in the place of what the measuring run said. */
function healthOf(own: SampleHealth, figures: SampleFigures | undefined, roles: string): SampleHealth {
  if (!figures) return own;
  const { nanAt, nan, posInf, negInf, min, max, norm } = figures;
  const padNan = own.of === roles.length ? countRole(nanAt, roles, 'p') : Math.min(own.padNan, nan);
  const absMax = min === null || max === null ? null : Math.max(Math.abs(min), Math.abs(max));
  return { ...own, nan, padNan, realNan: nan - padNan, posInf, negInf, absMax, min, max, norm, nanAt };
}
