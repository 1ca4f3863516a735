/** The `Engine` port: forks `dist/worker.js`, one child for each job. */
import { ChildJob } from './job';
import type { JobEnding } from './job';
import type { Engine, EngineOptions } from '../../app/ports';

export interface EngineConfig {
  /** The bundled worker, beside the bundle of the host: `dist/worker.js`. */
  readonly workerPath: string;
  readonly options?: EngineOptions | undefined;
  /** For the log: called when a child is gone, with its last words. */
  readonly onEnd?: ((ending: JobEnding) => void) | undefined;
  /** How often the child's memory is looked at during a call. */
  readonly sampleMs?: number | undefined;
}

export interface ForkingEngine extends Engine {
  start(signal?: AbortSignal): ChildJob;
}

const DEFAULT_TIMEOUT_MS = 10 * 60_000;
const DEFAULT_SAMPLE_MS = 20;

export function createEngine(config: EngineConfig): ForkingEngine {
  const { workerPath, options = {}, onEnd, sampleMs = DEFAULT_SAMPLE_MS } = config;
  return {
    start: (signal) =>
      new ChildJob(
        {
          workerPath,
          nodePath: options.nodePath,
          timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
          memoryLimitBytes: options.memoryLimitBytes,
          sampleMs,
          onEnd,
        },
        signal,
      ),
  };
}
