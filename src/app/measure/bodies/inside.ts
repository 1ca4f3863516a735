/**
 * The second look at NaN that is born at a node with a body: the body is put in the place of its node, and that part
 * of the graph is measured like any other. What is born there by the same definition is what is born inside. Bodies
 * within bodies are opened one level after the other. Nodes without NaN in their outputs cost nothing here.
 */
import { contaminate } from '../../../core/diagnose/contamination';
import { listMakers } from '../../../core/diagnose/lists';
import { guardOf } from '../../../core/diagnose/silent/guarded';
import type { OpenedPart } from '../../../core/onnx/bodies/part';
import type { GraphNode } from '../../../core/onnx/graph';
import { Graph } from '../../../core/onnx/graph';
import type { Inlined } from '../../../core/onnx/inline';
import { joinPath } from '../../../core/onnx/names';
import { isFloat } from '../../../core/probe/instrument';
import type { Finding, InsideFrame, Origin, SilentFinding } from '../../../core/report';
import { hasNaN } from '../../../core/trace/health';
import type { Place } from '../../../core/trace/sites';
import type { EngineJob } from '../../ports';
import type { Findings } from '../findings';
import { findings, isTensor } from '../findings';
import type { BornInside, FusedBirth } from '../fused/births';
import { bornInFused, toldInside } from '../fused/births';
import { isFused } from '../fused/write';
import type { Measurement } from '../measure';
import { lookedAt, prepare } from '../measure';
import { isRefusal } from '../refusals';
import { screenPart } from '../screen';
import { mergeIterations } from './merge';
import type { Opening } from './open';
import { openNode } from './open';
import { insideText } from './words';

export interface Located extends Findings {
  /** Nodes whose bodies were opened, by name. */
  readonly opened: readonly string[];
}

type Roles = readonly (readonly string[])[];

/** Nodes that are opened at most, and how deep bodies within bodies are followed. */
const mostNodes = 16;
const deepest = 8;

/** @param inlined the functions that were opened before the run. */
export async function locateInside(
  job: EngineJob,
  given: Measurement,
  roles: Roles,
  found: Findings,
  inlined: Pick<Inlined, 'inside' | 'kept'>,
): Promise<Located> {
  const measured = lookedAt(given);
  const looker = new Looker(job, roles, { inside: frames(given, inlined), kept: inlined.kept });
  await looker.lookAtFused(measured, [
    ...found.origins,
    ...found.silent.filter(({ mechanism }) => mechanism === 'guarded'),
  ]);
  const located: { readonly origin: Origin; readonly order: number }[] = [];
  const bornInside = new Map<string, readonly Origin[]>();
  for (const origin of found.origins) {
    const inside = await looker.locate(measured, origin);
    bornInside.set(origin.tensor, inside);
    const order = measured.target.graph.producer.get(origin.tensor)?.index ?? -1;
    for (const one of inside) {
      if (!located.some((other) => sameBirth(one, other.origin))) located.push({ origin: one, order });
    }
  }
  const silent: SilentFinding[] = [];
  for (const finding of found.silent) {
    if (finding.mechanism === 'guarded') silent.push(...(await looker.locateGuarded(measured, finding)));
    else silent.push(retold(finding, bornInside));
  }
  for (const { node, inside } of await looker.locatePassing(measured)) {
    const guard = guardBehind(measured, node);
    for (const one of inside) {
      if (guard === null) located.push({ origin: one, order: node.index });
      else silent.push(guarded(one, guard.name));
    }
  }
  // The leading one stays so; the others are in the order of the nodes, those of one body in the order of that.
  const [leading, ...rest] = located;
  rest.sort((a, b) => a.order - b.order);
  return {
    origins: [...(leading ? [leading] : []), ...rest].map(({ origin }) => origin),
    spread: found.spread.map((crossing) => looker.framed(crossing)),
    silent,
    opened: [...looker.opened],
  };
}

/** The local functions and branches that a node came in through, outermost first. */
function frames(
  { opened }: Measurement,
  { inside }: Pick<Inlined, 'inside'>,
): ReadonlyMap<string, readonly InsideFrame[]> {
  const all = new Map(inside);
  for (const [node, { frames: own, name }] of opened?.inside ?? []) {
    const outer = inside.get(own[0]?.node ?? '') ?? [];
    // Local functions that the branch itself calls.
    all.set(node, [...outer, ...own, ...(inside.get(name) ?? []).slice(outer.length)]);
  }
  return all;
}

/** A body may hand one birth out twice. */
const sameBirth = (a: Origin, b: Origin): boolean =>
  a.tensor === b.tensor &&
  a.mechanism === b.mechanism &&
  JSON.stringify(a.evidence.inside) === JSON.stringify(b.evidence.inside);

/** What is said of a birth elsewhere: where its NaN ends. */
function retold(finding: SilentFinding, bornInside: ReadonlyMap<string, readonly Origin[]>): SilentFinding {
  const { bornIn } = finding.evidence;
  const inside = typeof bornIn === 'string' ? bornInside.get(bornIn)?.[0] : undefined;
  if (!inside) return finding;
  return { ...finding, evidence: { ...finding.evidence, bornAt: inside.node, bornAs: inside.mechanism } };
}

