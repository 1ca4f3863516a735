/** Runs as a comparison gets them, written by hand. */
import type { ComparedRun } from '../../../src/core/compare/types';
import type { SampleHealth, TableRow } from '../../../src/core/report';
import { countRanges, countRole } from '../../../src/core/trace/ranges';

export type RowInit = Pick<TableRow, 'layer' | 'stage'> &
  Partial<Pick<TableRow, 'port' | 'label' | 'block' | 'sequence'>> & {
    /** NaN positions by sample; null where positions are not known. */
    readonly nanAt: readonly string[] | null;
    /** Positions of the row; those of its roles where it is absent. */
    readonly of?: number;
    /** NaN anywhere in a value without positions. */
    readonly whole?: boolean;
  };

export function run(label: string, roles: readonly string[], rows: readonly RowInit[]): ComparedRun {
  return {
    label,
    model: 'model.onnx',
    roles,
    table: rows.map(({ nanAt, of, layer, stage, port = 'out', label: own, block = null, sequence, whole }, i) => ({
      layer,
      block,
      stage,
      port,
      label: own ?? `row ${String(i)}`,
      ...(sequence && { sequence }),
      tensor: `t${String(i)}`,
      node: `n${String(i)}`,
      op: 'Add',
      axes: 'tokens',
      dtype: 'float32',
      shape: [],
      ...(whole !== undefined && { whole: { nan: whole, posInf: false, negInf: false } }),
      samples: nanAt?.map((at, sample) => cell(at, roles[sample] ?? '', of)) ?? null,
    })),
    outputs: [],
    births: [],
    facts: [],
  };
}

function cell(nanAt: string, roles: string, of = roles.length): SampleHealth {
  const nan = countRanges(nanAt);
  const pad = of === roles.length ? roles.replaceAll('r', '').length : 0;
  const padNan = of === roles.length ? countRole(nanAt, roles, 'p') : 0;
  return {
    nan,
    of,
    padNan,
    pad,
    realNan: nan - padNan,
    real: of - pad,
    posInf: 0,
    negInf: 0,
    absMax: 1,
    min: 0,
    max: 1,
    norm: 1,
    nanAt,
  };
}
