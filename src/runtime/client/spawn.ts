/** How the child is started: which binary, which environment, which pipes. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

export interface SpawnOptions {
  readonly workerPath: string;
  readonly nodePath?: string | undefined;
  readonly memoryLimitBytes?: number | undefined;
}

export function spawnWorker(options: SpawnOptions): ChildProcess {
  return fork(options.workerPath, [], {
    serialization: 'advanced',
    // stdout has no meaning here; stderr is kept for the log.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Not the parent's: an inspector port or a loader of the host would come along.
    execArgv: ['--expose-gc'],
    env: environment(options),
    ...(options.nodePath ? { execPath: options.nodePath } : {}),
  });
}

function environment({ memoryLimitBytes }: SpawnOptions): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, ORT_DISABLE_TELEMETRY: '1' };
  // A debugger that attaches to children on its own would stop this one at its first line.
  delete env.NODE_OPTIONS;
  delete env.VSCODE_INSPECTOR_OPTIONS;
  // Electron's binary is a Node only on request.
  if (process.versions.electron) env.ELECTRON_RUN_AS_NODE = '1';
  // On Linux the client watches from outside and more exactly; elsewhere the child has to watch itself.
  if (memoryLimitBytes !== undefined && process.platform !== 'linux') {
    env.NANOSCOPE_MEMORY_LIMIT = String(memoryLimitBytes);
  }
  return env;
}
