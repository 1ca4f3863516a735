/**
 * Pure functions that run beside the tensors (in the engine's child process), so that statistics travel and
 * tensors stay. An inspector gets the tensors that the request names, in that order, and plain parameters.
 */
import type { MaskPlane, PlaneParams } from '../diagnose/maskPlane';
import { maskPlane } from '../diagnose/maskPlane';
import type { LevelParams, MaskLevels } from '../diagnose/maskLevels';
import { maskLevels } from '../diagnose/maskLevels';
import type { TensorData } from '../tensor';
import type { Difference, RowsDifference, RowsParams } from './inspect/compare';
import { bitEqual, difference, rowsDifference } from './inspect/compare';
import type { ElementCounts } from './inspect/count';
import { countElements } from './inspect/count';
import type { HealthParams, SampleFigures } from './inspect/health';
import { health } from './inspect/health';
import type { Lane, LanesParams } from './inspect/lanes';
import { lanes } from './inspect/lanes';
import type { Operands, OperandsParams } from './inspect/operands';
import { operands } from './inspect/operands';
import type { SoftmaxRows, SoftmaxRowsParams } from './inspect/softmaxRows';
import { softmaxRows } from './inspect/softmaxRows';

/** Parameters and result of each inspector; both must survive a structured clone. */
export interface Inspections {
  count: { params: null; result: readonly ElementCounts[] };
  maskPlane: { params: PlaneParams; result: MaskPlane };
  maskLevels: { params: LevelParams; result: MaskLevels };
  health: { params: HealthParams; result: readonly SampleFigures[] };
  softmaxRows: { params: SoftmaxRowsParams; result: SoftmaxRows };
  operands: { params: OperandsParams; result: Operands };
  lanes: { params: LanesParams; result: Lane | null };
  bitEqual: { params: null; result: boolean };
  difference: { params: null; result: Difference };
  rowsDifference: { params: RowsParams; result: RowsDifference };
}

export type InspectorName = keyof Inspections;

export type Inspector<K extends InspectorName> = (
  tensors: readonly TensorData[],
  params: Inspections[K]['params'],
) => Inspections[K]['result'];

const first = (tensors: readonly TensorData[], i = 0): TensorData => {
  const tensor = tensors[i];
  if (!tensor) throw new Error(`the inspector needs tensor ${String(i)}`);
  return tensor;
};

export const inspectors: { readonly [K in InspectorName]: Inspector<K> } = {
  count: (tensors) => tensors.map(countElements),
  maskPlane: (tensors, params) => maskPlane(first(tensors), params),
  maskLevels: (tensors, params) => maskLevels(first(tensors), params),
  health: (tensors, params) => health(first(tensors), params),
  softmaxRows: (tensors, params) => softmaxRows(tensors, params),
  operands: (tensors, params) => operands(tensors, params),
  lanes: (tensors, params) => lanes(tensors, params),
  bitEqual: (tensors) => bitEqual(first(tensors), first(tensors, 1)),
  difference: (tensors) => difference(first(tensors), first(tensors, 1)),
  rowsDifference: (tensors, params) => rowsDifference(first(tensors), first(tensors, 1), params),
};

/**
 * Runs an inspector by name, as the child process gets it over IPC; the host built the parameters from
 * `Inspections`, so they are of the right shape.
 * @throws Error for a name that is none.
 */
export function inspect(name: string, tensors: readonly TensorData[], params: unknown): unknown {
  if (!Object.hasOwn(inspectors, name)) throw new Error(`no inspector is called ${name}`);
  const inspector: (tensors: readonly TensorData[], params: never) => unknown = inspectors[name as InspectorName];
  return inspector(tensors, params as never);
}

/** One inspection as a request carries it. */
export type InspectionOf<K extends InspectorName> = {
  readonly id: string;
  readonly inspector: K;
  readonly tensors: readonly string[];
  readonly params: Inspections[K]['params'];
};
export type AnyInspection = { [K in InspectorName]: InspectionOf<K> }[InspectorName];
