/** Which tensors can be compared token by token with another run of the model: outputs, and rows of the table. */
import type { RowsParams } from '../../core/probe/inspect/compare';
import type { Factor } from '../../core/onnx/axes/types';
import { batchPlace, positionPlace } from '../../core/onnx/axes/types';
import type { FixRow } from '../../core/report';
import type { Site } from '../../core/trace/sites';
import type { RealPositions } from '../../core/verify/alone';
import type { Measurement } from '../measure/measure';

export type RowPlace = Omit<FixRow, 'maxAbsDiff'>;

/** A float tensor whose leading axes are batch and position (2, in either order), or batch alone (1). */
export interface Comparable {
  readonly tensor: string;
  readonly leading: 1 | 2;
  readonly positionsFirst: boolean;
  readonly sequence: number;
  /** Position of each of its rows; null where all positions of the sequence stand in their order. */
  readonly positions: readonly number[] | null;
  /** Row of the table; null for an output of the model. */
  readonly row: RowPlace | null;
}

/** What `rowsDifference` must know of it. */
export const layoutOf = ({ leading, positionsFirst }: Comparable): Pick<RowsParams, 'leading' | 'positionsFirst'> => ({
  leading,
  positionsFirst,
});

/** Bytes of the padded batch's own tensors up to which rows are compared: they stay in the child, once per reference. */
const bytesForRows = 128 * 1024 * 1024;

export function comparableOutputs(measured: Measurement): Comparable[] {
  return [...measured.keptOutputs.keys()].flatMap((output) => comparable(measured, output, null) ?? []);
}

/** The table's rows, the ends of layers first where all would be too much. */
export function comparableRows(measured: Measurement, sites: readonly Site[]): Comparable[] {
  const found = sites.flatMap(({ tensor, layer, block, stage, port }) => {
    const own = measured.target.graph.producer.has(tensor)
      ? comparable(measured, tensor, { layer, block, stage, port })
      : null;
    return own?.leading === 2 ? [own] : [];
  });
  const layersOnly = found.filter(({ row }) => row?.stage === 'layer' && row.port === 'out');
  return [found, layersOnly].find((some) => bytesOf(measured, some) <= bytesForRows) ?? [];
}

const bytesOf = (measured: Measurement, some: readonly Comparable[]): number =>
  [...new Set(some.map(({ tensor }) => tensor))]
    .map((tensor) => 4 * (measured.facts.shape(tensor) ?? []).reduce((a, b) => a * b, 1))
    .reduce((a, b) => a + b, 0);

function comparable(measured: Measurement, tensor: string, row: RowPlace | null): Comparable | null {
  const axes = measured.axes.of(tensor);
  if (!axes || measured.flagsOf(tensor) === null) return null;
  const batch = batchPlace(axes);
  const position = positionPlace(axes);
  if (batch?.factor.kind !== 'batch' || axes[batch.axis]?.length !== 1) return null;
  if (!position)
    return batch.axis === 0 ? { tensor, leading: 1, positionsFirst: false, sequence: 0, positions: null, row } : null;
  if (position.factor.kind !== 'position' || axes[position.axis]?.length !== 1) return null;
  // `batch_first=False`, as PyTorch calls it, is the other order of the two.
  if (batch.axis + position.axis !== 1) return null;
  const { sequence, positions, size } = position.factor;
  if (positions === null && size !== measured.grid.positions[sequence]) return null;
  // Rows that a run without padding holds as well: the new tokens behind a past. The last row is another one there.
  if (positions !== null && !isFed(measured, position.factor)) return null;
  return {
    tensor,
    leading: 2,
    positionsFirst: position.axis === 0,
    sequence,
    positions: positions && Array.from(positions),
    row,
  };
}

/** Some input has the very same positions. */
const isFed = ({ inputAxes }: Measurement, { sequence, positions: own }: Factor): boolean =>
  [...inputAxes.values()].some((axes) =>
    axes
      .flat()
      .some(
        (factor) =>
          factor.kind === 'position' &&
          factor.sequence === sequence &&
          factor.positions?.length === own?.length &&
          factor.positions?.every((position, i) => position === own?.[i]) === true,
      ),
  );

/** Rows that every sample has. */
export const widthOf = (
  { leading, sequence, positions }: Comparable,
  { positions: all }: Measurement['grid'],
): number => (leading === 2 ? (positions?.length ?? all[sequence] ?? 1) : 1);

/** Rows within a sample that hold real positions, in their order. */
export function rowsWithin({ leading, sequence, positions }: Comparable, real: RealPositions): readonly number[] {
  const own = real[sequence] ?? [];
  if (leading === 1) return own.length > 0 ? [0] : [];
  return positions === null ? own : own.map((position) => positions.indexOf(position)).filter((row) => row >= 0);
}
