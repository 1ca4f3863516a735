/**
 * What each axis of a tensor stands for. An axis is a product of factors, outermost first, because exporters merge
 * axes (`batch*heads`, `batch*sequence`) and split them again.
 */

export interface Factor {
  readonly size: number;
  /**
   * `routed`: rows picked out of batch and position together, as a mixture of experts does. `other`: known to be
   * neither (heads, features, weights). `unknown`: not followed; never guessed from equal sizes.
   */
  readonly kind: 'batch' | 'position' | 'routed' | 'other' | 'unknown';
  /** Which sequence of the batch a `position` or `routed` factor counts (0 = tokens or target, 1 = memory). */
  readonly sequence: number;
  /** The position is a key's, beside or instead of a query's. */
  readonly key: boolean;
  /** Coordinate → sample, −1 for none; null = the coordinate itself. */
  readonly samples: Int32Array | null;
  /** Coordinate → position, −1 for none; null = the coordinate itself. */
  readonly positions: Int32Array | null;
}

export type Axis = readonly Factor[];
export type TensorAxes = readonly Axis[];

const plain = (size: number, kind: Factor['kind']): Factor => ({
  size,
  kind,
  sequence: 0,
  key: false,
  samples: null,
  positions: null,
});
export const other = (size: number): Factor => plain(size, 'other');
export const unknown = (size: number): Factor => plain(size, 'unknown');
export const batchFactor = (size: number): Factor => plain(size, 'batch');
export const positionFactor = (size: number, sequence = 0, key = false): Factor => ({
  ...plain(size, 'position'),
  sequence,
  key,
});

export const isLabelled = (factor: Factor): boolean => factor.kind !== 'other' && factor.kind !== 'unknown';
export const axisLabelled = (axis: Axis): boolean => axis.some(isLabelled);
export const axisSize = (axis: Axis): number => axis.reduce((size, factor) => size * factor.size, 1);

/** The last position that a factor counts; −1 for none. */
export const lastPosition = ({ positions, size }: Factor): number =>
  positions === null ? size - 1 : positions.reduce((last, position) => Math.max(last, position), -1);

export const otherAxes = (shape: readonly number[]): TensorAxes => shape.map((size) => [other(size)]);
export const unknownAxes = (shape: readonly number[]): TensorAxes => shape.map((size) => [unknown(size)]);

const hasPosition = (factor: Factor): boolean => factor.kind === 'position' || factor.kind === 'routed';

export interface FactorPlace {
  readonly axis: number;
  readonly index: number;
  readonly factor: Factor;
}

/**
 * The factor that a tensor's positions are counted on: the query's where there is one, else the key's
 * (a mask of keys only), else null.
 */
export function positionPlace(axes: TensorAxes): FactorPlace | null {
  let key: FactorPlace | null = null;
  for (const [axis, factors] of axes.entries()) {
    for (const [index, factor] of factors.entries()) {
      if (!hasPosition(factor)) continue;
      if (!factor.key) return { axis, index, factor };
      key ??= { axis, index, factor };
    }
  }
  return key;
}

/** The key axis beside a query axis, else null. */
export function keyPlace(axes: TensorAxes): FactorPlace | null {
  const primary = positionPlace(axes);
  if (!primary || primary.factor.key) return null;
  for (const [axis, factors] of axes.entries()) {
    for (const [index, factor] of factors.entries()) {
      if (hasPosition(factor) && (axis !== primary.axis || index !== primary.index)) return { axis, index, factor };
    }
  }
  return null;
}

/** Positions that a tensor has where it does not have all of its sequence, ascending; null where it has, or nobody knows. */
export function heldPositions(axes: TensorAxes): readonly number[] | null {
  const { positions } = positionPlace(axes)?.factor ?? { positions: null };
  if (positions === null || positions.some((position) => position < 0)) return null;
  return [...new Set(positions)].sort((a, b) => a - b);
}

export function batchPlace(axes: TensorAxes): FactorPlace | null {
  for (const [axis, factors] of axes.entries()) {
    for (const [index, factor] of factors.entries()) {
      if (factor.kind === 'batch' || factor.kind === 'routed') return { axis, index, factor };
    }
  }
  return null;
}

export const asKey = (axis: Axis): Axis =>
  axis.map((factor) => (factor.kind === 'position' ? { ...factor, key: true } : factor));

/** The better informed of two descriptions of the same axis; `a` wins where both know. */
export function mergeAxis(a: Axis, b: Axis): Axis {
  if (axisSize(a) !== axisSize(b)) return a;
  if (axisLabelled(a)) return a;
  if (axisLabelled(b)) return b;
  return a.every((factor) => factor.kind === 'unknown') && !b.some((factor) => factor.kind === 'unknown') ? b : a;
}

/** As `mergeAxis`, for operands that meet element by element: scores know that an axis is the key's, masks do not. */
export function mergeOperands(a: Axis, b: Axis): Axis {
  const [first, second] = [a[0], b[0]];
  const bothPositions = a.length === 1 && b.length === 1 && first?.kind === 'position' && second?.kind === 'position';
  return bothPositions && first.size === second.size && second.key && !first.key ? b : mergeAxis(a, b);
}

/** The same axis without saying whose position it is; that is only known downstream of Q·Kᵀ. */
export const withoutKey = (axis: Axis): Axis =>
  axis.some((factor) => factor.key) ? axis.map((factor) => ({ ...factor, key: false })) : axis;

export function sameAxes(a: TensorAxes, b: TensorAxes): boolean {
  return (
    a.length === b.length &&
    a.every((axis, i) => {
      const others = b[i];
      return (
        others !== undefined &&
        axis.length === others.length &&
        axis.every((factor, j) => {
          const twin = others[j];
          return (
            twin !== undefined &&
            twin.kind === factor.kind &&
            twin.size === factor.size &&
            twin.key === factor.key &&
            twin.sequence === factor.sequence
          );
        })
      );
    })
  );
}