const guarded = (origin: Origin, guard: string): SilentFinding => ({
  ...origin,
  mechanism: 'guarded',
  evidence: { ...origin.evidence, guard, bornAs: origin.mechanism },
  explanation: `${origin.explanation} ${guard} (Where on a NaN test) removes it before it reaches any other position.`,
});

/** What removes all NaN that a node hands on, where an explicit test does. */
function guardBehind(measured: Measurement, node: GraphNode): GraphNode | null {
  const { target, axes, facts } = measured;
  const isInteger = (value: string): boolean => {
    const dtype = facts.values.get(value)?.dtype;
    return dtype !== undefined && !isFloat(dtype);
  };
  const guards = node.outputs.flatMap((value) => {
    const cells = value === '' ? null : measured.flagsOf(value);
    if (!cells || !hasNaN(cells)) return [];
    const birth = { node, value, cells };
    return [guardOf(target.graph, birth, contaminate(target.graph, axes, measured.flagsOf, birth, isInteger))];
  });
  return guards.every((guard) => guard !== null) ? (guards[0] ?? null) : null;
}

class Looker {
  readonly opened = new Set<string>();
  private readonly known = new Map<GraphNode, Promise<readonly Origin[] | string>>();
  private readonly fused = new Map<Measurement, ReadonlyMap<string, BornInside>>();
  private readonly closed: ReadonlyMap<string, string>;

  constructor(
    private readonly job: EngineJob,
    private readonly roles: Roles,
    private readonly inlined: Pick<Inlined, 'inside' | 'kept'>,
  ) {
    this.closed = new Map(
      inlined.kept.map((call) => [
        call.node,
        `it calls the local function ${call.function}, which was not opened because ${call.reason}`,
      ]),
    );
  }

  /** The births inside that a birth at the boundary is made of; that one itself where there is nothing inside. */
  async locate(measured: Measurement, origin: Origin): Promise<readonly Origin[]> {
    const node = origin.node === null ? undefined : measured.target.graph.producer.get(origin.tensor);
    if (!node) return [origin];
    const closed = this.closed.get(node.name);
    if (closed !== undefined) return [this.framed(notLocated(origin, closed))];
    if (isFused(node))
      return this.inFused(measured, node, this.framed(origin), this.inlined.inside.get(node.name) ?? []);
    const sources = hasBody(node)
      ? [node]
      : listMakers(measured.target.graph, node, (value) => isTensor(measured, value), hasBody);
    if (sources.length === 0) return [this.framed(origin)];
    const origins: Origin[] = [];
    const reasons: string[] = [];
    for (const source of sources) {
      const inside = await this.inside(measured, source);
      if (typeof inside === 'string')
        reasons.push(source === node ? inside : `of the list from ${source.name}, ${inside}`);
      else origins.push(...inside);
    }
    return origins.length === 0
      ? [this.framed(notLocated(origin, reasons.join('; ')))]
      : origins.map((one) => ({ ...one, layer: origin.layer, block: origin.block, stage: origin.stage }));
  }

  async locateGuarded(measured: Measurement, finding: SilentFinding): Promise<SilentFinding[]> {
    const { guard = null, bornAs, ...evidence } = finding.evidence;
    const inside = await this.locate(measured, { ...finding, evidence, mechanism: 'unknown' });
    return inside.map((one) =>
      one.tensor === finding.tensor && one.node === finding.node
        ? {
            ...one,
            mechanism: 'guarded',
            evidence: {
              ...one.evidence,
              guard,
              bornAs: one.mechanism === 'unknown' ? (bornAs ?? null) : one.mechanism,
            },
          }
        : guarded(one, typeof guard === 'string' ? guard : 'A node behind it'),
    );
  }

  /** Fused nodes are looked at together, before what was born in one of them is told. */
  async lookAtFused(measured: Measurement, findings: readonly (Origin | SilentFinding)[]): Promise<void> {
    const births = findings.flatMap(({ tensor, node: at, mechanism }): FusedBirth[] => {
      const node = at === null ? undefined : measured.target.graph.producer.get(tensor);
      // What the boundary can tell (a NaN weight) needs no second look.
      const isOpen = mechanism === 'unknown' || mechanism === 'guarded';
      return node && isFused(node) && isOpen && !this.closed.has(node.name) ? [{ node, tensor }] : [];
    });
    if (births.length > 0) this.fused.set(measured, await bornInFused(this.job, measured, births, this.roles));
  }

  private inFused(
    measured: Measurement,
    node: GraphNode,
    origin: Origin,
    through: readonly InsideFrame[],
  ): readonly Origin[] {
    const inside = origin.mechanism === 'unknown' ? this.fused.get(measured)?.get(origin.tensor) : undefined;
    return inside === undefined ? [origin] : toldInside(node, origin, inside, through);
  }

