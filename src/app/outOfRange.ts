/**
 * Why the engine failed, where the batch asks for more rows than a table of the model has: more positions than it was
 * trained for, or ids beyond its vocabulary. The engine names neither the table nor the sample.
 */
import { isIntegerType } from '../core/batch/layout';
import { shapeText } from '../core/batch/limits';
import type { Lookup } from '../core/batch/tables';
import { lookups, RowOutOfRange } from '../core/batch/tables';
import type { Batch } from '../core/batch/types';
import { NanoscopeError } from '../core/errors';
import { positionPlace } from '../core/onnx/axes/types';
import type { ErrorCode } from '../core/errors';
import { show } from '../core/onnx/show';
import { typeName } from '../core/onnx/tensors';
import { elementCount } from '../core/tensor';
import type { Subject } from './subject';
import { axesOfInputs } from './subject';

/** Codes that the engine's words about sizes and indices end up under. */
const mayBe: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['bad-input', 'corrupt-model', 'engine-failed']);

/** Runs `work`; a failure of it that a table is too short for is told as that. */
export async function withTablesTold<T>(subject: Subject, batch: Batch, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NanoscopeError) || !mayBe.has(error.code)) throw error;
    throw tableError(error, subject, batch) ?? error;
  }
}

function tableError(error: NanoscopeError, subject: Subject, batch: Batch): NanoscopeError | null {
  const tables = lookups(subject.graph, subject.inputs);
  const longest = longestSample(subject, batch);
  if (error.cause instanceof RowOutOfRange) {
    const { node, row, range } = error.cause;
    const table = tables.find((lookup) => lookup.node.name === node);
    if (table === undefined) return null;
    return table.by.kind === 'ids'
      ? idError(table, table.by.input, batch, row, range)
      : positionError(table, longest, `row ${String(row)} was asked for`);
  }
  // The list 0, 1, 2, … that position ids are cut from is as long as the table that they choose from.
  const isList = ({ table }: Lookup): boolean =>
    isIntegerType(typeName(subject.graph.initializers.get(table)?.dataType ?? 0));
  const shortest = tables
    .filter(({ by, rows }) => by.kind === 'positions' && rows < longest.length)
    .sort((a, b) => a.rows - b.rows || Number(isList(a)) - Number(isList(b)))[0];
  return shortest ? positionError(shortest, longest, null) : null;
}

interface Longest {
  readonly length: number;
  /** null where it is not known which sample it is. */
  readonly sample: number | null;
}

function longestSample(subject: Subject, batch: Batch): Longest {
  if (batch.lengths) {
    const { lengths } = batch.lengths;
    const length = Math.max(...lengths);
    return { length, sample: lengths.indexOf(length) };
  }
  const sizes = [...axesOfInputs(subject, batch).values()].map((axes) => positionPlace(axes)?.factor.size ?? 0);
  return { length: Math.max(0, ...sizes), sample: null };
}

function positionError(
  { node, table, rows }: Lookup,
  { length, sample }: Longest,
  asked: string | null,
): NanoscopeError {
  const whose = sample === null ? 'the batch has' : `sample ${String(sample)} has`;
  const named = `the table ${show(table)}, which ${show(node.name)} reads`;
  return new NanoscopeError(
    'bad-input',
    length > rows
      ? `The model has ${String(rows)} positions, and ${whose} ${String(length)}: they are the rows of ${named}.`
      : `The model has ${String(rows)} positions, the rows of ${named}, and ${asked ?? 'more were asked for'}, although ${whose} only ${String(length)}.`,
    length > rows
      ? `Give samples of at most ${String(rows)} positions.`
      : 'Look at how positions are counted: position ids of the batch may be too large, or start above 0 in this model; shorter samples may fit.',
  );
}

function idError(
  { table, rows }: Lookup,
  input: string,
  { inputs }: Batch,
  row: number,
  [least, largest]: readonly [number, number],
): NanoscopeError {
  const tensor = Object.hasOwn(inputs, input) ? inputs[input] : undefined;
  const at = tensor ? Array.from(tensor.data, Number).indexOf(row) : -1;
  const place =
    tensor && at >= 0
      ? ` at ${shapeText(tensor.dims.map((size, axis) => Math.floor(at / elementCount(tensor.dims.slice(axis + 1))) % size))}`
      : '';
  return new NanoscopeError(
    'bad-input',
    `The input ${show(input)} holds the id ${String(row)}${place}, which is not within ${String(least)} to ${String(largest)}: ` +
      `the table ${show(table)} has ${String(rows)} rows.`,
    "Give ids of this model's vocabulary.",
  );
}
