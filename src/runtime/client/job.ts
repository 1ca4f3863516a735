/** One forked child for one job. Every call is answered or rejects; ending the child leaves nothing behind. */
import { byName } from '../../core/byName';
import { NanoscopeError } from '../../core/errors';
import { callResults, fromWorker } from '../../protocol/worker';
import { checkFeeds, disagreement } from './feeds';
import { endingError, limitHint } from './ending';
import { fromEngineName, toEngineName, withEngineNames } from './engineNames';
import { failureError } from './classify';
import { kernelError } from './missingKernel';
import { MemoryWatch } from './memory';
import { rareTypes } from './modelTypes';
import { spawnWorker } from './spawn';
import { StderrTail } from './stderr';
import type { ChildProcess } from 'node:child_process';
import type { EngineJob, RunRequest, RunResult, SessionInfo, SessionOptions } from '../../app/ports';
import type { FailureContext } from './classify';
import type { CallArgs, CallName, CallResult, FromWorker } from '../../protocol/worker';

export interface JobOptions {
  readonly workerPath: string;
  readonly nodePath?: string | undefined;
  readonly timeoutMs: number;
  readonly memoryLimitBytes?: number | undefined;
  readonly sampleMs: number;
  /** Told once, when the child is gone. */
  readonly onEnd?: ((ending: JobEnding) => void) | undefined;
}

export interface JobEnding {
  readonly pid: number | undefined;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The last part of what the child wrote. */
  readonly stderr: string;
  readonly error: NanoscopeError;
}

interface Pending {
  readonly context: FailureContext;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: NanoscopeError) => void;
}

/** setTimeout fires at once for longer delays than this. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export class ChildJob implements EngineJob {
  private readonly child: ChildProcess | undefined;
  private readonly stderr = new StderrTail();
  private readonly pending = new Map<number, Pending>();
  private readonly sessions = new Map<number, SessionInfo>();
  private readonly memory: MemoryWatch | undefined;
  private readonly timer: NodeJS.Timeout | undefined;
  private readonly gone: Promise<void>;
  private tellEnd: (reason: NanoscopeError) => void = () => undefined;
  private readonly over = new Promise<NanoscopeError>((resolve) => (this.tellEnd = resolve));
  private nextCall = 1;
  /** Set once; from then on every call rejects with it. */
  private failure: NanoscopeError | undefined;

  constructor(
    private readonly options: JobOptions,
    private readonly signal?: AbortSignal,
  ) {
    if (signal?.aborted) {
      this.failure = cancelled();
      this.tellEnd(this.failure);
      this.gone = Promise.resolve();
      return;
    }
    const child = spawnWorker(options);
    this.child = child;
    this.gone = new Promise((resolve) => {
      child.once('error', (error) => {
        this.fail(spawnError(error, options.nodePath));
        // Without a process there is no `close` to wait for.
        if (child.pid === undefined) {
          this.settle(null, null);
          resolve();
        }
      });
      child.once('close', (code, exitSignal) => {
        this.fail(endingError({ code, signal: exitSignal, stderr: this.stderr.toString() }));
        this.settle(code, exitSignal);
        resolve();
      });
    });
    child.on('message', (message) => this.receive(message));
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.stderr.add(chunk));
    signal?.addEventListener('abort', this.onAbort, { once: true });
    this.timer = setTimeout(() => this.end(timedOut(options.timeoutMs)), Math.min(options.timeoutMs, LONGEST_DELAY_MS));
    this.timer.unref();
    if (child.pid !== undefined) {
      this.memory = new MemoryWatch(child.pid, options.sampleMs, (bytes) => this.checkMemory(bytes));
    }
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  version(): Promise<string> {
    return this.call('version', null);
  }

  async createSession(model: Uint8Array, options: SessionOptions): Promise<SessionInfo> {
    const args = {
      model: withEngineNames(model),
      level: options.level,
      prepack: options.prepack,
      externalDataFolder: options.externalDataFolder ?? null,
      threads: options.threads ?? null,
    };
    const create = (bytes: Uint8Array): Promise<CallResult<'createSession'>> =>
      this.call('createSession', { ...args, model: bytes }, { rareTypes: () => rareTypes(model) });
    const found = await create(args.model).catch(async (error: unknown) => {
      throw await kernelError(error, args.model, async (other) => {
        await this.call('release', { session: (await create(other)).id });
      });
    });
    const info = { ...found, inputs: found.inputs.map(own), outputs: found.outputs.map(own) };
    this.sessions.set(info.id, info);
    return info;
  }

  async run(request: RunRequest): Promise<RunResult> {
    const session = this.sessions.get(request.session);
    const feedKept = Object.entries(request.feedKept ?? {});
    if (session) {
      const kept = new Set(feedKept.map(([input]) => input));
      checkFeeds(
        session.inputs.filter(({ name }) => !kept.has(name)),
        request.feeds,
      );
    }
    const args = {
      session: request.session,
      feeds: Object.entries(request.feeds).map(([name, tensor]) => [toEngineName(name), tensor] as const),
      feedKept: feedKept.map(([name, handle]) => [toEngineName(name), handle] as const),
      fetch: request.fetch.map(toEngineName),
      keep: Object.entries(request.keep ?? {}).map(([handle, name]) => [handle, toEngineName(name)] as const),
      inspect: (request.inspect ?? []).map((inspection) => ({
        ...inspection,
        tensors: inspection.tensors.map(toEngineName),
      })),
    };
    const result = await this.call('run', args).catch((error: unknown) => {
      // The engine lets one symbol have two sizes, and fails somewhere inside.
      const inside = error instanceof NanoscopeError && error.code === 'engine-failed' ? error : null;
      throw (inside && session ? disagreement(session.inputs, request.feeds, inside.message) : null) ?? error;
    });
    return {
      tensors: byName(result.tensors.map(([name, tensor]) => [fromEngineName(name), tensor] as const)),
      inspected: byName(result.inspected),
      runMs: result.runMs,
    };
  }

  async release(session: number): Promise<void> {
    this.sessions.delete(session);
    await this.call('release', { session });
  }

  async drop(handles: readonly string[]): Promise<void> {
    await this.call('drop', { handles });
  }

  peakMemory(): Promise<number | null> {
    this.memory?.sample();
    return Promise.resolve(this.memory?.peak ?? null);
  }

  ended(): Promise<NanoscopeError> {
    return this.over;
  }

  async close(): Promise<void> {
    this.end(new NanoscopeError('cancelled', 'The engine was closed.', 'Start the run again.'));
    await this.gone;
  }

  private readonly onAbort = (): void => this.end(cancelled());

  private call<K extends CallName>(call: K, args: CallArgs<K>, context: FailureContext = {}): Promise<CallResult<K>> {
    const { child } = this;
    if (this.failure || !child) return Promise.reject(this.failure ?? cancelled());
    const id = this.nextCall++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, {
        context,
        resolve: (value) => {
          const parsed = callResults[call].safeParse(value);
          if (parsed.success) resolve(parsed.data);
          else reject(garbled(parsed.error.message));
        },
        reject,
      });
      this.memory?.start();
      try {
        // A channel that closes meanwhile is reported by `close`, with the reason.
        child.send({ id, call, args }, () => undefined);
      } catch (error) {
        this.answer(id, (call) => call.reject(garbled(error instanceof Error ? error.message : String(error))));
      }
    });
  }

  private receive(message: unknown): void {
    const parsed = fromWorker.safeParse(message);
    if (!parsed.success) {
      this.end(garbled(parsed.error.message));
      return;
    }
    const reply: FromWorker = parsed.data;
    this.answer(reply.id, (call) => {
      if (reply.ok) call.resolve(reply.value);
      else call.reject(failureError(reply.error, call.context));
    });
  }

  private answer(id: number, settle: (call: Pending) => void): void {
    const call = this.pending.get(id);
    if (!call) return;
    this.pending.delete(id);
    this.memory?.sample();
    if (this.pending.size === 0) this.memory?.stop();
    settle(call);
  }

  private checkMemory(bytes: number): void {
    const limit = this.options.memoryLimitBytes;
    if (limit !== undefined && bytes > limit) this.end(overLimit(limit));
  }

  /** Kills the child for a reason that is already known. */
  private end(reason: NanoscopeError): void {
    this.fail(reason);
    this.child?.kill('SIGKILL');
  }

  /** The first reason counts; what follows from it does not. */
  private fail(reason: NanoscopeError): void {
    if (this.failure) return;
    this.failure = reason;
    this.tellEnd(reason);
    this.memory?.stop();
    clearTimeout(this.timer);
    this.signal?.removeEventListener('abort', this.onAbort);
    const calls = [...this.pending.values()];
    this.pending.clear();
    for (const call of calls) call.reject(reason);
  }

  private settle(exitCode: number | null, signal: string | null): void {
    const error = this.failure ?? cancelled();
    this.options.onEnd?.({ pid: this.pid, exitCode, signal, stderr: this.stderr.toString(), error });
  }
}

