/**
 * When debug sessions begin, stop, go on and end, from the adapter's own traffic. A session begins at `initialized`,
 * when the program waits for its first line, so that nothing runs before a listener was told.
 */
import * as vscode from 'vscode';
import * as z from 'zod';
import type { Evaluate, FrameRef } from '../../app/live/ports';
import { evaluateIn } from './adapter';
import { ends, goesOn, traffic } from './traffic';

export interface SessionListener {
  readonly began: (session: vscode.DebugSession, evaluate: Evaluate) => void;
  readonly stopped: (id: string, frame: FrameRef) => void;
  readonly goesOn: (id: string) => void;
  readonly ended: (id: string) => void;
}

const stopped = z.object({ threadId: z.number().optional() });
const stack = z.object({ stackFrames: z.array(z.object({ id: z.number() })).min(1) });

export function followSessions(
  listeners: readonly SessionListener[],
  log: (what: string, error: unknown) => void,
): vscode.Disposable {
  const stops = async (session: vscode.DebugSession, threadId: number): Promise<void> => {
    try {
      const answer: unknown = await session.customRequest('stackTrace', { threadId, startFrame: 0, levels: 1 });
      const [frame] = stack.parse(answer).stackFrames;
      if (frame) for (const listener of listeners) listener.stopped(session.id, { frameId: frame.id });
    } catch (error) {
      // It went on before it could be asked.
      log(`The stop of ${session.name}`, error);
    }
  };
  const tell = (session: vscode.DebugSession, what: 'goesOn' | 'ended'): void => {
    for (const listener of listeners) listener[what](session.id);
  };
  return vscode.debug.registerDebugAdapterTrackerFactory('*', {
    createDebugAdapterTracker: (session) => ({
      onWillReceiveMessage: (message: unknown) => {
        const { data } = traffic.safeParse(message);
        if (data?.type === 'request' && goesOn.has(data.command ?? '')) tell(session, 'goesOn');
      },
      onDidSendMessage: (message: unknown) => {
        const { data } = traffic.safeParse(message);
        if (data?.type !== 'event') return;
        if (data.event === 'initialized') {
          for (const listener of listeners) listener.began(session, evaluateIn(session));
        } else if (data.event === 'stopped') {
          const { threadId } = stopped.safeParse(data.body).data ?? {};
          if (threadId !== undefined) void stops(session, threadId);
        } else if (ends.has(data.event ?? '')) {
          tell(session, 'goesOn');
        }
      },
      onExit: () => {
        tell(session, 'ended');
      },
      onWillStopSession: () => {
        tell(session, 'ended');
      },
    }),
  });
}
