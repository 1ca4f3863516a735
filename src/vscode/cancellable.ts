/** Work that a person waits for, with a notification that tells how far it is and can stop it. */
import * as vscode from 'vscode';
import type { Progress } from '../app/useCases';
import { plainText } from './plainText';

/** @returns `undefined` when it was cancelled; what fails otherwise is thrown */
export function cancellable<T>(
  title: string,
  work: (onProgress: (progress: Progress) => void, signal: AbortSignal) => Promise<T>,
): Thenable<T | undefined> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    async (progress, token) => {
      const controller = new AbortController();
      token.onCancellationRequested(() => {
        controller.abort();
      });
      let told = 0;
      const onProgress = ({ text, fraction }: Progress): void => {
        const percent = fraction === null ? told : Math.floor(100 * fraction);
        progress.report({ message: plainText(text, 100), increment: Math.max(0, percent - told) });
        told = Math.max(told, percent);
      };
      try {
        return await work(onProgress, controller.signal);
      } catch (error) {
        if (controller.signal.aborted) return undefined;
        throw error;
      }
    },
  );
}
