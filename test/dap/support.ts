/** A real debugpy, spoken to over the Debug Adapter Protocol. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { DebugClient } from '@vscode/debugadapter-testsupport';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Evaluate } from '../../src/app/live/ports';

const python = '/usr/bin/python3';
export const programs = path.join(import.meta.dirname, 'programs');

const adapter = execFileSync(
  python,
  ['-c', 'import debugpy, os; print(os.path.join(os.path.dirname(debugpy.__file__), "adapter"))'],
  { encoding: 'utf8' },
).trim();

export class Debuggee {
  private constructor(
    private readonly client: DebugClient,
    private stopped: DebugProtocol.StoppedEvent['body'],
  ) {}

  /** Runs until the first `breakpoint()`. */
  static async start(program: string, args: readonly string[] = []): Promise<Debuggee> {
    const client = new DebugClient(python, adapter, 'debugpy');
    client.defaultTimeout = 60_000;
    await client.start();
    await client.initializeRequest({
      adapterID: 'debugpy',
      linesStartAt1: true,
      columnsStartAt1: true,
      pathFormat: 'path',
    });
    const stop = client.waitForEvent('stopped');
    const initialized = client.waitForEvent('initialized');
    const launched = client.launchRequest({
      program: path.join(programs, program),
      args,
      console: 'internalConsole',
      python: [python],
      env: { PYTHONDONTWRITEBYTECODE: '1' },
    } as DebugProtocol.LaunchRequestArguments);
    await initialized;
    await client.configurationDoneRequest();
    await launched;
    const { body } = (await stop) as DebugProtocol.StoppedEvent;
    return new Debuggee(client, body);
  }

  readonly evaluate: Evaluate = async (request) => {
    const { body } = await this.client.evaluateRequest({ ...request, format: { rawString: true } } as never);
    return { result: body.result, type: body.type ?? null };
  };

  /** Frame `depth` of the stopped thread, 0 = where it stopped. */
  async frame(depth = 0): Promise<{ readonly frameId: number; readonly line: number }> {
    const { body } = await this.client.stackTraceRequest({ threadId: this.stopped.threadId ?? 0 });
    const frame = body.stackFrames[depth];
    if (!frame) throw new Error(`No frame ${String(depth)}`);
    return { frameId: frame.id, line: frame.line };
  }

  /** What the variables view lists as the frame's locals. */
  async localNames(frameId: number): Promise<string[]> {
    const { body } = await this.client.scopesRequest({ frameId });
    const reference = body.scopes.find(({ name }) => name === 'Locals')?.variablesReference ?? 0;
    const variables = await this.client.variablesRequest({ variablesReference: reference });
    return variables.body.variables.map(({ name }) => name).filter((name) => !name.endsWith(' variables'));
  }

  async next(): Promise<void> {
    const stop = this.client.waitForEvent('stopped');
    await this.client.continueRequest({ threadId: this.stopped.threadId ?? 0 });
    this.stopped = ((await stop) as DebugProtocol.StoppedEvent).body;
  }

  /** Runs to the end. @returns the exit code */
  async finish(): Promise<number> {
    const exited = this.client.waitForEvent('exited');
    await this.client.continueRequest({ threadId: this.stopped.threadId ?? 0 });
    return ((await exited) as DebugProtocol.ExitedEvent).body.exitCode;
  }

  async end(): Promise<void> {
    await this.client.stop();
  }
}
