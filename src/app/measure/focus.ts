/**
 * Step three, the second look: only the part of the graph that leads to the births is run again, and the rows and
 * operands that made NaN are inspected beside the tensors.
 */
import { TensorProto_DataType } from 'onnx-buf';
import type { AttentionSite } from '../../core/diagnose/attentionSites';
import type { BirthContext } from '../../core/diagnose/births/types';
import { isMasked } from '../../core/diagnose/maskPlane';
import type { NewNaN } from '../../core/diagnose/newNaN';
import type { Graph } from '../../core/onnx/graph';
import { int64Tensor } from '../../core/onnx/tensors';
import { floatsOf } from '../../core/probe/floats';
import { extended, extract, freshPrefix, isFloat, node as makeNode } from '../../core/probe/instrument';
import type { Inspections } from '../../core/probe/inspectors';
import { NAN } from '../../core/trace/health';
import type { EngineJob, RunResult } from '../ports';
import { encode } from './facts';
import type { BirthLook } from './looks';
import { laneId, lookAt, operandsId, rowsId } from './looks';
import type { Measurement } from './measure';
import { runOnce } from './sessions';
import type { StageRun } from './staged';
import { inStages } from './staged';

/** How much may be held at once to look at births. */
const bytesPerRun = 64 * 1024 * 1024;

type Partial = Omit<BirthContext, 'where' | 'sampleOf' | 'positionOf'>;

/** @param mostBytes that are held at once, at one birth at the least. */
export async function focus(
  job: EngineJob,
  measured: Measurement,
  births: readonly NewNaN[],
  mostBytes = bytesPerRun,
): Promise<Partial[]> {
  const looks = births
    .map((birth, i): Numbered => ({ look: lookAt(measured, birth, i), i }))
    // Stages follow the graph.
    .sort((a, b) => a.look.birth.node.index - b.look.birth.node.index || a.i - b.i);
  const groups = inGroups(measured, looks, mostBytes);
  const wanted = groups.map((group) => [
    ...new Set(group.flatMap(({ look }) => [...look.values, ...weightsOf(measured.target.graph, look)])),
  ]);
  const found = await inStages(job, measured, wanted, async (stage, k) => {
    const group = groups[k] ?? [];
    const partials = await focusOn(job, measured, group, stage);
    return group.map(({ i }, at) => ({ i, partial: partials[at] }));
  });
  return found
    .flat()
    .sort((a, b) => a.i - b.i)
    .flatMap(({ partial }) => partial ?? []);
}

interface Numbered {
  readonly look: BirthLook;
  /** Its number among all looks, which names its inspections. */
  readonly i: number;
}

function inGroups(measured: Measurement, looks: readonly Numbered[], mostBytes: number): Numbered[][] {
  const groups: Numbered[][] = [];
  const held = new Set<string>();
  let bytes = 0;
  for (const numbered of looks) {
    const { values } = numbered.look;
    const size = values
      .filter((value) => !held.has(value))
      .reduce((sum, value) => sum + 4 * (measured.facts.shape(value)?.reduce((a, b) => a * b, 1) ?? 0), 0);
    if (groups.length === 0 || bytes + size > mostBytes) {
      groups.push([]);
      held.clear();
      bytes = 0;
    }
    groups.at(-1)?.push(numbered);
    for (const value of values) held.add(value);
    bytes += size;
  }
  return groups;
}

async function focusOn(
  job: EngineJob,
  measured: Measurement,
  group: readonly Numbered[],
  stage: StageRun,
): Promise<Partial[]> {
  const { graph } = measured.target;
  const prefix = freshPrefix(graph);
  const values = new Set(group.flatMap(({ look }) => look.values));
  // Weights stay where they are: their sum alone says whether one holds NaN.
  const weights = [...new Set(group.flatMap(({ look }) => weightsOf(graph, look)))];
  const weightSums = new Map(weights.map((weight, i) => [weight, `${prefix}weight_${String(i)}`]));
  // Graph inputs and constants are handed out through a copy: the engine wants outputs to be computed.
  const copies = new Map<string, string>();
  for (const value of values) if (!graph.producer.has(value)) copies.set(value, `${prefix}copy_${String(copies.size)}`);
  const inspect = group.flatMap(({ look }) =>
    look.inspections.map((inspection) => ({
      ...inspection,
      tensors: inspection.tensors.map((value) => copies.get(value) ?? stage.nameOf(value)),
    })),
  );
  let run: RunResult = { tensors: {}, inspected: {}, runMs: 0 };
  // Where no shape is known there is nothing to look at.
  if (values.size + weightSums.size > 0) {
    const computed = [...values].filter((value) => stage.nameOf(value) === value);
    run = await stage.run(
      {
        nodes: [
          ...[...copies].map(([value, copy]) => makeNode('Identity', [value], [copy])),
          ...[...weightSums].flatMap(([weight, sum]) => sumOfMagnitudes(graph, weight, sum)),
        ],
        outputs: [...computed.map((value) => copies.get(value) ?? value), ...weightSums.values()],
      },
      { fetch: [...weightSums.values()], inspect },
    );
  }

  const lanes = await completed(job, measured, group, run);
  return group.map(({ look, i }, k) => ({
    birth: look.birth,
    dtype: look.dtype,
    rows: (run.inspected[rowsId(i)] as Inspections['softmaxRows']['result'] | undefined) ?? null,
    plan: look.plan,
    operands: (run.inspected[operandsId(i)] as Inspections['operands']['result'] | undefined) ?? null,
    inputs: look.inputs,
    lane: lanes[k] ?? null,
    nanWeights: look.birth.node.inputs.filter((input) => {
      const sum = run.tensors[weightSums.get(input) ?? ''];
      return (sum !== undefined && Number.isNaN(floatsOf(sum)[0])) || constantHoldsNaN(graph, input);
    }),
    stored: look.birth.node.inputs.filter((input) => input !== '' && graph.isConstant(input)),
    masks: maskedRows(measured, look.birth),
  }));
}

