/** The view *Tensors* in Run and Debug: its page and its messages. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { TensorWatch } from '../../app/live/tensorWatch';
import type { WatchState } from '../../core/live/watch';
import { fromTensors, type ToTensors } from '../../protocol/tensors';
import { panelPage } from '../panel/html';
import { pageRoots } from '../panel/page';

export class TensorsView implements vscode.WebviewViewProvider {
  private view: vscode.WebviewView | null = null;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly watch: () => TensorWatch,
    private readonly onUnknown: (why: string) => void,
  ) {}

  resolveWebviewView(view: vscode.WebviewView): void {
    this.view = view;
    const { webview } = view;
    webview.options = { enableScripts: true, enableForms: false, localResourceRoots: pageRoots(this.extension) };
    webview.onDidReceiveMessage((message: unknown) => {
      this.receive(message);
    });
    view.onDidChangeVisibility(() => {
      this.watch().watch(view.visible);
    });
    view.onDidDispose(() => {
      this.view = null;
      this.watch().watch(false);
    });
    const asset = (name: string): string =>
      webview.asWebviewUri(vscode.Uri.joinPath(this.extension, 'dist', 'webview', name)).toString();
    webview.html = panelPage({
      script: asset('tensors.js'),
      style: asset('tensors.css'),
      cspSource: webview.cspSource,
      nonce: randomBytes(18).toString('base64'),
      language: vscode.env.language,
      title: 'NaNoscope',
    });
    this.watch().watch(view.visible);
  }

  show(state: WatchState): void {
    if (!this.view) return;
    const message: ToTensors = { type: 'state', state };
    // A hidden page does not receive it; it asks again with `ready` when it is shown.
    void this.view.webview.postMessage(message);
    const sick = state.scope?.tensors.filter(({ counts }) => counts !== null && counts.nan > 0).length ?? 0;
    this.view.badge =
      sick > 0 ? { value: sick, tooltip: vscode.l10n.t('{0} tensors with NaN', String(sick)) } : undefined;
  }

  private receive(message: unknown): void {
    const parsed = fromTensors.safeParse(message);
    if (!parsed.success) {
      this.onUnknown(parsed.error.issues[0]?.message ?? 'not an object');
      return;
    }
    const watch = this.watch();
    const { data } = parsed;
    switch (data.type) {
      case 'ready':
        this.show(watch.state);
        break;
      case 'refresh':
        watch.refresh();
        break;
      case 'open':
        watch.open(data.path, data.index);
        break;
      case 'close':
        watch.close(data.path);
        break;
      case 'track':
        watch.track(data.path, data.on);
        break;
    }
  }
}
