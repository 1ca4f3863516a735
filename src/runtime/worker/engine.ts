/** Sessions, runs and kept tensors: the one place that talks to onnxruntime-node. */
import { inspect } from '../../core/probe/inspectors';
import { show } from '../../core/onnx/show';
import { WorkerError } from './failure';
import { aligned, fromEngine, isFetchable, toEngine } from './tensors';
import type { CallArgs, CallResult, WireInspection, WireValueInfo } from '../../protocol/worker';
import type { TensorData } from '../../core/tensor';
import type * as Ort from 'onnxruntime-node';

interface Session {
  readonly handle: Ort.InferenceSession;
  readonly outputs: ReadonlyMap<string, WireValueInfo>;
}

/** Results above this are worth a collection at once: their memory lies outside the JS heap and hardly counts there. */
const COLLECT_ABOVE_BYTES = 8 * 1024 * 1024;

export class WorkerEngine {
  private ort: Promise<typeof Ort> | undefined;
  private readonly sessions = new Map<number, Session>();
  private readonly kept = new Map<string, TensorData>();
  private nextSession = 1;

  async version(): Promise<string> {
    const { env } = await this.load();
    return env.versions.node ?? 'unknown';
  }

  async createSession(args: CallArgs<'createSession'>): Promise<CallResult<'createSession'>> {
    const { InferenceSession } = await this.load();
    const session: Record<string, string> = {
      // Threads that wait for work give the core away: an editor runs beside, and spinning costs a third on a busy machine.
      'intra_op.allow_spinning': '0',
    };
    if (!args.prepack) session.disable_prepacking = '1';
    if (args.externalDataFolder !== null) {
      session.model_external_initializers_file_folder_path = args.externalDataFolder;
    }
    const started = performance.now();
    const handle = await InferenceSession.create(args.model, {
      graphOptimizationLevel: args.level,
      executionProviders: ['cpu'],
      executionMode: 'sequential',
      interOpNumThreads: 1,
      ...(args.threads === null ? {} : { intraOpNumThreads: args.threads }),
      logSeverityLevel: 4,
      extra: { session },
    }).catch((error: unknown) => {
      throw new WorkerError('create', error);
    });
    const createMs = performance.now() - started;
    const outputs = handle.outputMetadata.map(valueInfo);
    const id = this.nextSession++;
    this.sessions.set(id, { handle, outputs: new Map(outputs.map((info) => [info.name, info])) });
    return { id, inputs: handle.inputMetadata.map(valueInfo), outputs, createMs };
  }

  async run(args: CallArgs<'run'>): Promise<CallResult<'run'>> {
    const ort = await this.load();
    const session = this.session(args.session);
    const inspected = args.inspect.flatMap((inspection) => inspection.tensors);
    const wanted = new Set([...args.fetch, ...args.keep.map(([, output]) => output)]);
    for (const name of inspected) if (session.outputs.has(name)) wanted.add(name);
    for (const name of wanted) checkFetchable(session, name);
    // The binding refuses an empty list, and all nodes run whatever is fetched: take the first that can be.
    const names = wanted.size > 0 ? [...wanted] : firstFetchable(session);

    // The engine asks it for names: it must not find what every object has.
    const feeds = Object.create(null) as Record<string, Ort.Tensor>;
    for (const [name, tensor] of args.feeds) feeds[name] = toEngine(ort, aligned(tensor));
    for (const [name, handle] of args.feedKept) {
      const tensor = this.kept.get(handle);
      if (!tensor) throw new WorkerError('request', `There is no kept tensor called ${show(handle)}.`);
      feeds[name] = toEngine(ort, tensor);
    }
    const started = performance.now();
    const results = await session.handle.run(feeds, names, { logSeverityLevel: 4 }).catch((error: unknown) => {
      throw new WorkerError('run', error);
    });
    const runMs = performance.now() - started;

    const outputs = new Map(names.map((name) => [name, this.taken(results, name)]));
    for (const [handle, name] of args.keep) this.kept.set(handle, this.found(outputs, name));
    const reply = {
      tensors: args.fetch.map((name) => [name, this.found(outputs, name)] as const),
      inspected: args.inspect.map((inspection) => [inspection.id, this.inspect(inspection, outputs)] as const),
      runMs,
    };
    let bytes = 0;
    for (const tensor of outputs.values()) bytes += tensor.data.byteLength;
    if (bytes > COLLECT_ABOVE_BYTES) setImmediate(() => globalThis.gc?.());
    return reply;
  }

  async release({ session }: CallArgs<'release'>): Promise<null> {
    const { handle } = this.session(session);
    this.sessions.delete(session);
    await handle.release();
    return null;
  }

  drop({ handles }: CallArgs<'drop'>): null {
    for (const handle of handles) this.kept.delete(handle);
    globalThis.gc?.();
    return null;
  }

  private load(): Promise<typeof Ort> {
    this.ort ??= import('onnxruntime-node').then(
      // Bundled as CommonJS the module may arrive under `default`.
      (module) => ('InferenceSession' in module ? module : (module as { default: typeof Ort }).default),
      (error: unknown) => {
        throw new WorkerError('load', error);
      },
    );
    return this.ort;
  }

  private session(id: number): Session {
    const session = this.sessions.get(id);
    if (!session) throw new WorkerError('request', `There is no session ${String(id)}.`);
    return session;
  }

  private taken(results: Ort.InferenceSession.OnnxValueMapType, name: string): TensorData {
    const value = results[name];
    if (!value || !('dims' in value)) throw new WorkerError('type', `The output ${show(name)} is not a tensor.`);
    return fromEngine(value);
  }

  private found(outputs: ReadonlyMap<string, TensorData>, name: string): TensorData {
    const tensor = outputs.get(name) ?? this.kept.get(name);
    if (!tensor) throw new WorkerError('request', `There is no output and no kept tensor called ${show(name)}.`);
    return tensor;
  }

  private inspect(inspection: WireInspection, outputs: ReadonlyMap<string, TensorData>): unknown {
    return inspect(
      inspection.inspector,
      inspection.tensors.map((name) => this.found(outputs, name)),
      inspection.params,
    );
  }
}

function valueInfo(meta: Ort.InferenceSession.ValueMetadata): WireValueInfo {
  return meta.isTensor
    ? { name: meta.name, dtype: meta.type, dims: [...meta.shape] }
    : { name: meta.name, dtype: 'non-tensor', dims: [] };
}

function checkFetchable(session: Session, name: string): void {
  const info = session.outputs.get(name);
  if (!info) throw new WorkerError('request', `The model has no output called ${show(name)}.`);
  if (!isFetchable(info.dtype))
    throw new WorkerError('type', `The output ${show(name)} has the type ${info.dtype}, which cannot be fetched.`);
}

function firstFetchable(session: Session): string[] {
  for (const info of session.outputs.values()) if (isFetchable(info.dtype)) return [info.name];
  throw new WorkerError('type', 'None of the outputs has a type that can be fetched.');
}
