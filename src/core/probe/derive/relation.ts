/** From elements to cells: which (sample, position) cells of an output a NaN in a cell of an input must show in. */
import type { Grid } from '../fold';
import { batchPlace, isLabelled, positionPlace } from '../../onnx/axes/types';
import type { Axis, Factor, FactorPlace, TensorAxes } from '../../onnx/axes/types';
import type { Flow } from './flow';
import { CONSUMED } from './flow';

/**
 * What becomes of one coordinate of the output's cells. `same`: it is the input's. `all`: every one is hit.
 * `one`: one is hit, nobody knows which. `none`: the output does not tell them apart.
 */
export type Coordinate = 'same' | 'all' | 'one' | 'none';

export interface Relation {
  readonly sample: Coordinate;
  readonly position: Coordinate;
  /** One NaN element fills the cells that it hits: features, heads and keys have one each. See `Bounds.full`. */
  readonly fills: boolean;
  /** A full cell fills the cells that it hits. */
  readonly keepsFull: boolean;
}

export function relationOf(from: TensorAxes, to: TensorAxes, flow: Flow, grid: Grid): Relation {
  if (flow.kind === 'shuffle') {
    const has = (place: FactorPlace | null): Coordinate => (place ? 'one' : 'none');
    return { sample: has(batchPlace(to)), position: has(positionPlace(to)), fills: false, keepsFull: false };
  }
  const source = (axis: number): number | null => {
    const found = flow.map.indexOf(axis);
    return found < 0 ? null : found;
  };
  // Nothing of the input lies along the axis, or the same thing all along it: whatever is NaN is NaN all along.
  const isFree = (axis: number): boolean => {
    if (axis === flow.moved) return false;
    const own = source(axis);
    return own === null || sizeOf(from[own] ?? []) === 1;
  };
  const coordinate = (own: FactorPlace | null, place: FactorPlace | null, whole: boolean): Coordinate => {
    if (!place) return 'none';
    if (isFree(place.axis)) return whole ? 'all' : 'one';
    const axis = source(place.axis);
    const matches =
      own !== null &&
      axis === own.axis &&
      own.index === place.index &&
      sameFactors(from[axis] ?? [], to[place.axis] ?? []);
    return matches ? 'same' : 'one';
  };
  const [batch, outBatch] = [batchPlace(from), batchPlace(to)];
  const [position, outPosition] = [positionPlace(from), positionPlace(to)];
  const single = samplesOnce(from) && samplesOnce(to);
  const sample =
    single || outBatch === null ? coordinate(batch, outBatch, isWhole(outBatch?.factor, grid.samples)) : 'one';
  const at = coordinate(
    position,
    outPosition,
    isWhole(outPosition?.factor, grid.positions[outPosition?.factor.sequence ?? 0] ?? 1),
  );
  const labelOf = (axis: number, index: number): boolean =>
    (outBatch?.axis === axis && outBatch.index === index) ||
    (outPosition?.axis === axis && outPosition.index === index);
  const fills = to.every(
    (axis, i) => isFree(i) || axis.every((factor, index) => factor.size === 1 || labelOf(i, index)),
  );
  const settled = (own: FactorPlace | null, became: Coordinate): boolean =>
    own === null || own.factor.size === 1 || became === 'same' || flow.map[own.axis] === CONSUMED;
  return {
    sample,
    position: at,
    fills: flow.kind === 'carry' && fills,
    keepsFull: single && settled(batch, sample) && settled(position, at),
  };
}

const sizeOf = (axis: Axis): number => axis.reduce((size, factor) => size * factor.size, 1);

/** Every cell of the grid occurs along the factor. */
const isWhole = (factor: Factor | undefined, size: number): boolean =>
  factor?.samples === null && factor.positions === null && factor.size === size;

const samplesOnce = (axes: TensorAxes): boolean =>
  axes.reduce(
    (count, axis) => count + axis.filter((factor) => factor.kind === 'batch' || factor.kind === 'routed').length,
    0,
  ) <= 1;

function sameFactors(a: Axis, b: Axis): boolean {
  return (
    a.length === b.length &&
    a.every((factor, i) => {
      const twin = b[i];
      if (!twin || factor.size !== twin.size) return false;
      if (!isLabelled(factor) && !isLabelled(twin)) return true;
      return (
        factor.kind === twin.kind &&
        factor.sequence === twin.sequence &&
        sameNumbers(factor.samples, twin.samples) &&
        sameNumbers(factor.positions, twin.positions)
      );
    })
  );
}

const sameNumbers = (a: Int32Array | null, b: Int32Array | null): boolean =>
  a === b || (a !== null && b !== null && a.length === b.length && a.every((value, i) => value === b[i]));