const own = <T extends { readonly name: string }>(info: T): T => ({ ...info, name: fromEngineName(info.name) });

const cancelled = (): NanoscopeError =>
  new NanoscopeError('cancelled', 'The run was cancelled.', 'Start it again when you like; nothing is left behind.');

const timedOut = (ms: number): NanoscopeError =>
  new NanoscopeError(
    'timeout',
    `The engine was stopped after ${ms < 1000 ? `${String(ms)} ms` : `${String(Math.round(ms / 1000))} s`}.`,
    'Use a smaller batch, or raise the time-out: --timeout in a terminal, nanoscope.engine.timeoutSeconds in the settings.',
  );

const overLimit = (limit: number): NanoscopeError =>
  new NanoscopeError(
    'out-of-memory',
    `The engine was stopped because it needed more memory than the limit of ${String(Math.round(limit / 2 ** 20))} MB.`,
    limitHint,
  );

const garbled = (detail: string): NanoscopeError =>
  new NanoscopeError(
    'engine-crashed',
    'The engine and NaNoscope did not understand each other.',
    `Install NaNoscope again so that its parts fit together; see the log. (${detail.slice(0, 200)})`,
  );

function spawnError(error: Error, nodePath: string | undefined): NanoscopeError {
  const code = 'code' in error ? error.code : undefined;
  if (nodePath && (code === 'ENOENT' || code === 'EACCES')) {
    return new NanoscopeError(
      'usage',
      `The Node binary for the engine cannot be run: ${nodePath}`,
      'Correct its path in the settings, or leave it empty to use the built-in one.',
    );
  }
  return new NanoscopeError(
    'engine-failed',
    `The engine's process could not be started: ${error.message}`,
    'Close other programs and try again; see the log.',
    { cause: error },
  );
}
