/**
 * Break on first NaN in the debug sessions of the editor. The adapter's own traffic tells when a program begins, stops
 * and goes on: at `initialized` it waits for its first line, so that nothing runs before it is watched.
 */
import * as vscode from 'vscode';
import * as z from 'zod';
import type { GuardControl } from '../../app/live/guardControl';
import type { Evaluate, NanGuard } from '../../app/live/ports';
import { traffic, goesOn, ends } from './traffic';
import { evaluateIn } from './evaluate';

const stopped = z.object({ threadId: z.number().optional() });
const stack = z.object({ stackFrames: z.array(z.object({ id: z.number() })).min(1) });

export function watchSessions(
  control: GuardControl,
  guardFor: (sessionType: string, evaluate: Evaluate) => NanGuard | null,
  log: (what: string, error: unknown) => void,
): vscode.Disposable {
  const stops = async (session: vscode.DebugSession, threadId: number): Promise<void> => {
    try {
      const answer: unknown = await session.customRequest('stackTrace', { threadId, startFrame: 0, levels: 1 });
      const [frame] = stack.parse(answer).stackFrames;
      if (frame) control.stopped(session.id, { frameId: frame.id });
    } catch (error) {
      // It went on before it could be asked.
      log(`Break on first NaN, ${session.name}`, error);
    }
  };
  return vscode.debug.registerDebugAdapterTrackerFactory('*', {
    createDebugAdapterTracker: (session) => {
      const guard = guardFor(session.type, evaluateIn(session));
      if (guard === null) return undefined;
      return {
        onWillReceiveMessage: (message: unknown) => {
          const { data } = traffic.safeParse(message);
          if (data?.type === 'request' && goesOn.has(data.command ?? '')) control.goesOn(session.id);
        },
        onDidSendMessage: (message: unknown) => {
          const { data } = traffic.safeParse(message);
          if (data?.type !== 'event') return;
          if (data.event === 'initialized') {
            control.began({ id: session.id, name: session.name, guard });
          } else if (data.event === 'stopped') {
            const { threadId } = stopped.safeParse(data.body).data ?? {};
            if (threadId !== undefined) void stops(session, threadId);
          } else if (ends.has(data.event ?? '')) {
            control.goesOn(session.id);
          }
        },
        onExit: () => {
          control.ended(session.id);
        },
        onWillStopSession: () => {
          control.ended(session.id);
        },
      };
    },
  });
}
