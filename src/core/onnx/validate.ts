/**
 * Whether a decoded model makes sense: versions that the engine knows, one producer for every value, no cycle,
 * payloads that fit their shapes. The engine would refuse the same, in words that help nobody.
 */
import { isFieldSet } from '@bufbuild/protobuf';
import type { GraphProto, ModelProto, NodeProto, TensorProto } from 'onnx-buf';
import { ModelProtoSchema } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import { allTensors, bodiesOf } from './allTensors';
import { rawBytes } from './elementSize';
import { isExternalTensor, placeOf } from './external';
import { limits } from './limits';
import { show } from './show';

const isDefaultDomain = (domain: string): boolean => domain === '' || domain === 'ai.onnx';

/** Version of ONNX's own operators; where a model imports only others, the engine takes its newest. */
export function opsetOf(model: ModelProto): number {
  const version = model.opsetImport.find((opset) => isDefaultDomain(opset.domain))?.version;
  return version === undefined ? limits.opset : Number(version);
}

/** @throws NanoscopeError `unsupported-opset`, `corrupt-model` */
export function checkVersions(name: string, model: ModelProto): void {
  for (const opset of model.opsetImport) {
    if (isDefaultDomain(opset.domain) && opset.version > BigInt(limits.opset)) {
      throw new NanoscopeError(
        'unsupported-opset',
        `${show(name)} uses opset ${String(opset.version)}; the engine knows opsets up to ${String(limits.opset)}.`,
        `Export the model with opset_version=${String(limits.opset)} or lower.`,
      );
    }
  }
  if (model.irVersion > BigInt(limits.irVersion)) {
    throw new NanoscopeError(
      'unsupported-opset',
      `${show(name)} has ONNX IR version ${String(model.irVersion)}; the engine knows versions up to ${String(limits.irVersion)}.`,
      'Save the model with an older onnx package, or lower its ir_version if it uses nothing newer.',
    );
  }
  if (opsetOf(model) < 1) {
    throw corrupt(name, `it claims opset ${String(opsetOf(model))}`);
  }
}

/** @throws NanoscopeError `corrupt-model` */
export function checkModel(name: string, model: ModelProto): void {
  const hasVersion = isFieldSet(model, ModelProtoSchema.field.irVersion);
  if (!model.graph && !hasVersion) {
    throw new NanoscopeError(
      'not-onnx',
      `${show(name)} is not an ONNX model: it has neither an IR version nor a graph.`,
      'Choose a file written by torch.onnx.export, onnx.save or a similar tool.',
    );
  }
  if (!hasVersion) {
    throw corrupt(name, 'it has no IR version');
  }
  if (model.opsetImport.length === 0) {
    throw corrupt(name, 'it imports no operator set (it may be cut off)');
  }
  if (!model.graph) {
    throw corrupt(name, 'it holds no graph');
  }
  if (model.graph.output.length === 0) {
    throw corrupt(name, model.graph.node.length === 0 ? 'its graph is empty' : 'its graph has no outputs');
  }
  for (const tensor of allTensors(model)) checkTensor(name, tensor);
  new Checker(name).graph(model.graph, []);
  checkFunctions(name, model);
}

function corrupt(name: string, what: string): NanoscopeError {
  return new NanoscopeError(
    'corrupt-model',
    `${show(name)} is not a valid model: ${what}.`,
    'Export the model again, or check it with onnx.checker.check_model.',
  );
}

function checkTensor(name: string, tensor: TensorProto): void {
  const expected = rawBytes(tensor);
  if (expected === null) return;
  const what = `tensor ${show(tensor.name)} of shape [${tensor.dims.slice(0, 8).join(', ')}]`;
  if (Number.isNaN(expected)) {
    throw corrupt(name, `${what} has a negative dimension`);
  }
  const place = placeOf(tensor);
  if (!place && expected > 0 && !holdsData(tensor)) {
    throw corrupt(name, `${what} has no data`);
  }
  const actual = place ? place.length : tensor.rawData.length > 0 ? tensor.rawData.length : null;
  if (actual !== null && actual !== expected) {
    throw corrupt(
      name,
      `${what} needs ${Number.isFinite(expected) ? String(expected) : 'more than any number of'} bytes, but its data has ${String(actual)}`,
    );
  }
  if (isExternalTensor(tensor) && tensor.rawData.length > 0) {
    throw corrupt(name, `${what} has its data both inside and outside the file`);
  }
}

const holdsData = (tensor: TensorProto): boolean =>
  tensor.rawData.length > 0 ||
  [tensor.floatData, tensor.int32Data, tensor.int64Data, tensor.doubleData, tensor.uint64Data].some(
    (values) => values.length > 0,
  );

function checkFunctions(name: string, model: ModelProto): void {
  const key = (domain: string, op: string, overload: string): string => JSON.stringify([domain, op, overload]);
  const calls = new Map<string, { title: string; callees: Set<string> }>();
  for (const fn of model.functions) {
    const id = key(fn.domain, fn.name, fn.overload);
    if (calls.has(id)) {
      throw corrupt(name, `function ${show(fn.name)} is defined twice`);
    }
    const callees = new Set<string>();
    collectCalls(fn.node, (node) => callees.add(key(node.domain, node.opType, node.overload)));
    calls.set(id, { title: fn.name, callees });
    new Checker(name).body(fn.node, [...fn.input], fn.output, [], `function ${show(fn.name)}`);
  }
  const order = [...calls.keys()];
  const index = new Map(order.map((id, i) => [id, i]));
  const needs = order.map((id) =>
    [...(calls.get(id)?.callees ?? [])].map((callee) => index.get(callee)).filter((i) => i !== undefined),
  );
  const cycle = findCycle(needs);
  if (cycle) {
    const titles = cycle.map((i) => calls.get(order[i] ?? '')?.title ?? '');
    throw corrupt(name, `its functions call each other in a circle: ${path(titles)}`);
  }
}

