/**
 * What the use cases need from the world. `runtime/client` implements `Engine`; the composition roots bring the
 * rest. Nothing here knows a process, an editor or a file handle.
 */
import type { NanoscopeError } from '../core/errors';
import type { TensorData } from '../core/tensor';
import type { EngineLevel } from '../core/report';
import type { AnyInspection } from '../core/probe/inspectors';

export interface EngineOptions {
  /** Node binary for the child; the host's own when absent. */
  readonly nodePath?: string | undefined;
  /** Milliseconds for one job; the child is killed after it. */
  readonly timeoutMs?: number | undefined;
  /** Bytes of anonymous memory (RSS minus file-backed) after which the child is killed. */
  readonly memoryLimitBytes?: number | undefined;
}

export interface Engine {
  /**
   * Forks one child for one job. Killing it (by `signal`, time-out, memory limit or `close`) leaves nothing
   * behind; every pending call then rejects with a `NanoscopeError` (`cancelled`, `timeout`, `out-of-memory`,
   * `engine-crashed`).
   */
  start(signal?: AbortSignal): EngineJob;
}

export interface SessionOptions {
  readonly level: EngineLevel;
  /** false skips weight prepacking: much faster to load, right for sessions that run once. */
  readonly prepack: boolean;
  /** Folder that external data locations are relative to; `/` with slim models. */
  readonly externalDataFolder?: string | undefined;
  readonly threads?: number | undefined;
}

export interface ValueInfo {
  readonly name: string;
  readonly dtype: string;
  readonly dims: readonly (number | string)[];
}

export interface SessionInfo {
  readonly id: number;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly createMs: number;
}

/**
 * A pure function of `core/probe/inspectors.ts`, run in the child on tensors of this run (by output name) or kept
 * from an earlier one (by handle), so that statistics travel and tensors stay.
 */
export type Inspection = AnyInspection;

export interface RunRequest {
  readonly session: number;
  readonly feeds: Readonly<Record<string, TensorData>>;
  /** Inputs that are fed with what an earlier run left in the child: `input name → handle`. */
  readonly feedKept?: Readonly<Record<string, string>>;
  /** Outputs whose data come back to the host. Small ones only. */
  readonly fetch: readonly string[];
  /** Outputs that stay in the child under a handle: `handle → output name`. */
  readonly keep?: Readonly<Record<string, string>>;
  readonly inspect?: readonly Inspection[];
}

export interface RunResult {
  readonly tensors: Readonly<Record<string, TensorData>>;
  /** By inspection id. */
  readonly inspected: Readonly<Record<string, unknown>>;
  /** The engine's `run` alone, without fetching or inspecting. */
  readonly runMs: number;
}

export interface EngineJob {
  /** Version of onnxruntime-node, `1.30.0`. */
  version(): Promise<string>;
  /** @throws NanoscopeError `engine-failed`, `unsupported-op`, `unsupported-opset`, `unsupported-type`, … */
  createSession(model: Uint8Array, options: SessionOptions): Promise<SessionInfo>;
  run(request: RunRequest): Promise<RunResult>;
  release(session: number): Promise<void>;
  /** Forget kept tensors. */
  drop(handles: readonly string[]): Promise<void>;
  /** Peak anonymous memory of the child so far, bytes; `null` where the platform does not tell. */
  peakMemory(): Promise<number | null>;
  /** Resolves when the job is over, also between two calls, with what every later call rejects with. */
  ended(): Promise<NanoscopeError>;
  /** Ends the child. Never throws; safe to call twice. */
  close(): Promise<void>;
}
