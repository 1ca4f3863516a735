/** A graph cut into segments that follow each other, each an ordinary model that reads what those before it gave. */
import { TensorProto_DataType } from 'onnx-buf';
import type { ModelProto } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import { rawBytes } from '../onnx/elementSize';
import type { Graph, GraphNode } from '../onnx/graph';
import { graphOf } from '../onnx/graph';
import { show } from '../onnx/show';
import type { ValueFacts } from '../probe/instrument';
import { extract } from '../probe/instrument';
import { isHanded } from '../probe/stages';

/** One part of a process's work. */
export interface Segment {
  readonly model: ModelProto;
  /** What it must be fed: inputs of the whole model, and what other segments gave. */
  readonly reads: readonly string[];
  /** What others read, and outputs of the whole model. */
  readonly gives: readonly string[];
  /** What is only looked at. */
  readonly rows: readonly string[];
  readonly externalDataFolder: string | undefined;
}

export interface CutRequest {
  readonly graph: Graph;
  /** Types and shapes of what crosses a cut. */
  readonly facts: ReadonlyMap<string, ValueFacts>;
  /** By node of the graph: its segment, as `levelsOf` gives it. */
  readonly levels: readonly number[];
  readonly outputs: readonly string[];
  readonly rows: readonly string[];
  readonly externalDataFolder: string | undefined;
}

/**
 * In which segment each node is: as early as what it reads allows.
 * @param from the earliest for a node
 * @param isReduced values that are there one segment after their producer's
 */
export function levelsOf(
  graph: Graph,
  from: (node: GraphNode) => number,
  isReduced: (value: string) => boolean = () => false,
): number[] {
  const levels: number[] = [];
  for (const node of graph.nodes) {
    let level = from(node);
    for (const value of [...node.inputs, ...node.captured]) {
      const producer = graph.producer.get(value);
      if (producer) level = Math.max(level, (levels[producer.index] ?? 0) + (isReduced(value) ? 1 : 0));
    }
    levels.push(level);
  }
  return levels;
}

/** @throws NanoscopeError `unsupported-type` for a value that cannot leave the engine where it would have to */
export function cut({ graph, facts, levels, outputs, rows, externalDataFolder }: CutRequest): Segment[] {
  const count = 1 + Math.max(0, ...levels);
  const levelOf = (value: string): number | null => {
    const producer = graph.producer.get(value);
    return producer ? (levels[producer.index] ?? 0) : null;
  };
  const given = Array.from({ length: count }, () => new Map<string, ValueFacts>());
  const gives = Array.from({ length: count }, () => new Set<string>());
  for (const node of graph.nodes) {
    const level = levels[node.index] ?? 0;
    for (const value of [...node.inputs, ...node.captured]) {
      const made = levelOf(value);
      // Constants are in every segment that reads them.
      if (made === null || made === level || graph.isConstant(value)) continue;
      given[level]?.set(value, handed(value, facts));
      gives[made]?.add(value);
    }
  }
  for (const output of outputs) gives[levelOf(output) ?? count]?.add(output);
  const inputs = new Set(graph.inputs);
  return gives.map((own, level): Segment => {
    const looked = rows.filter((row) => levelOf(row) === level && !own.has(row));
    const model = extract(graph, [...own, ...looked], given[level]);
    const reads = graphOf(model).input.map(({ name }) => name);
    return {
      model,
      reads: reads.filter((name) => inputs.has(name) || given[level]?.has(name) === true),
      gives: [...own],
      rows: looked,
      externalDataFolder,
    };
  });
}

function handed(value: string, facts: ReadonlyMap<string, ValueFacts>): ValueFacts {
  const fact = facts.get(value);
  if (fact && isHanded(fact.dtype)) return fact;
  throw new NanoscopeError(
    'unsupported-type',
    `The value ${show(value)} would have to be handed from one part of the model to the next, and is ${fact?.dtype ?? 'no tensor'}.`,
    'Use fewer parts, so that it stays inside one.',
  );
}

/** Bytes of weights in models that one process runs; the same weight in several of them is held once. */
export function weightBytes(models: readonly ModelProto[]): number {
  const held = new Map<string, number>();
  for (const tensor of models.flatMap((model) => graphOf(model).initializer)) {
    // Whole numbers are sizes and indices.
    if (tensor.dataType === int64) continue;
    const bytes = rawBytes(tensor) ?? 0;
    held.set(`${tensor.name} ${String(bytes)}`, bytes);
  }
  return [...held.values()].reduce((a, b) => a + b, 0);
}

const int64: number = TensorProto_DataType.INT64;