/** The terms of products and norms; of weights that stayed in their file only the elements that were read. */
async function completed(
  job: EngineJob,
  measured: Measurement,
  group: readonly Numbered[],
  run: RunResult,
): Promise<BirthContext['lane'][]> {
  const { graph } = measured.target;
  const prefix = freshPrefix(graph);
  const picks = new Map<string, { readonly weight: string; readonly indices: Float64Array }>();
  const found = group.map(({ look, i }, k) => {
    const lane = run.inspected[laneId(i)] as Inspections['lanes']['result'] | undefined;
    if (!lane || !look.lane) return null;
    for (const [slot, operand] of lane.operands.entries()) {
      const weight = look.lane.operands[slot] ?? '';
      if (operand.values || !operand.indices || operand.indices.length === 0 || !isFloatInitializer(graph, weight))
        continue;
      picks.set(`${prefix}pick_${String(k)}_${String(slot)}`, { weight, indices: operand.indices });
    }
    return { ...lane, names: look.lane.operands };
  });
  if (picks.size === 0) return found;
  const flat = `${prefix}flat`;
  const model = extended(extract(graph, [...new Set([...picks.values()].map(({ weight }) => weight))]), {
    nodes: [...picks].flatMap(([name, { weight }]) => [
      makeNode('Reshape', [weight, flat], [`${name}_row`]),
      makeNode('Gather', [`${name}_row`, `${name}_at`], [name]),
    ]),
    initializers: [
      int64Tensor(flat, [-1]),
      ...[...picks].map(([name, { indices }]) => int64Tensor(`${name}_at`, Array.from(indices))),
    ],
    outputs: [...picks.keys()],
    onlyThese: true,
  });
  const { tensors } = await runOnce(job, measured.target, encode(model, measured.target), { fetch: [...picks.keys()] });
  return found.map(
    (lane, k) =>
      lane && {
        ...lane,
        operands: lane.operands.map((operand, slot) => {
          const tensor = tensors[`${prefix}pick_${String(k)}_${String(slot)}`];
          return tensor ? { ...operand, values: Float64Array.from(floatsOf(tensor)) } : operand;
        }),
      },
  );
}

const weightsOf = (graph: Graph, { birth }: BirthLook): string[] =>
  birth.node.inputs.filter((input) => isFloatInitializer(graph, input));

/** The engine has no kernel that sums 16-bit floats. Magnitudes cannot cancel: the sum is NaN only if an element is. */
function sumOfMagnitudes(graph: Graph, weight: string, sum: string): ReturnType<typeof makeNode>[] {
  const half = graph.initializers.get(weight)?.dataType === (TensorProto_DataType.FLOAT16 as number);
  const source = half ? `${sum}_wide` : weight;
  return [
    ...(half ? [makeNode('Cast', [weight], [source], { to: TensorProto_DataType.FLOAT })] : []),
    makeNode('ReduceL1', [source], [sum], { keepdims: 0 }),
  ];
}

const summable: ReadonlySet<number> = new Set([
  TensorProto_DataType.FLOAT,
  TensorProto_DataType.DOUBLE,
  TensorProto_DataType.FLOAT16,
]);

function isFloatInitializer(graph: Graph, name: string): boolean {
  const tensor = graph.initializers.get(name);
  return tensor !== undefined && summable.has(tensor.dataType);
}

function constantHoldsNaN(graph: Graph, value: string): boolean {
  if (graph.isInitializer(value) || !graph.isConstant(value)) return false;
  const constant = graph.constant(value);
  return constant !== null && isFloat(constant.dtype) && Array.from(floatsOf(constant)).some(Number.isNaN);
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
