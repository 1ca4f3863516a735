/**
 * Calls of local functions replaced by what they call, so that every node of theirs is a node like any other. The
 * engine does the same before it runs, so the numbers do not change.
 *
 * A call stays closed, and the reason is told, where
 * 1. the function's domain is the engine's own: a kernel of that name wins over the function;
 * 2. the function imports an operator set in another version than the model does, and uses it;
 * 3. the call does not fit the function (more inputs or outputs than it has);
 * 4. functions are nested too deep or the graph would grow beyond bounds.
 */
import { create } from '@bufbuild/protobuf';
import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from 'onnx-buf';
import { OperatorSetIdProtoSchema } from 'onnx-buf';
import { NanoscopeError } from '../errors';
import type { InsideFrame } from '../report';
import { bodiesOf } from './allTensors';
import { altered } from './altered';
import { Names } from './names';
import { show } from './show';
import { bodyOfFunction, nameOfNode, splice } from './splice';
import { findCycle } from './validate';

export interface KeptCall {
  readonly node: string;
  readonly function: string;
  /** Half a sentence: "it uses opset 13, the model opset 17". */
  readonly reason: string;
}

export interface Inlined {
  readonly model: ModelProto;
  /** Calls that were replaced, nested ones included, and the functions that they called. */
  readonly calls: number;
  readonly functions: readonly string[];
  /** Nodes that came in, by their name in `model`: the calls that they came through, outermost first. */
  readonly inside: ReadonlyMap<string, readonly InsideFrame[]>;
  readonly kept: readonly KeptCall[];
}

/** Bounds of a hostile model; real ones nest a handful of functions. */
const deepest = 32;
const mostNodes = 200_000;

/** Domains whose operators the engine has kernels for. */
const engineDomains = /^$|^ai\.onnx(\.|$)|^com\.microsoft(\.|$)|^com\.ms\.|^org\.pytorch\.aten$/;

/** @throws NanoscopeError `corrupt-model` where functions call each other in a circle */
export function inlineFunctions(model: ModelProto): Inlined {
  const { graph } = model;
  if (model.functions.length === 0 || !graph) return { model, calls: 0, functions: [], inside: new Map(), kept: [] };
  return new Inliner(model, graph).run();
}

const domainOf = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);
const keyOf = (domain: string, name: string, overload: string): string =>
  JSON.stringify([domainOf(domain), name, overload]);
const callKey = (node: NodeProto): string => keyOf(node.domain, node.opType, node.overload);

interface Known {
  readonly fn: FunctionProto;
  /** Why calls of it stay closed; null where they do not. */
  closed: string | null;
}

/** A node that is still to be looked at, and the calls that it came through. */
interface Pending {
  readonly node: NodeProto;
  readonly frames: readonly InsideFrame[];
}

class Inliner {
  private readonly known = new Map<string, Known>();
  private readonly names: Names;
  private readonly imports: Map<string, bigint>;
  private readonly inside = new Map<string, readonly InsideFrame[]>();
  private readonly kept: KeptCall[] = [];
  private readonly used = new Set<string>();
  private calls = 0;
  private nodes = 0;

  constructor(
    private readonly model: ModelProto,
    private readonly graph: GraphProto,
  ) {
    this.names = Names.of(model);
    this.imports = new Map(model.opsetImport.map((entry) => [domainOf(entry.domain), entry.version]));
    for (const fn of model.functions) this.known.set(keyOf(fn.domain, fn.name, fn.overload), { fn, closed: null });
    this.refuseCircles();
    for (const entry of this.known.values()) entry.closed = this.whyClosed(entry.fn);
  }

  run(): Inlined {
    const graph = this.expandGraph(this.graph, []);
    const imported = new Set(this.model.opsetImport.map((entry) => domainOf(entry.domain)));
    const added = [...this.imports].filter(([domain]) => !imported.has(domain));
    const model = altered(this.model, {
      graph,
      functions: this.stillCalled(graph),
      opsetImport: [
        ...this.model.opsetImport,
        ...added.map(([domain, version]) => create(OperatorSetIdProtoSchema, { domain, version })),
      ],
    });
    return { model, calls: this.calls, functions: [...this.used], inside: this.inside, kept: this.kept };
  }

  private expandGraph(graph: GraphProto, frames: readonly InsideFrame[]): GraphProto {
    const nodes: NodeProto[] = [];
    // A stack and not a recursion: how deep functions nest is up to the file.
    const stack: Pending[] = graph.node.map((node) => ({ node, frames })).reverse();
    for (let next = stack.pop(); next; next = stack.pop()) {
      const called = this.known.get(callKey(next.node));
      const closed = called ? (called.closed ?? this.whyNotHere(called.fn, next)) : null;
      if (!called || closed !== null) {
        if (called && closed !== null)
          this.kept.push({ node: nameOfNode(next.node), function: called.fn.name, reason: closed });
        const node = this.expandBodies(next);
        // Two nodes of one name are two nodes of the file; only those that came in are told apart by theirs.
        if (next.frames.length > frames.length) this.inside.set(node.name, next.frames);
        nodes.push(node);
        continue;
      }
      const { node } = next;
      const spliced = splice({
        body: bodyOfFunction(called.fn),
        inputs: node.input,
        outputs: node.output,
        path: nameOfNode(node),
        names: this.names,
        attributes: attributesOf(called.fn, node),
      });
      const frame = { node: nameOfNode(node), op: node.opType, body: 'function', iteration: null };
      const through = [...next.frames, frame];
      for (const inner of [...spliced.nodes].reverse()) stack.push({ node: withScope(inner, node), frames: through });
      this.calls += 1;
      this.nodes += spliced.nodes.length;
      this.used.add(called.fn.name);
    }
    return altered(graph, { node: nodes });
  }