  /** Births in bodies that also hand on NaN that they read: at other positions than those it came with. */
  async locatePassing(measured: Measurement): Promise<{ node: GraphNode; inside: readonly Origin[] }[]> {
    const found: { node: GraphNode; inside: readonly Origin[] }[] = [];
    for (const node of measured.target.graph.nodes) {
      if (!hasBody(node) || this.known.has(node)) continue;
      const flags = node.outputs.map((output) => (output === '' ? null : measured.flagsOf(output)));
      if (!flags.some((own) => own !== null && hasNaN(own))) continue;
      const inside = await this.inside(measured, node);
      if (typeof inside !== 'string') found.push({ node, inside });
    }
    return found;
  }

  /** A node that came in with a local function says through which call. */
  framed<F extends Finding>(finding: F): F {
    const frames = finding.node === null ? [] : (this.inlined.inside.get(finding.node) ?? []);
    if (frames.length === 0) return finding;
    return {
      ...finding,
      evidence: { ...finding.evidence, inside: frames },
      explanation: `${finding.explanation} ${insideText(frames)}`,
    };
  }

  private inside(measured: Measurement, node: GraphNode): Promise<readonly Origin[] | string> {
    const before = this.known.get(node);
    if (before) return before;
    if (this.opened.size >= mostNodes)
      return Promise.resolve(`${String(mostNodes)} nodes with NaN in what they hand on were opened before it`);
    this.opened.add(node.name);
    const frames = this.inlined.inside.get(node.name) ?? [];
    const looked = this.look(measured, node, node.name, frames, 1);
    this.known.set(node, looked);
    return looked;
  }

  /**
   * @param path of the node, as the report shows it.
   * @param frames that lead to the node.
   * @returns births inside, or half a sentence on why there are none to show.
   */
  private async look(
    measured: Measurement,
    node: GraphNode,
    path: string,
    frames: readonly InsideFrame[],
    depth: number,
  ): Promise<readonly Origin[] | string> {
    if (depth > deepest) return `bodies within bodies are followed ${String(deepest)} levels deep`;
    try {
      const opening = await openNode(this.job, measured, node);
      if (typeof opening === 'string') return opening;
      const origins: Origin[] = [];
      for (const part of opening.parts)
        origins.push(...(await this.measure(measured, node, opening, part, path, frames, depth)));
      if (origins.length === 0) return 'run on its own, its body gave no NaN that nothing before it held';
      return mergeIterations(origins, frames.length, opening);
    } catch (error) {
      if (isRefusal(error)) return `the engine refused the body on its own (${error.message})`;
      throw error;
    }
  }

  private async measure(
    measured: Measurement,
    node: GraphNode,
    opening: Opening,
    part: OpenedPart,
    path: string,
    frames: readonly InsideFrame[],
    depth: number,
  ): Promise<Origin[]> {
    const graph = new Graph(part.model);
    const read = new Set(graph.inputs);
    const inputs = Object.fromEntries(Object.entries(measured.target.inputs).filter(([name]) => read.has(name)));
    const { externalDataFolder } = measured.target;
    const prepared = await prepare(this.job, { graph, inputs, externalDataFolder }, measured.inputAxes);
    const screened = await screenPart(this.job, prepared);
    const found = await findings(this.job, screened, this.roles, () => nowhere);
    await this.lookAtFused(
      screened,
      found.origins.filter(({ tensor }) => part.inner.has(screened.target.graph.producer.get(tensor)?.name ?? '')),
    );
    const origins: Origin[] = [];
    for (const origin of found.origins) {
      const producer = screened.target.graph.producer.get(origin.tensor);
      const inner = producer ? part.inner.get(producer.name) : undefined;
      if (!producer || !inner) continue;
      const { name, iteration } = inner;
      const frame: InsideFrame = { node: path, op: node.op, body: opening.body, iteration };
      const through = [...frames, frame, ...this.callsWithin(name, frames.length)];
      const shown = joinPath(joinPath(path, opening.body), name);
      const deeper = hasBody(producer) ? await this.look(screened, producer, shown, through, depth + 1) : null;
      if (deeper !== null && typeof deeper !== 'string') {
        origins.push(...deeper.filter((one) => !origins.some((other) => sameBirth(one, other))));
        continue;
      }
      const reason = deeper ?? this.closed.get(name) ?? null;
      const own = { ...origin, node: shown, evidence: { ...origin.evidence, inside: through } };
      const told = { ...own, explanation: `${own.explanation} ${insideText(through, opening.iterations)}` };
      if (isFused(producer)) origins.push(...this.inFused(screened, producer, told, through));
      else origins.push(reason === null ? told : notLocated(told, reason));
    }
    return origins;
  }

  /** Local functions were opened inside bodies too: the calls that stand in the body itself. */
  private callsWithin(name: string, outside: number): readonly InsideFrame[] {
    return (this.inlined.inside.get(name) ?? []).slice(outside);
  }
}

const nowhere: Place = { layer: null, block: null, stage: 'other' };

const hasBody = (node: GraphNode): boolean =>
  node.proto.attribute.some((entry) => entry.g !== undefined || entry.graphs.length > 0);

const notLocated = (origin: Origin, reason: string): Origin => ({
  ...origin,
  evidence: { ...origin.evidence, notLocated: reason },
  explanation: `${origin.explanation} It was born inside ${origin.node ?? 'it'} and not located further: ${reason}.`,
});
