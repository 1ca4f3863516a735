/**
 * Step three, the second look: only the part of the graph that leads to the births is run again, and the rows and
 * operands that made NaN are inspected beside the tensors.
 */
import type { AttentionSite } from '../../core/diagnose/attentionSites';
import type { BirthContext } from '../../core/diagnose/births/types';
import { isMasked } from '../../core/diagnose/maskPlane';
import type { NewNaN } from '../../core/diagnose/newNaN';
import { keyPlace } from '../../core/onnx/axes/types';
import type { TensorAxes } from '../../core/onnx/axes/types';
import type { Graph, GraphNode } from '../../core/onnx/graph';
import { intAttribute } from '../../core/onnx/graph';
import { floatsOf } from '../../core/probe/floats';
import { extended, extract, freshPrefix, isFloat, node as makeNode } from '../../core/probe/instrument';
import type { AnyInspection, Inspections } from '../../core/probe/inspectors';
import { NAN } from '../../core/trace/health';
import type { EngineJob } from '../ports';
import { cellParams } from './cellParams';
import { encode, feedsOf, measuring } from './facts';
import type { Measurement } from './measure';

/** Elements shown per birth, and how much may be held at once to look at them. */
const shownElements = 3;
const bytesPerRun = 64 * 1024 * 1024;

type Partial = Omit<BirthContext, 'where' | 'sampleOf' | 'positionOf'>;

export async function focus(job: EngineJob, measured: Measurement, births: readonly NewNaN[]): Promise<Partial[]> {
  const results: Partial[] = [];
  for (const group of inGroups(measured, births)) results.push(...(await focusOn(job, measured, group)));
  return results;
}

function inGroups(measured: Measurement, births: readonly NewNaN[]): NewNaN[][] {
  const groups: NewNaN[][] = [];
  let bytes = Infinity;
  for (const birth of births) {
    const size = [birth.value, ...activations(measured, birth.node)].reduce(
      (sum, value) => sum + 4 * (measured.facts.shape(value)?.reduce((a, b) => a * b, 1) ?? 0),
      0,
    );
    if (bytes + size > bytesPerRun) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(birth);
    bytes += size;
  }
  return groups;
}

/** Float inputs that a run computes: what can be fetched to look at. */
function activations(measured: Measurement, node: GraphNode): string[] {
  const { graph } = measured.target;
  return node.inputs.filter(
    (input) => input !== '' && !graph.isConstant(input) && isFloat(measured.facts.values.get(input)?.dtype ?? ''),
  );
}

async function focusOn(job: EngineJob, measured: Measurement, births: readonly NewNaN[]): Promise<Partial[]> {
  const { graph } = measured.target;
  const prefix = freshPrefix(graph);
  const inspections: AnyInspection[] = [];
  const values = new Set<string>();
  // Weights stay where they are: their sum alone says whether one holds NaN.
  const weightSums = new Map<string, string>();
  const shown = births.map((birth, i) => {
    const { node } = birth;
    const inputs = node.inputs.filter((input) => input !== '' && isShown(measured, input));
    for (const input of node.inputs) {
      if (!graph.isInitializer(input) || weightSums.has(input)) continue;
      if (isFloatInitializer(graph, input)) weightSums.set(input, `${prefix}weight_${String(weightSums.size)}`);
    }
    const axes = measured.axes.of(birth.value);
    if (axes) {
      const params = { ...cellParams(measured, axes), wanted: wantedCells(birth), limit: shownElements };
      values.add(birth.value);
      for (const input of inputs) values.add(input);
      inspections.push({
        id: `operands:${String(i)}`,
        inspector: 'operands',
        tensors: [birth.value, ...inputs],
        params,
      });
    }
    const scores = node.inputs[0] ?? '';
    const scoreAxes = node.op === 'Softmax' ? measured.axes.of(scores) : null;
    if (scoreAxes) {
      values.add(scores);
      inspections.push({
        id: `rows:${String(i)}`,
        inspector: 'softmaxRows',
        tensors: [scores],
        params: {
          ...cellParams(measured, scoreAxes),
          axis: softmaxAxis(graph, node, scoreAxes),
          wanted: wantedCells(birth),
        },
      });
    }
    return inputs;
  });

  // Graph inputs and constants are handed out through a copy: the engine wants outputs to be computed.
  const copies = new Map<string, string>();
  for (const value of values) if (!graph.producer.has(value)) copies.set(value, `${prefix}copy_${String(copies.size)}`);
  const renamed = inspections.map((inspection) => ({
    ...inspection,
    tensors: inspection.tensors.map((value) => copies.get(value) ?? value),
  }));
  const part = extract(graph, [...values, ...weightSums.keys()]);
  const model = extended(part, {
    nodes: [
      ...[...copies].map(([value, copy]) => makeNode('Identity', [value], [copy])),
      ...[...weightSums].map(([weight, sum]) => makeNode('ReduceSum', [weight], [sum], { keepdims: 0 })),
    ],
    outputs: [...[...values].map((value) => copies.get(value) ?? value), ...weightSums.values()],
    onlyThese: true,
  });
  const session = await job.createSession(encode(model), measuring(measured.target));
  const feeds = feedsOf(session, measured.target);
  const run = await job.run({ session: session.id, feeds, fetch: [...weightSums.values()], inspect: renamed });
  await job.release(session.id);

  return births.map((birth, i) => {
    const nanWeights = birth.node.inputs.filter((input) => {
      const sum = run.tensors[weightSums.get(input) ?? ''];
      return (sum !== undefined && Number.isNaN(floatsOf(sum)[0])) || constantHoldsNaN(graph, input);
    });
    const rows = run.inspected[`rows:${String(i)}`] as Inspections['softmaxRows']['result'] | undefined;
    const operands = run.inspected[`operands:${String(i)}`] as Inspections['operands']['result'] | undefined;
    return {
      birth,
      rows: rows ?? null,
      operands: operands ?? null,
      inputs: shown[i] ?? [],
      nanWeights,
      masks: maskedRows(measured, birth),
    };
  });
}

