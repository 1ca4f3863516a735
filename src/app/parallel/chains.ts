/**
 * Models in several parts, each process running its own: ranks in lockstep with an all-reduce between their segments,
 * or pipeline stages one after the other. Values that a process needs again stay in it; sums, and what another process
 * reads, come to this one.
 */
import { NanoscopeError } from '../../core/errors';
import { allReduced } from '../../core/parallel/allReduce';
import type { Segment } from '../../core/parallel/cut';
import type { HealthParams, SampleFigures } from '../../core/probe/inspect/health';
import { health } from '../../core/probe/inspect/health';
import type { AnyInspection } from '../../core/probe/inspectors';
import { extended } from '../../core/probe/instrument';
import type { TensorData } from '../../core/tensor';
import type { Target } from '../measure/facts';
import { encode } from '../measure/facts';
import { measuring, withSession } from '../measure/sessions';
import type { Engine, EngineJob } from '../ports';
import type { DiagnoseEvents } from '../useCases';
import { Slots } from './slots';

/** What one process runs, in this order. */
export interface Chain {
  /** `Rank 0`, `Stage 1`: how an error begins. */
  readonly label: string;
  readonly segments: readonly Segment[];
}

export interface Arrangement {
  /** `ranks`: every process runs its first segment, then every one its second. `stages`: one process after another. */
  readonly kind: 'ranks' | 'stages';
  readonly chains: readonly Chain[];
  /** Values that are summed over all processes as soon as every one has its term. */
  readonly allReduce: ReadonlySet<string>;
}

export interface Asked {
  readonly inputs: Readonly<Record<string, TensorData>>;
  /** Values to hand out. */
  readonly outputs: ReadonlySet<string>;
  /** How sample and position are found in what is looked at. */
  readonly rows: ReadonlyMap<string, HealthParams>;
  readonly fences: Target['fences'];
}

/** Of one process. */
export interface Ran {
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** A reduced value is looked at as it is after the sum. */
  readonly figures: ReadonlyMap<string, readonly SampleFigures[]>;
}

interface Host {
  /** Inputs, sums, and in stages what was handed over. */
  readonly values: Map<string, TensorData>;
  readonly job: EngineJob;
  readonly slots: Slots;
  readonly tensors: Map<string, TensorData>;
  readonly figures: Map<string, readonly SampleFigures[]>;
}

/**
 * Every process is gone when this returns or throws.
 * @throws NanoscopeError what the engine says of the first process that fails; the others are ended with it
 */
export async function runChains(
  engine: Engine,
  arrangement: Arrangement,
  asked: Asked,
  { onProgress }: Pick<DiagnoseEvents, 'onProgress'>,
  signal?: AbortSignal,
): Promise<Ran[]> {
  const { kind, chains } = arrangement;
  const shared = new Map(Object.entries(asked.inputs));
  const hosts = chains.map(({ segments }): Host => ({
    values: kind === 'stages' ? shared : new Map(shared),
    job: engine.start(signal),
    slots: new Slots(segments),
    tensors: new Map(),
    figures: new Map(),
  }));
  try {
    // A process that waits for the others may be the one that dies.
    const failed = Promise.race(
      hosts.map(async ({ job }, at) => {
        throw namedError(await job.ended(), arrangement, at);
      }),
    );
    await Promise.race([allSteps(arrangement, hosts, asked, onProgress), failed]);
    return hosts.map(({ tensors, figures }) => ({ tensors, figures }));
  } finally {
    await Promise.all(hosts.map(({ job }) => job.close()));
  }
}

async function allSteps(
  arrangement: Arrangement,
  hosts: readonly Host[],
  asked: Asked,
  onProgress: DiagnoseEvents['onProgress'],
): Promise<void> {
  const { kind, chains } = arrangement;
  const longest = Math.max(...chains.map(({ segments }) => segments.length));
  const steps = kind === 'ranks' ? longest : chains.length;
  for (let step = 0; step < steps; step += 1) {
    onProgress?.({
      text:
        kind === 'ranks'
          ? `Running ${String(chains.length)} ranks, part ${String(step + 1)} of ${String(steps)}`
          : `Running stage ${String(step + 1)} of ${String(steps)}`,
      fraction: step / steps,
    });
    if (kind === 'stages') {
      await runSegment(arrangement, hosts, step, 0, asked);
      continue;
    }
    const given = await Promise.all(chains.map((_, at) => runSegment(arrangement, hosts, at, step, asked)));
    share(arrangement, hosts, given, asked);
  }
}

