import type { TensorAxes } from '../../core/onnx/axes/types';
import { axisSize } from '../../core/onnx/axes/types';
import { keptAxes } from '../../core/probe/fold';
import type { HealthParams } from '../../core/probe/inspect/health';
import type { Prepared } from './measure';

/** How inspectors find sample and position of a tensor's elements. */
export function cellParams(prepared: Pick<Prepared, 'cellsOf'>, axes: TensorAxes): HealthParams {
  const kept = new Set(keptAxes(axes));
  const { cell, samples, positions } = prepared.cellsOf(axes);
  return { cell, samples, positions, axes: axes.map((axis, i) => ({ size: axisSize(axis), kept: kept.has(i) })) };
}