/** Small tensors and activations are worth showing; a weight matrix is not an operand that one looks at. */
function isShown(measured: Measurement, value: string): boolean {
  const { graph } = measured.target;
  const dtype = measured.facts.values.get(value)?.dtype;
  if (!graph.isConstant(value))
    return dtype !== undefined && (isFloat(dtype) || dtype.startsWith('int') || dtype === 'bool');
  const constant = graph.constant(value);
  return constant !== null && isFloat(constant.dtype) && constant.data.length <= 4096;
}

function isFloatInitializer(graph: Graph, name: string): boolean {
  const tensor = graph.initializers.get(name);
  // FLOAT and DOUBLE: the engine has no kernel that sums 16-bit floats.
  return tensor?.dataType === 1 || tensor?.dataType === 11;
}

function constantHoldsNaN(graph: Graph, value: string): boolean {
  if (graph.isInitializer(value) || !graph.isConstant(value)) return false;
  const constant = graph.constant(value);
  return constant !== null && isFloat(constant.dtype) && Array.from(floatsOf(constant)).some(Number.isNaN);
}

const wantedCells = (birth: NewNaN): Uint8Array => birth.cells.bits.map((bit) => ((bit & NAN) !== 0 ? 1 : 0));

function softmaxAxis(graph: Graph, softmax: GraphNode, axes: TensorAxes): number {
  const key = keyPlace(axes);
  const axis = intAttribute(softmax, 'axis', graph.opset < 13 ? 1 : -1);
  const own = axis < 0 ? axis + axes.length : axis;
  // Before opset 13 everything from `axis` on was one row; exporters only ever used the last axis so.
  return graph.opset < 13 && key ? key.axis : own;
}

/** How many of the born rows the masks on the way to this Softmax remove entirely. */
function maskedRows(measured: Measurement, birth: NewNaN): BirthContext['masks'] {
  const site: AttentionSite | undefined = measured.sites.find((entry) => entry.softmax === birth.node);
  if (!site) return null;
  const planes = measured.planesOf(site);
  if (planes.length === 0) return null;
  const keys = Math.max(...planes.map((plane) => plane.keys));
  let fullyMasked = 0;
  for (const [cell, bit] of birth.cells.bits.entries()) {
    if ((bit & NAN) === 0) continue;
    const sample = Math.floor(cell / birth.cells.positions);
    const query = cell % birth.cells.positions;
    let open = false;
    for (let key = 0; key < keys && !open; key += 1)
      open = !planes.some((plane) => isMasked(plane, sample, query, key));
    if (!open) fullyMasked += 1;
  }
  return { tensors: site.masks.map((step) => step.mask), fullyMasked, keys };
}
