/** Results that are read as a page: Markdown documents of the editor, of which nothing is written to disk. */
import * as vscode from 'vscode';
import { plainText } from './plainText';

const scheme = 'nanoscope-page';
/** Older ones are forgotten: a preview that still shows one keeps what it shows. */
const kept = 20;

export class Pages implements vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private count = 0;
  private readonly registered = vscode.workspace.registerTextDocumentContentProvider(scheme, {
    provideTextDocumentContent: (uri) =>
      this.texts.get(uri.toString()) ?? vscode.l10n.t('This result is no longer kept. Run it again.'),
  });

  /** Opens it to read; its source is there to be copied. */
  async show(markdown: string, title: string): Promise<vscode.Uri> {
    this.count += 1;
    const name = plainText(title, 80).replaceAll('/', ' ');
    const uri = vscode.Uri.from({ scheme, path: `/${name}.md`, query: String(this.count) });
    this.texts.set(uri.toString(), markdown);
    for (const old of [...this.texts.keys()].slice(0, -kept)) this.texts.delete(old);
    await vscode.commands.executeCommand('markdown.showPreview', uri);
    return uri;
  }

  dispose(): void {
    this.registered.dispose();
  }
}
