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

type BeforeRun = (evaluate: Evaluate) => Promise<void>;

export class Debuggee {
  private stopped: DebugProtocol.StoppedEvent['body'] = { reason: 'none' };
  private nextStop!: Promise<DebugProtocol.StoppedEvent>;
  private readonly children: Promise<Debuggee>[] = [];
  /** All that the program wrote, and what the adapter says. */
  output = '';

  private constructor(private readonly client: DebugClient) {
    client.on('output', ({ body }: DebugProtocol.OutputEvent) => {
      this.output += body.output;
    });
  }

  /**
   * Runs until the program stops for the first time.
   * @param beforeRun what is asked of the program before its first line runs
   */
  static async start(program: string, args: readonly string[] = [], beforeRun?: BeforeRun): Promise<Debuggee> {
    const debuggee = await Debuggee.run(program, args, beforeRun);
    await debuggee.stops();
    return debuggee;
  }

  /** Runs on: `stops` tells when it stops. */
  static async run(program: string, args: readonly string[] = [], beforeRun?: BeforeRun): Promise<Debuggee> {
    const client = new DebugClient(python, adapter, 'debugpy');
    client.defaultTimeout = 60_000;
    await client.start();
    const launched = {
      program: path.join(programs, program),
      args,
      console: 'internalConsole',
      python: [python],
      subProcess: true,
      env: { PYTHONDONTWRITEBYTECODE: '1' },
    };
    return Debuggee.begin(client, 'launch', launched, beforeRun);
  }

  private static async begin(
    client: DebugClient,
    request: 'launch' | 'attach',
    options: object,
    beforeRun: BeforeRun | undefined,
  ): Promise<Debuggee> {
    await client.initializeRequest({
      adapterID: 'debugpy',
      linesStartAt1: true,
      columnsStartAt1: true,
      pathFormat: 'path',
    });
    const debuggee = new Debuggee(client);
    debuggee.nextStop = client.waitForEvent('stopped') as Promise<DebugProtocol.StoppedEvent>;
    // Not waited for by every test.
    debuggee.nextStop.catch(() => undefined);
    const initialized = client.waitForEvent('initialized');
    const begun = client.customRequest(request, options);
    await initialized;
    await beforeRun?.(debuggee.evaluate);
    await client.configurationDoneRequest();
    await begun;
    return debuggee;
  }

  /** Debugs the processes that the program starts as well, as VS Code does. @returns the first one that stops */
  async subprocessThatStops(beforeRun?: BeforeRun): Promise<Debuggee> {
    return new Promise((resolve, reject) => {
      this.client.on('debugpyAttach', ({ body }: { body: { connect: { port: number } } }) => {
        const child = Debuggee.attach(body, beforeRun);
        this.children.push(child);
        child.then(
          (debuggee) => {
            // A process that never stops, such as Python's own tracker of resources, is none of the test's.
            debuggee.stops().then(
              () => {
                resolve(debuggee);
              },
              () => undefined,
            );
          },
          (error: unknown) => {
            reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
      });
    });
  }

  private static async attach(body: { connect: { port: number } }, beforeRun?: BeforeRun): Promise<Debuggee> {
    const client = new DebugClient(python, adapter, 'debugpy');
    client.defaultTimeout = 60_000;
    await client.start(body.connect.port);
    return Debuggee.begin(client, 'attach', body, beforeRun);
  }

  /** Waits for the stop that comes next. */
  async stops(): Promise<void> {
    this.stopped = (await this.nextStop).body;
  }

  readonly evaluate: Evaluate = async ({ frameId, ...request }) => {
    const { body } = await this.client.evaluateRequest({
      ...request,
      ...(frameId === null ? {} : { frameId }),
      format: { rawString: true },
    } as never);
    return { result: body.result, type: body.type ?? null };
  };

  /** Frame `depth` of the stopped thread, 0 = where it stopped. */
  async frame(depth = 0): Promise<{ readonly frameId: number; readonly line: number; readonly name: string }> {
    const { body } = await this.client.stackTraceRequest({ threadId: this.stopped.threadId ?? 0 });
    const frame = body.stackFrames[depth];
    if (!frame) throw new Error(`No frame ${String(depth)}`);
    return { frameId: frame.id, line: frame.line, name: frame.name };
  }

  /** What the variables view lists as the frame's locals. */
  async localNames(frameId: number): Promise<string[]> {
    const { body } = await this.client.scopesRequest({ frameId });
    const reference = body.scopes.find(({ name }) => name === 'Locals')?.variablesReference ?? 0;
    const variables = await this.client.variablesRequest({ variablesReference: reference });
    return variables.body.variables.map(({ name }) => name).filter((name) => !name.endsWith(' variables'));
  }

  async next(): Promise<void> {
    this.nextStop = this.client.waitForEvent('stopped') as Promise<DebugProtocol.StoppedEvent>;
    await this.client.continueRequest({ threadId: this.stopped.threadId ?? 0 });
    await this.stops();
  }

  /** Runs to the end. @returns the exit code */
  async finish(): Promise<number> {
    const exited = this.client.waitForEvent('exited');
    await this.client.continueRequest({ threadId: this.stopped.threadId ?? 0 });
    return ((await exited) as DebugProtocol.ExitedEvent).body.exitCode;
  }

  /** Lets it go on, without waiting for anything. */
  async goOn(): Promise<void> {
    await this.client.continueRequest({ threadId: this.stopped.threadId ?? 0 });
  }

  /** Waits for the end without asking for anything. @returns the exit code */
  async ends(): Promise<number> {
    return ((await this.client.waitForEvent('exited')) as DebugProtocol.ExitedEvent).body.exitCode;
  }

  async end(): Promise<void> {
    for (const child of await Promise.all(this.children)) {
      await child.client.disconnectRequest({}).catch(() => undefined);
      await child.client.stop();
    }
    await this.client.stop();
  }
}