/** @returns terms of sums */
async function runSegment(
  arrangement: Arrangement,
  hosts: readonly Host[],
  at: number,
  index: number,
  asked: Asked,
): Promise<ReadonlyMap<string, TensorData>> {
  const { kind, chains, allReduce } = arrangement;
  const host = hosts[at];
  const segment = chains[at]?.segments[index];
  if (!host || !segment || segment.gives.length + segment.rows.length === 0) return new Map();
  const { job, slots, values } = host;
  const isFetched = (value: string): boolean => allReduce.has(value) || asked.outputs.has(value) || kind === 'stages';
  const inspect = [...segment.gives, ...segment.rows].flatMap((value): AnyInspection[] => {
    const params = allReduce.has(value) ? undefined : asked.rows.get(value);
    return params ? [{ id: value, inspector: 'health', tensors: [value], params }] : [];
  });
  const feedKept = Object.fromEntries(
    segment.reads.flatMap((value) => (values.has(value) ? [] : [[value, slots.of(value)] as const])),
  );
  const kept =
    kind === 'stages' ? [] : segment.gives.filter((value) => !allReduce.has(value) && slots.isRead(value, index));
  const model = segment.rows.length === 0 ? segment.model : extended(segment.model, { outputs: segment.rows });
  const options = { ...measuring(segment), ...(kind === 'ranks' && { threads: 1 }) };
  try {
    const { tensors, inspected } = await withSession(job, encode(model, asked), options, (session) => {
      const read = new Set(session.inputs.map(({ name }) => name));
      return job.run({
        session: session.id,
        feeds: Object.fromEntries([...values].filter(([name]) => read.has(name))),
        feedKept: Object.fromEntries(Object.entries(feedKept).filter(([name]) => read.has(name))),
        fetch: segment.gives.filter(isFetched),
        keep: Object.fromEntries(kept.map((value) => [slots.take(value), value])),
        inspect,
      });
    });
    slots.freeAfter(index);
    for (const name of allReduce) if (!slots.isRead(name, index)) values.delete(name);
    const terms = new Map<string, TensorData>();
    for (const [name, tensor] of Object.entries(tensors)) {
      if (allReduce.has(name)) terms.set(name, tensor);
      else if (asked.outputs.has(name)) host.tensors.set(name, tensor);
      if (kind === 'stages') values.set(name, tensor);
    }
    for (const [name, figures] of Object.entries(inspected))
      if (Array.isArray(figures) && figures.length > 0) host.figures.set(name, figures as readonly SampleFigures[]);
    return terms;
  } catch (error) {
    throw namedError(error, arrangement, at);
  }
}

/** The all-reduce: every rank goes on with the sum. */
function share(
  { allReduce }: Arrangement,
  hosts: readonly Host[],
  given: readonly ReadonlyMap<string, TensorData>[],
  asked: Asked,
): void {
  for (const name of allReduce) {
    const terms = given.flatMap((own) => own.get(name) ?? []);
    if (terms.length === 0) continue;
    const sum = allReduced(name, terms);
    const params = asked.rows.get(name);
    const figures = params ? health(sum, params) : [];
    for (const host of hosts) {
      host.values.set(name, sum);
      if (figures.length > 0) host.figures.set(name, figures);
      if (asked.outputs.has(name)) host.tensors.set(name, sum);
    }
  }
}

/** Says which process it was; that somebody cancelled is true of all of them. */
function namedError(error: unknown, { kind, chains }: Arrangement, at: number): unknown {
  if (!(error instanceof NanoscopeError) || error.code === 'cancelled') return error;
  const own = chains[at]?.label ?? '';
  if (error.message.startsWith(own)) return error;
  return new NanoscopeError(
    error.code,
    `${own} of ${String(chains.length)} failed, and the other ${kind} were ended with it. ${error.message}`,
    error.hint,
    { cause: error },
  );
}
