/**
 * Which frame of which debugged program a person looks at. VS Code tells the frame; the adapter's own traffic tells,
 * at once, that a program goes on, so that nothing is asked of one that runs.
 */
import * as vscode from 'vscode';
import * as z from 'zod';
import type { Adapter, FrameRef, TensorReader } from '../../app/live/ports';
import type { StoppedFrame } from '../../app/live/tensorWatch';
import { adapterOf } from './adapter';
import { ends, goesOn, traffic } from './traffic';

export interface FrameParts {
  /** A reader for this kind of session; null where tensors of its language cannot be read. */
  readonly readerFor: (sessionType: string, adapter: Adapter, frame: FrameRef) => Promise<TensorReader | null>;
  readonly stoppedAt: (frame: StoppedFrame | null) => void;
  /** Said a moment later than `stoppedAt`: the adapter has to be asked. */
  readonly stands: (frame: StoppedFrame, place: string | null) => void;
}

const stack = z.object({
  stackFrames: z.array(
    z.object({
      id: z.number(),
      line: z.number(),
      source: z.object({ name: z.string().nullish(), path: z.string().nullish() }).nullish(),
    }),
  ),
});

export class Frames implements vscode.Disposable {
  private readonly subscriptions: vscode.Disposable[];
  private session: vscode.DebugSession | null = null;
  /** Of the looks at a frame: while one waits for its reader, another may begin. */
  private turn = 0;

  constructor(private readonly parts: FrameParts) {
    this.subscriptions = [
      vscode.debug.onDidChangeActiveStackItem((item) => {
        void this.look(item);
      }),
      vscode.debug.onDidTerminateDebugSession((session) => {
        this.leave(session);
      }),
      vscode.debug.registerDebugAdapterTrackerFactory('*', {
        createDebugAdapterTracker: (session) => ({
          onWillReceiveMessage: (message: unknown) => {
            const { data } = traffic.safeParse(message);
            if (data?.type === 'request' && goesOn.has(data.command ?? '')) this.leave(session);
          },
          onDidSendMessage: (message: unknown) => {
            const { data } = traffic.safeParse(message);
            if (data?.type === 'event' && ends.has(data.event ?? '')) this.leave(session);
          },
        }),
      }),
    ];
    void this.look(vscode.debug.activeStackItem);
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private leave(session: vscode.DebugSession): void {
    if (this.session?.id !== session.id) return;
    this.session = null;
    this.turn += 1;
    this.parts.stoppedAt(null);
  }

  private async look(item: vscode.DebugThread | vscode.DebugStackFrame | undefined): Promise<void> {
    this.turn += 1;
    const { turn } = this;
    if (!(item instanceof vscode.DebugStackFrame)) {
      if (this.session) this.parts.stoppedAt(null);
      this.session = null;
      return;
    }
    const { session, frameId, threadId } = item;
    this.session = session;
    const reader = await this.parts.readerFor(session.type, adapterOf(session), { frameId });
    if (this.turn !== turn) return;
    const frame = { frameId, session: session.name, reader };
    this.parts.stoppedAt(frame);
    this.parts.stands(frame, await placeOf(session, threadId, frameId));
  }
}

/** `model.py:42`; null where the adapter does not tell. */
async function placeOf(session: vscode.DebugSession, threadId: number, frameId: number): Promise<string | null> {
  try {
    const answer: unknown = await session.customRequest('stackTrace', { threadId, startFrame: 0, levels: 200 });
    const frame = stack.parse(answer).stackFrames.find(({ id }) => id === frameId);
    const name = frame?.source?.name ?? frame?.source?.path?.split(/[\\/]/).at(-1);
    return frame && name ? `${name}:${String(frame.line)}` : null;
  } catch {
    // A label only: what cannot be read will say so itself.
    return null;
  }
}
