/** The view *Tensors* in Run and Debug: its page and its messages. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { TensorWatch } from '../../app/live/tensorWatch';
import type { GuardControl } from '../../app/live/guardControl';
import { fromTensors, type ToTensors } from '../../protocol/tensors';
import { panelPage } from '../panel/html';
import { pageRoots } from '../panel/page';
import { showLine } from '../showLine';

export class TensorsView implements vscode.WebviewViewProvider {
  private view: vscode.WebviewView | null = null;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly watch: () => TensorWatch,
    private readonly guard: () => GuardControl,
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

  show(): void {
    if (!this.view) return;
    const { state } = this.watch();
    const message: ToTensors = { type: 'state', state, guard: this.guard().view };
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
        this.show();
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
      case 'addToWatch':
        // What the editor's own menu of a variable runs; it has no other door.
        if (watch.lists(data.path)) {
          const variable = { evaluateName: data.path };
          void vscode.commands.executeCommand('debug.addToWatchExpressions', { variable });
        }
        break;
      case 'guard':
        this.guard().set(data.on, data.level);
        break;
      case 'show': {
        const hit = this.guard().view.hits.find(({ session }) => session === data.session);
        if (hit?.at) void showLine(hit.at);
        break;
      }
    }
  }
}
