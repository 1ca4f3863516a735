/** The webview of one panel: its page, its messages, and a rate at which states are sent. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { ComparisonState } from '../../protocol/comparing';
import { fromPanel, type FromPanel, type PanelState, type ToPanel } from '../../protocol/panel';
import { panelPage } from './html';
import { panelTitle } from './title';

/** States carry the whole report, so progress is not sent faster than a person can read. */
const minimumGapMs = 60;

export interface PageEvents {
  readonly onMessage: (message: FromPanel) => void;
  /** A message that is not of the protocol; it was ignored. */
  readonly onUnknown: (why: string) => void;
}

/** Folders that a page may load from. */
export function pageRoots(extension: vscode.Uri): vscode.Uri[] {
  return [vscode.Uri.joinPath(extension, 'dist', 'webview'), vscode.Uri.joinPath(extension, 'media')];
}

export class PanelPage implements vscode.Disposable {
  private readonly subscriptions: vscode.Disposable[] = [];
  /** By type: the newest of each. */
  private readonly pending = new Map<ToPanel['type'], ToPanel>();
  private timer: NodeJS.Timeout | null = null;
  private lastSent = 0;

  constructor(
    readonly panel: vscode.WebviewPanel,
    extension: vscode.Uri,
    events: PageEvents,
  ) {
    const { webview } = panel;
    webview.options = { enableScripts: true, enableForms: false, localResourceRoots: pageRoots(extension) };
    panel.iconPath = {
      light: vscode.Uri.joinPath(extension, 'media', 'panel-light.svg'),
      dark: vscode.Uri.joinPath(extension, 'media', 'panel-dark.svg'),
    };
    this.subscriptions.push(
      webview.onDidReceiveMessage((message: unknown) => {
        const parsed = fromPanel.safeParse(message);
        if (parsed.success) {
          events.onMessage(parsed.data);
        } else {
          events.onUnknown(parsed.error.issues[0]?.message ?? 'not an object');
        }
      }),
    );
    const asset = (name: string): string =>
      webview.asWebviewUri(vscode.Uri.joinPath(extension, 'dist', 'webview', name)).toString();
    webview.html = panelPage({
      script: asset('panel.js'),
      style: asset('panel.css'),
      cspSource: webview.cspSource,
      nonce: randomBytes(18).toString('base64'),
      language: vscode.env.language,
      title: 'NaNoscope',
    });
  }

  /** Sends the newest state, soon; older ones that were not sent yet are dropped. */
  show(state: PanelState): void {
    this.panel.title = panelTitle(state.modelName);
    this.send({ type: 'state', state });
  }

  showComparison(state: ComparisonState | null): void {
    this.send({ type: 'comparison', state });
  }

  private send(message: ToPanel): void {
    this.pending.set(message.type, message);
    if (this.timer === null) {
      const wait = Math.max(0, this.lastSent + minimumGapMs - Date.now());
      this.timer = setTimeout(() => {
        this.flush();
      }, wait);
    }
  }

  dispose(): void {
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
    this.timer = null;
    this.pending.clear();
    for (const subscription of this.subscriptions.splice(0)) {
      subscription.dispose();
    }
  }

  private flush(): void {
    this.timer = null;
    const messages = [...this.pending.values()];
    this.pending.clear();
    this.lastSent = Date.now();
    for (const message of messages) {
      // A hidden page does not receive it; it asks again with `ready` when it is shown.
      void this.panel.webview.postMessage(message);
    }
  }
}
