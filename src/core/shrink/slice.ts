/** Some samples and positions of a batch. */
import type { TensorAxes } from '../onnx/axes/types';
import type { TensorData } from '../tensor';
import { numbersColumns, realRows, take } from '../verify/alone';

/** Indices that stay: samples, and positions by sequence. */
export interface Kept {
  readonly samples: readonly number[];
  readonly positions: readonly (readonly number[])[];
}

/** Position ids that merely number the columns number those that are left. */
export function sliceInputs(
  inputs: Readonly<Record<string, TensorData>>,
  axes: ReadonlyMap<string, TensorAxes>,
  kept: Kept,
): Record<string, TensorData> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, tensor]) => {
      const own = axes.get(name);
      const columns = numbersColumns(name, tensor, own);
      const rows = tensor.dims.map((size, axis): readonly number[] => {
        const factor = own?.[axis]?.length === 1 ? own[axis][0] : undefined;
        const whole = Array.from({ length: size }, (_, i) => i);
        if (factor?.kind === 'batch') return size === 1 ? whole : kept.samples;
        const positions = factor?.kind === 'position' ? kept.positions[factor.sequence] : undefined;
        // One row for all positions stays; one new token behind a past is a position like any other.
        if (!factor || !positions || (size === 1 && factor.positions === null)) return whole;
        const rows = realRows(factor, kept.positions);
        return columns ? whole.slice(0, rows.length) : rows;
      });
      return [name, take(tensor, rows)];
    }),
  );
}