function collectCalls(nodes: readonly NodeProto[], take: (node: NodeProto) => void): void {
  for (const node of nodes) {
    take(node);
    for (const body of bodiesOf(node)) collectCalls(body.node, take);
  }
}

/** Values by name: which of the enclosing graphs define it is all that a body needs to know. */
type Scope = ReadonlySet<string>;

class Checker {
  constructor(private readonly name: string) {}

  /** @returns names that the graph reads from enclosing graphs. */
  graph(graph: GraphProto, outer: readonly Scope[]): Set<string> {
    const title = outer.length === 0 ? 'the graph' : `the body ${show(graph.name)}`;
    const given: string[] = [];
    const seen = new Set<string>();
    for (const input of graph.input) {
      if (seen.has(input.name)) throw corrupt(this.name, `${title} has two inputs named ${show(input.name)}`);
      seen.add(input.name);
      given.push(input.name);
    }
    // An initializer may give an input its default value; of two with one name the engine takes the last.
    for (const tensor of graph.initializer) given.push(tensor.name);
    for (const sparse of graph.sparseInitializer) given.push(sparse.values?.name ?? '');
    return this.body(
      graph.node,
      given,
      graph.output.map((output) => output.name),
      outer,
      title,
    );
  }

  /** Nodes of a graph or a function. @returns names that they read from enclosing graphs. */
  body(
    nodes: readonly NodeProto[],
    given: readonly string[],
    outputs: readonly string[],
    outer: readonly Scope[],
    title: string,
  ): Set<string> {
    const producers = new Map<string, number>();
    const defined = new Set(given);
    for (const [index, node] of nodes.entries()) {
      for (const output of node.output) {
        if (output === '') continue;
        const other = producers.get(output);
        if (other !== undefined) {
          const both = [nodes[other], node].map((n) => nodeTitle(n)).join(' and ');
          throw corrupt(this.name, `two nodes produce ${show(output)}: ${both}`);
        }
        if (defined.has(output)) {
          throw corrupt(
            this.name,
            `node ${nodeTitle(node)} produces ${show(output)}, which is already an input or initializer`,
          );
        }
        producers.set(output, index);
      }
    }
    for (const output of producers.keys()) defined.add(output);

    const captured = new Set<string>();
    const isKnownOutside = (value: string): boolean => outer.some((scope) => scope.has(value));
    const needs: number[][] = [];
    for (const node of nodes) {
      const before: number[] = [];
      const reads = node.input.filter((input) => input !== '');
      for (const body of bodiesOf(node)) for (const value of this.graph(body, [...outer, defined])) reads.push(value);
      for (const value of reads) {
        const producer = producers.get(value);
        if (producer !== undefined) before.push(producer);
        else if (defined.has(value)) continue;
        else if (isKnownOutside(value)) captured.add(value);
        else throw corrupt(this.name, `node ${nodeTitle(node)} reads ${show(value)}, which nothing produces`);
      }
      needs.push(before);
    }
    for (const output of outputs) {
      if (defined.has(output)) continue;
      if (!isKnownOutside(output))
        throw corrupt(this.name, `${title} has an output ${show(output)}, which nothing produces`);
      captured.add(output);
    }
    const cycle = findCycle(needs);
    if (cycle) {
      throw corrupt(this.name, `its nodes form a cycle: ${path(cycle.map((i) => nodeName(nodes[i])))}`);
    }
    return captured;
  }
}

const nodeName = (node: NodeProto | undefined): string =>
  node ? node.name || (node.output.find((output) => output !== '') ?? node.opType) : '';

const nodeTitle = (node: NodeProto | undefined): string =>
  `${show(nodeName(node))} (${show(node?.opType ?? '', 40).slice(1, -1)})`;

const shownOfCycle = 6;

function path(names: readonly string[]): string {
  const shown = names.slice(0, shownOfCycle).map((name) => show(name));
  const more = names.length - shown.length;
  return [...shown, ...(more > 0 ? [`… ${String(more)} more …`] : []), shown[0] ?? ''].join(' → ');
}

/**
 * @param needs for each item the items that must come before it.
 * @returns the items of one cycle, each before the one that needs it, or null. Linear in the number of edges.
 */
export function findCycle(needs: readonly (readonly number[])[]): number[] | null {
  const missing = needs.map((before) => before.length);
  const neededBy: number[][] = needs.map(() => []);
  for (const [item, before] of needs.entries()) for (const other of before) neededBy[other]?.push(item);
  const ready = missing.flatMap((count, item) => (count === 0 ? [item] : []));
  let done = 0;
  for (let item = ready.pop(); item !== undefined; item = ready.pop()) {
    done++;
    for (const next of neededBy[item] ?? []) {
      missing[next] = (missing[next] ?? 0) - 1;
      if (missing[next] === 0) ready.push(next);
    }
  }
  if (done === needs.length) return null;
  // Every item that is left needs another one that is left: walk back until one comes again.
  const visitedAt = new Map<number, number>();
  const walk: number[] = [];
  let item = missing.findIndex((count) => count > 0);
  while (!visitedAt.has(item)) {
    visitedAt.set(item, walk.length);
    walk.push(item);
    item = needs[item]?.find((other) => (missing[other] ?? 0) > 0) ?? item;
  }
  return walk.slice(visitedAt.get(item)).reverse();
}
