/** Which body of a node ran and which of its iterations gave NaN: what to open for a closer look. */
import { openBranch } from '../../../core/onnx/bodies/branch';
import { repeatedLoop } from '../../../core/onnx/bodies/loop';
import type { OpenedPart } from '../../../core/onnx/bodies/part';
import { countNodes } from '../../../core/onnx/bodies/part';
import type { IterationSum, Repeated } from '../../../core/onnx/bodies/repeated';
import { repeatedScan } from '../../../core/onnx/bodies/scan';
import type { GraphNode } from '../../../core/onnx/graph';
import { dtypeOf } from '../../../core/onnx/tensors';
import { floatsOf } from '../../../core/probe/floats';
import { isFloat } from '../../../core/probe/instrument';
import { bytesPerElement, elementCount } from '../../../core/tensor';
import type { TensorData } from '../../../core/tensor';
import type { EngineJob } from '../../ports';
import { encode } from '../facts';
import type { Measurement } from '../measure';
import { runOnce } from '../sessions';
import { smallValues } from './taken';

export interface Opening {
  /** `then_branch`, `else_branch`, `body`. */
  readonly body: string;
  readonly parts: readonly OpenedPart[];
  /** How often the body ran; null where it runs once. */
  readonly iterations: number | null;
  /** Iterations with NaN that none of the parts holds. */
  readonly notOpened: number;
}

/** @returns half a sentence where the node's body cannot be opened. */
export async function openNode(job: EngineJob, measured: Measurement, node: GraphNode): Promise<Opening | string> {
  const { graph } = measured.target;
  if (node.domain === '' && node.op === 'If') return openIf(job, measured, node);
  const repeated =
    node.domain !== ''
      ? null
      : node.op === 'Loop'
        ? repeatedLoop(graph, node)
        : node.op === 'Scan'
          ? repeatedScan(graph, node, (value) => shapeOf(measured, value))
          : null;
  if (repeated) return openIterations(job, measured, node, repeated);
  return node.op === 'Scan'
    ? 'a Scan of opset 8, or over a length that is not known, is not followed'
    : `bodies of ${node.op} are not followed`;
}

async function openIf(job: EngineJob, measured: Measurement, node: GraphNode): Promise<Opening | string> {
  const asked = node.inputs[0] ?? '';
  const condition = (await smallValues(job, measured.target, [asked])).get(asked);
  if (!condition) return 'its condition could not be read';
  const branch = Number(condition.data[0] ?? 0) === 0 ? 'else_branch' : 'then_branch';
  const part = openBranch(measured.target.graph, node, branch);
  return part ? { body: branch, parts: [part], iterations: null, notOpened: 0 } : `it has no ${branch}`;
}

async function runPart(
  job: EngineJob,
  { target }: Pick<Measurement, 'target'>,
  model: Parameters<typeof encode>[0],
  fetch: readonly string[],
): Promise<Readonly<Record<string, TensorData>>> {
  const { tensors } = await runOnce(job, target, encode(model, target), { fetch });
  return tensors;
}

/** Nodes that one part may unroll to, bytes that its iterations may hand out, and how many parts there may be. */
const mostNodes = 1500;
const mostBytes = 128 * 1024 * 1024;
const mostParts = 3;

async function openIterations(
  job: EngineJob,
  measured: Measurement,
  node: GraphNode,
  repeated: Repeated,
): Promise<Opening | string> {
  const dtypes = leavingDtypes(measured, node, repeated);
  const { model, sums } = repeated.sums(dtypes);
  if (sums.length === 0) return 'what leaves its iterations is no tensor of floats';
  const tensors = await runPart(
    job,
    measured,
    model,
    sums.map((sum) => sum.output),
  );
  const { iterations, sick, fresh } = iterationsWithNaN(sums, tensors);
  if (fresh.length === 0) return 'no float value that leaves one of its iterations holds NaN';
  const perPart = atOnce(measured, node, repeated, iterations);
  const last = sick.at(-1) ?? 0;
  const parts: OpenedPart[] = [];
  const opened = new Set<number>();
  for (const first of fresh) {
    if (opened.has(first)) continue;
    if (parts.length === mostParts) break;
    // From the first iteration on where that is cheap: which axis is which can then be followed into the states.
    const from = parts.length === 0 && first < perPart ? 0 : first;
    const to = Math.min(last, from + perPart - 1);
    parts.push(repeated.open(from, to));
    for (let t = from; t <= to; t += 1) opened.add(t);
  }
  return { body: 'body', parts, iterations, notOpened: sick.filter((t) => !opened.has(t)).length };
}

/** Types of what leaves an iteration, as the node's outputs and initial states tell; null for what is no float. */
function leavingDtypes(measured: Measurement, node: GraphNode, { initial, states }: Repeated): (string | null)[] {
  const count = Math.max(node.outputs.length, states);
  return Array.from({ length: count }, (_, i) => {
    const dtype = dtypeOfValue(measured, node.outputs[i] ?? '') ?? dtypeOfValue(measured, initial[i] ?? '');
    return dtype !== null && isFloat(dtype) ? dtype : null;
  });
}

function dtypeOfValue(measured: Measurement, value: string): string | null {
  const initializer = measured.target.graph.initializers.get(value);
  return measured.facts.values.get(value)?.dtype ?? (initializer ? dtypeOf(initializer.dataType) : null);
}

function shapeOf(measured: Measurement, value: string): readonly number[] | null {
  return measured.facts.shape(value) ?? measured.target.graph.initializers.get(value)?.dims.map(Number) ?? null;
}

/** Iterations that hand NaN on, and those of them that no NaN came into by a state. */
function iterationsWithNaN(
  sums: readonly IterationSum[],
  tensors: Readonly<Record<string, TensorData>>,
): { iterations: number; sick: number[]; fresh: number[] } {
  const found = sums.flatMap(({ output, state }) => {
    const tensor = tensors[output];
    return tensor ? [{ values: floatsOf(tensor), state }] : [];
  });
  const iterations = Math.max(0, ...found.map(({ values }) => values.length));
  const sick: number[] = [];
  const fresh: number[] = [];
  for (let t = 0; t < iterations; t += 1) {
    if (!found.some(({ values }) => Number.isNaN(values[t]))) continue;
    sick.push(t);
    if (!found.some(({ values, state }) => state !== null && t > 0 && Number.isNaN(values[t - 1]))) fresh.push(t);
  }
  return { iterations, sick, fresh };
}

/** Iterations that one part may hold; at least one. */
function atOnce(measured: Measurement, node: GraphNode, { body, states }: Repeated, iterations: number): number {
  const bytes = node.outputs.reduce((sum, output, i) => {
    const fact = measured.facts.values.get(output);
    if (!fact || !isFloat(fact.dtype)) return sum;
    const width = fact.dtype === 'float64' ? bytesPerElement('float64') : bytesPerElement('float32');
    return sum + (width * elementCount(fact.shape)) / (i < states ? 1 : Math.max(1, iterations));
  }, 1);
  return Math.max(1, Math.floor(Math.min(mostNodes / Math.max(1, countNodes(body)), mostBytes / bytes)));
}
