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
  /** The adapter that speaks for a session: a restart gives it another one, and the first may end late. */
  const speaking = new Map<string, object>();
  return vscode.debug.registerDebugAdapterTrackerFactory('*', {
    createDebugAdapterTracker: (session) => {
      const adapter = {};
      speaking.set(session.id, adapter);
      /** Counts the times it went on: what is told of a stop before that is out of date. */
      let moves = 0;
      const goOn = (): void => {
        moves += 1;
        for (const listener of listeners) listener.goesOn(session.id);
      };
      const end = (): void => {
        if (speaking.get(session.id) !== adapter) return;
        speaking.delete(session.id);
        moves += 1;
        for (const listener of listeners) listener.ended(session.id);
      };
      const stops = async (threadId: number): Promise<void> => {
        const before = moves;
        try {
          const answer: unknown = await session.customRequest('stackTrace', { threadId, startFrame: 0, levels: 1 });
          const [frame] = stack.parse(answer).stackFrames;
          if (frame && moves === before) {
            for (const listener of listeners) listener.stopped(session.id, { frameId: frame.id });
          }
        } catch (error) {
          // It went on before it could be asked.
          log(`The stop of ${session.name}`, error);
        }
      };
      return {
        onWillReceiveMessage: (message: unknown) => {
          const { data } = traffic.safeParse(message);
          if (data?.type === 'request' && goesOn.has(data.command ?? '')) goOn();
        },
        onDidSendMessage: (message: unknown) => {
          const { data } = traffic.safeParse(message);
          if (data?.type !== 'event') return;
          if (data.event === 'initialized') {
            for (const listener of listeners) listener.began(session, evaluateIn(session));
          } else if (data.event === 'stopped') {
            const { threadId } = stopped.safeParse(data.body).data ?? {};
            if (threadId !== undefined) void stops(threadId);
          } else if (ends.has(data.event ?? '')) {
            goOn();
          }
        },
        onExit: end,
        onWillStopSession: end,
      };
    },
  });
}
