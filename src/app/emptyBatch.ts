/**
 * A batch without samples or without positions. The engine's kernels crash on many models then (a division by a size
 * of 0 in `Expand`, `Reshape` to −1), so what can be known is known from shapes: where every output counts samples or
 * positions, no output has an element, and so none holds NaN.
 */
import { shapeText } from '../core/batch/limits';
import type { Batch } from '../core/batch/types';
import { NanoscopeError } from '../core/errors';
import type { GraphNode } from '../core/onnx/graph';
import type { TensorAxes } from '../core/onnx/axes/types';
import { axisSize, batchPlace, positionPlace } from '../core/onnx/axes/types';
import { isFloat } from '../core/probe/instrument';
import type { BatchInfo, Report } from '../core/report';
import { allocate, elementCount, type TensorData } from '../core/tensor';
import { placesInTable, tableSites } from '../core/trace/sites';
import { prepare, type Prepared } from './measure/measure';
import { modelInfo } from './modelInfo';
import type { EngineJob } from './ports';
import { axesOfInputs, type Subject } from './subject';

/** What a batch has none of. */
interface Empty {
  readonly none: 'samples' | 'positions';
  readonly input: string;
  readonly shape: readonly number[];
}

/** Thrown by what has to run a batch; a diagnosis answers it by `emptyReport`. */
export class EmptyBatch extends NanoscopeError {
  constructor(
    readonly empty: Empty,
    readonly subject: Subject,
    readonly batch: Batch,
    /** With one sample or position made up. */
    readonly standIn: Prepared,
  ) {
    super(
      'bad-input',
      `The batch is empty: "${empty.input}" has the shape ${shapeText(empty.shape)}, without ${empty.none}.`,
      'Give at least one sample with at least one position.',
    );
  }
}

/**
 * @throws EmptyBatch where no output can have an element. Where one can (a mean over no positions, say), only a run
 * tells what it holds.
 */
export async function refuseEmpty(
  job: EngineJob,
  subject: Subject,
  batch: Batch,
  given: ReadonlyMap<string, TensorAxes>,
): Promise<void> {
  const empty = emptiness(given);
  if (empty === null) return;
  const { graph } = subject;
  const inputs = Object.fromEntries(
    Object.entries(batch.inputs).map(([name, tensor]) => [name, filled(tensor, given.get(name) ?? [])]),
  );
  const target = { graph, inputs, externalDataFolder: subject.loaded.externalDataFolder };
  const standIn = await prepare(job, target, axesOfInputs(subject, { inputs }));
  const place = empty.none === 'samples' ? batchPlace : positionPlace;
  const without = (output: string): boolean => place(standIn.axes.of(output) ?? []) !== null;
  if (graph.outputs.every(without)) throw new EmptyBatch(empty, subject, batch, standIn);
}

/** An empty past is legal and an empty sample too; null for those and for every batch that holds something. */
function emptiness(inputAxes: ReadonlyMap<string, TensorAxes>): Empty | null {
  for (const [input, axes] of inputAxes) {
    const shape = axes.map(axisSize);
    if (batchPlace(axes)?.factor.size === 0) return { none: 'samples', input, shape };
    if (positionPlace(axes)?.factor.size === 0) return { none: 'positions', input, shape };
  }
  return null;
}

/** The report of a batch that holds nothing. */
export async function emptyReport(
  job: EngineJob,
  { empty, subject, batch, standIn: prepared }: EmptyBatch,
  asked: Pick<BatchInfo, 'source' | 'mask'>,
): Promise<Report> {
  const { graph } = subject;
  const sites = tableSites(graph, prepared.axes, (value) => isFloat(prepared.facts.values.get(value)?.dtype ?? ''));
  const placeOf = placesInTable(graph, sites);
  const layerOf = (node: GraphNode): number | null => placeOf(node, node.outputs[0] ?? '').layer;
  const samples = empty.none === 'samples' ? 0 : prepared.grid.samples;
  return {
    schemaVersion: 1,
    model: modelInfo(subject, prepared, layerOf),
    engine: { name: 'onnxruntime-node', version: await job.version(), optimization: 'disabled' },
    batch: {
      samples,
      positions: empty.none === 'positions' ? 0 : (prepared.grid.positions[0] ?? 1),
      padding: Array<'none'>(samples).fill('none'),
      roles: Array<string>(samples).fill(''),
      inputs: Object.fromEntries(
        Object.entries(batch.inputs).map(([name, { dtype, dims }]) => [name, { dtype, shape: dims }]),
      ),
      rolesFrom: `the batch has no ${empty.none}`,
      ...asked,
    },
    outputs: graph.outputs.map((name) => ({
      name,
      nanPositions: Array<number>(samples).fill(0),
      of: 0,
      nanAt: Array<string>(samples).fill(''),
    })),
    table: [],
    origins: [],
    spread: [],
    silent: [],
    fixes: [],
    notes: [
      ...subject.notes,
      `The batch has no ${empty.none} ("${empty.input}" is ${shapeText(empty.shape)}), so no output has an element that ` +
        'could be NaN. The model was not run: the engine crashes on many models that are fed nothing. Layers and ' +
        `attention are those of its graph with one of the ${empty.none} made up.`,
    ],
  };
}

/** Zeros in the shape of `tensor`, with one sample or position where it has none. */
function filled(tensor: TensorData, axes: TensorAxes): TensorData {
  const missing = [batchPlace(axes), positionPlace(axes)].filter((place) => place?.factor.size === 0);
  if (missing.length === 0) return tensor;
  const dims = tensor.dims.map((size, axis) => (missing.some((place) => place?.axis === axis) ? 1 : size));
  return { ...tensor, dims, data: allocate(tensor.dtype, elementCount(dims)) };
}
