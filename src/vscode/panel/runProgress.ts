/**
 * Progress in the editor's own place for it. The panel shows it too, so with the panel in sight a line in the status
 * bar is enough; a run that nobody sees gets a notification that can cancel it.
 */
import * as vscode from 'vscode';
import type { PanelState } from '../../protocol/panel';
import { plainText } from '../plainText';

/** What is said of a run, be it a diagnosis or a comparison. */
export type Followed = Pick<PanelState, 'phase' | 'modelName' | 'progress'>;

export class RunProgress implements vscode.Disposable {
  private current: { readonly update: (state: Followed) => void; readonly end: () => void } | null = null;

  constructor(private readonly cancel: () => void) {}

  /** @param inSight whether the panel can be seen now */
  follow(state: Followed, inSight: boolean): void {
    if (state.phase !== 'running') {
      this.dispose();
      return;
    }
    this.current ??= this.begin(state, inSight);
    this.current.update(state);
  }

  dispose(): void {
    this.current?.end();
    this.current = null;
  }

  private begin(state: Followed, inSight: boolean): NonNullable<typeof this.current> {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let report: (state: Followed) => void = () => undefined;
    const name = plainText(state.modelName, 60);
    void vscode.window.withProgress(
      inSight
        ? { location: vscode.ProgressLocation.Window, title: `NaNoscope: ${name}` }
        : { location: vscode.ProgressLocation.Notification, title: `NaNoscope: ${name}`, cancellable: true },
      async (progress, token) => {
        token.onCancellationRequested(this.cancel);
        let done = 0;
        report = ({ progress: now }) => {
          const next = Math.max(done, now?.fraction ?? 0);
          progress.report({ message: plainText(now?.text ?? '', 100), increment: 100 * (next - done) });
          done = next;
        };
        await ended;
      },
    );
    return { update: (now) => report(now), end };
  }
}
