/** The log channel, and the one way to tell a person that something went wrong outside the panel. */
import * as vscode from 'vscode';
import { NanoscopeError, toPayload } from '../core/errors';
import { plainText } from './plainText';

export interface EngineEnding {
  readonly pid: number | undefined;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

export class Log implements vscode.Disposable {
  private readonly channel = vscode.window.createOutputChannel('NaNoscope', { log: true });

  info(text: string): void {
    this.channel.info(plainText(text, 2000));
  }

  warn(text: string): void {
    this.channel.warn(plainText(text, 2000));
  }

  /** A child of the engine is gone: how, and its last words. */
  engineEnded({ pid, exitCode, signal, stderr }: EngineEnding): void {
    this.channel.debug(`Engine ${String(pid ?? '?')} ended: ${signal ?? `exit code ${String(exitCode)}`}`);
    if (stderr.trim() !== '') {
      this.channel.info(`The engine said:\n${stderr.trimEnd()}`);
    }
  }

  /** The error with everything that is known about it: code, hint, causes and stacks. */
  error(what: string, error: unknown): void {
    const { code, message, hint } = toPayload(error);
    if (code === 'cancelled') {
      this.info(`${what}: cancelled`);
      return;
    }
    this.channel.error(`${plainText(what)}: [${code}] ${plainText(message, 2000)} ${plainText(hint, 2000)}`);
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      this.channel.debug(cause.stack ?? cause.message);
    }
  }

  show(): void {
    this.channel.show(true);
  }

  /** Logs, and tells in a notification whose button leads to the log. */
  async tell(what: string, error: unknown): Promise<void> {
    this.error(what, error);
    const { code, message, hint } = toPayload(error);
    if (code === 'cancelled') {
      return;
    }
    const showLog = vscode.l10n.t('Show Log');
    const text = plainText(`${message} ${hint}`);
    if (code === 'untrusted-workspace') {
      await tellAboutTrust(text); // the person's choice, not a failure
      return;
    }
    const chosen = await vscode.window.showErrorMessage(text, showLog);
    if (chosen === showLog) {
      this.show();
    }
  }

  dispose(): void {
    this.channel.dispose();
  }
}

async function tellAboutTrust(text: string): Promise<void> {
  const manage = vscode.l10n.t('Manage Workspace Trust');
  if ((await vscode.window.showWarningMessage(text, manage)) === manage) {
    await vscode.commands.executeCommand('workbench.trust.manage');
  }
}

/** @throws NanoscopeError `untrusted-workspace` */
export function requireTrust(): void {
  requireTrustFor(
    vscode.l10n.t('NaNoscope runs no model in an untrusted workspace.'),
    vscode.l10n.t('Trust the workspace to run models; saved reports open without trust.'),
  );
}

/** @throws NanoscopeError `untrusted-workspace` */
export function requireTrustFor(message: string, hint: string): void {
  if (!vscode.workspace.isTrusted) throw new NanoscopeError('untrusted-workspace', message, hint);
}