  private expandBodies({ node, frames }: Pending): NodeProto {
    if (![...bodiesOf(node)].some((graph) => this.calledIn(graph.node))) return node;
    return altered(node, {
      attribute: node.attribute.map((attribute) =>
        altered(attribute, {
          ...(attribute.g ? { g: this.expandGraph(attribute.g, frames) } : {}),
          graphs: attribute.graphs.map((graph) => this.expandGraph(graph, frames)),
        }),
      ),
    });
  }

  private calledIn(nodes: readonly NodeProto[]): boolean {
    return nodes.some(
      (node) => this.known.has(callKey(node)) || [...bodiesOf(node)].some((graph) => this.calledIn(graph.node)),
    );
  }

  private whyClosed(fn: FunctionProto): string | null {
    if (engineDomains.test(domainOf(fn.domain)))
      return `its domain ${show(domainOf(fn.domain) || 'ai.onnx')} is the engine's own`;
    const own = new Map(fn.opsetImport.map((entry) => [domainOf(entry.domain), entry.version]));
    const missing = new Map<string, bigint>();
    for (const domain of this.domainsUsed(fn.node)) {
      const wanted = own.get(domain);
      const have = this.imports.get(domain);
      if (wanted === undefined || wanted === have) continue;
      if (have !== undefined) {
        const set = domain === '' ? 'opset' : `${show(domain)} version`;
        return `it uses ${set} ${String(wanted)}, the model ${set} ${String(have)}`;
      }
      missing.set(domain, wanted);
    }
    for (const [domain, version] of missing) this.imports.set(domain, version);
    return null;
  }

  /** Domains of the operators in these nodes and their bodies; calls of local functions need none. */
  private domainsUsed(nodes: readonly NodeProto[], found = new Set<string>()): Set<string> {
    for (const node of nodes) {
      if (!this.known.has(callKey(node))) found.add(domainOf(node.domain));
      for (const body of bodiesOf(node)) this.domainsUsed(body.node, found);
    }
    return found;
  }

  private whyNotHere(fn: FunctionProto, { node, frames }: Pending): string | null {
    if (node.input.length > fn.input.length || node.output.length > fn.output.length)
      return 'the call has more inputs or outputs than the function';
    const omitted = (output: string): boolean => {
      const slot = fn.input.indexOf(output);
      return slot >= 0 && (node.input[slot] ?? '') === '';
    };
    if (fn.output.some((output, i) => (node.output[i] ?? '') !== '' && omitted(output)))
      return 'it hands out an input that the call leaves out';
    if (frames.length >= deepest) return `functions are nested more than ${String(deepest)} deep`;
    if (this.nodes + fn.node.length > mostNodes) return `the graph would have more than ${String(mostNodes)} nodes`;
    return null;
  }

  private refuseCircles(): void {
    const order = [...this.known.keys()];
    const index = new Map(order.map((key, i) => [key, i]));
    const needs = order.map((key) => {
      const callees = new Set<number>();
      this.eachCallee(this.known.get(key)?.fn.node ?? [], (callee) => callees.add(index.get(callee) ?? -1));
      return [...callees];
    });
    const cycle = findCycle(needs);
    if (!cycle) return;
    const titles = cycle.map((i) => show(this.known.get(order[i] ?? '')?.fn.name ?? ''));
    throw new NanoscopeError(
      'corrupt-model',
      `Local functions call each other in a circle: ${[...titles, titles[0] ?? ''].slice(0, 8).join(' → ')}.`,
      'Export the model again; a function of ONNX may not call itself.',
    );
  }

  private eachCallee(nodes: readonly NodeProto[], take: (key: string) => void): void {
    for (const node of nodes) {
      if (this.known.has(callKey(node))) take(callKey(node));
      for (const body of bodiesOf(node)) this.eachCallee(body.node, take);
    }
  }

  /** Functions that calls which stayed need, in the file's order. */
  private stillCalled(graph: GraphProto): FunctionProto[] {
    const needed = new Set<string>();
    const queue: NodeProto[][] = [graph.node];
    for (const info of this.model.trainingInfo)
      for (const training of [info.initialization, info.algorithm]) if (training) queue.push(training.node);
    for (let nodes = queue.pop(); nodes; nodes = queue.pop()) {
      this.eachCallee(nodes, (key) => {
        if (needed.has(key)) return;
        needed.add(key);
        queue.push(this.known.get(key)?.fn.node ?? []);
      });
    }
    return this.model.functions.filter((fn) => needed.has(keyOf(fn.domain, fn.name, fn.overload)));
  }
}

/** What a call says of the function's attributes, and the defaults of those that it does not name. */
function attributesOf(fn: FunctionProto, call: NodeProto): Map<string, AttributeProto> {
  return new Map([
    ...fn.attributeProto.map((attribute) => [attribute.name, attribute] as const),
    ...call.attribute.map((attribute) => [attribute.name, attribute] as const),
  ]);
}

/** A node without metadata of its own (scopes of the source) has that of the call it came through. */
const withScope = (inner: NodeProto, call: NodeProto): NodeProto =>
  inner.metadataProps.length > 0 || call.metadataProps.length === 0
    ? inner
    : altered(inner, { metadataProps: call.metadataProps });
