/** What a job is about: the model, what it asks to be fed, and the batch. */
import { checkBatch } from '../core/batch/fit';
import { inputAxes } from '../core/batch/inputAxes';
import { defaultInputs, refuseConstants, withoutDefaults } from '../core/batch/defaults';
import { refuseUnfeedable } from '../core/batch/feedable';
import { specsOf } from '../core/batch/inputSpecs';
import { defaultLengths, makeBatch } from '../core/batch/make';
import type { Batch, InputSpec } from '../core/batch/types';
import type { BatchHints } from '../core/batch/values';
import { NanoscopeError } from '../core/errors';
import { buildModel, isBuiltin } from '../core/models/index';
import { Graph } from '../core/onnx/graph';
import type { Inlined } from '../core/onnx/inline';
import { inlineFunctions } from '../core/onnx/inline';
import type { LoadedModel } from '../core/onnx/load';
import { fromProto, loadModel, usesBfloat16 } from '../core/onnx/load';
import type { TensorAxes } from '../core/onnx/axes/types';
import { widened } from '../core/onnx/widen';
import { readInputs } from './inputs';
import type { DiagnoseRequest, FileAccess } from './useCases';

export interface Subject {
  /** As the file has it, its local functions closed. */
  readonly file: LoadedModel;
  readonly loaded: LoadedModel;
  readonly graph: Graph;
  /** Which local functions were opened; `loaded` and `graph` hold what they called in their place. */
  readonly inlined: Inlined;
  readonly inputs: readonly InputSpec[];
  readonly name: string;
  readonly source: 'file' | 'built-in';
  /** The type that the model was widened to; `null` for a model that runs as it is. */
  readonly cast: 'float32' | null;
  /** Its fused attention is written out in plain operators. */
  readonly expandedAttention?: true;
  /** What a reader of the report must know of how the model was run. */
  readonly notes: readonly string[];
}

/**
 * @param cast run a bfloat16 model in float32.
 * @throws NanoscopeError as `loadModel`; `unsupported-type` for a bfloat16 model without `cast`.
 */
export async function openSubject(files: FileAccess, model: string, cast?: DiagnoseRequest['cast']): Promise<Subject> {
  const builtin = isBuiltin(model);
  const built = builtin ? buildModel(model) : null;
  const read = built ? fromProto(built.uri, built.proto) : await loadModel(model, { files });
  const isBfloat16 = usesBfloat16(read.proto);
  if (isBfloat16 && cast === undefined) {
    throw new NanoscopeError(
      'unsupported-type',
      `${read.name} computes in bfloat16, which the CPU engine cannot run as it is.`,
      'Run it cast to float32: nanoscope diagnose MODEL --cast float32. NaN that only rounding to bfloat16 makes are then not seen.',
    );
  }
  const inlined = inlineFunctions(isBfloat16 ? widened(read.proto, 'bfloat16') : read.proto);
  const loaded = { ...read, proto: inlined.model };
  const graph = new Graph(loaded.proto);
  return {
    file: read,
    loaded,
    graph,
    inlined,
    inputs: inputSpecs(graph),
    name: loaded.name,
    source: builtin ? 'built-in' : 'file',
    cast: isBfloat16 ? 'float32' : null,
    notes: isBfloat16 ? [castNote] : [],
  };
}

const castNote =
  'The model computes in bfloat16 and was run cast to float32 (--cast float32): weights have their exact values, ' +
  'rounding of intermediate results to bfloat16 is not reproduced.';

/** Inputs that a run must be fed with. */
export const inputSpecs = (graph: Graph): InputSpec[] => specsOf(graph, graph.inputs);

/** The model as it is fed: a default that `given` replaces is an input like any other. */
export function fedWith(subject: Subject, given: readonly string[]): Subject {
  const proto = withoutDefaults(subject.graph, given);
  return proto === null ? subject : withModel(subject, proto);
}

/** The same subject over another form of its model, whose inputs may be others. */
export function withModel(subject: Subject, proto: Subject['loaded']['proto']): Subject {
  const graph = new Graph(proto);
  return {
    ...subject,
    loaded: { ...subject.loaded, proto },
    graph,
    inlined: { ...subject.inlined, model: proto },
    inputs: inputSpecs(graph),
  };
}

/**
 * @param told what the graph or a person has told of masks and pad ids; a batch that is made follows it.
 * @throws NanoscopeError `bad-input`, `bad-inputs-file`, `mask-ambiguous`, `unsupported-type`
 */
export async function makeFeeds(
  files: FileAccess,
  subject: Subject,
  request: Pick<DiagnoseRequest, 'inputsFile' | 'lengths' | 'batch'>,
  told: Omit<BatchHints, 'idBounds'> = {},
): Promise<Batch> {
  refuseUnfeedable(subject.inputs);
  if (request.batch) return checkBatch(request.batch, [...subject.inputs, ...defaultInputs(subject.graph)]);
  if (request.inputsFile !== undefined) {
    const inputs = [...subject.inputs, ...defaultInputs(subject.graph)];
    const read = await readInputs(files, request.inputsFile, inputs);
    refuseConstants(subject.graph, Object.keys(read.inputs), inputs);
    const batch = checkBatch(read, inputs);
    return request.lengths ? { ...batch, lengths: request.lengths } : batch;
  }
  const lengths = request.lengths ?? defaultLengths(subject.inputs);
  return makeBatch(subject.inputs, lengths, { idBounds: idBounds(subject.graph), ...told });
}

export const axesOfInputs = (subject: Subject, batch: Batch): Map<string, TensorAxes> =>
  inputAxes(
    subject.inputs,
    Object.fromEntries(Object.entries(batch.inputs).map(([name, tensor]) => [name, tensor.dims])),
  );

/** Rows of the tables that id inputs look up, so that made-up ids exist. */
export function idBounds(graph: Graph): Record<string, number> {
  const bounds: [string, number][] = [];
  for (const input of graph.inputs) {
    const readers = throughCasts(graph, input);
    for (const reader of readers) {
      const table = graph.initializers.get(reader.inputs[0] ?? '');
      const rows = table ? Number(table.dims[0] ?? 0n) : 0;
      if (reader.op === 'Gather' && rows > 0) bounds.push([input, rows]);
    }
  }
  return Object.fromEntries(bounds);
}

function throughCasts(graph: Graph, value: string, depth = 0): Graph['nodes'][number][] {
  return (graph.consumers.get(value) ?? []).flatMap((reader) =>
    depth < 4 && (reader.op === 'Cast' || reader.op === 'Identity')
      ? throughCasts(graph, reader.outputs[0] ?? '', depth + 1)
      : [reader],
  );
}
