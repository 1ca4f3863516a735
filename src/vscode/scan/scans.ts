/** Scans of stored files and their results, which are documents of the editor: nothing is written to disk. */
import * as vscode from 'vscode';
import { markdownScan } from '../../app/render/scan/markdown';
import type { scan } from '../../app/scan/scan';
import type { FileAccess } from '../../app/useCases';
import { parseAxes } from '../../core/scan/axes';
import type { ScanResult } from '../../core/scan/types';
import { plainText } from '../plainText';
import { readSetting } from '../settings';

const scheme = 'nanoscope-scan';
/** Older ones are forgotten: a preview that still shows one keeps what it shows. */
const kept = 20;

export class Scans implements vscode.Disposable {
  private readonly texts = new Map<string, string>();
  private count = 0;
  private readonly registered = vscode.workspace.registerTextDocumentContentProvider(scheme, {
    provideTextDocumentContent: (uri) =>
      this.texts.get(uri.toString()) ?? vscode.l10n.t('This scan is no longer kept. Run it again.'),
  });

  constructor(
    private readonly work: typeof scan,
    private readonly files: FileAccess,
  ) {}

  /** With the settings of the first path. @throws NanoscopeError */
  async run(
    paths: readonly vscode.Uri[],
    onProgress: (progress: { readonly text: string; readonly fraction: number | null }) => void,
    signal: AbortSignal,
  ): Promise<ScanResult> {
    const rules = readSetting('scan.axes', paths[0]).split(';');
    const asked = readSetting('scan.mask', paths[0]).trim();
    const mask = asked.replace(/:inverted$/, '');
    return this.work(
      this.files,
      {
        paths: paths.map(({ fsPath }) => fsPath),
        axes: rules.filter((rule) => rule.trim() !== '').map((rule) => parseAxes(rule.trim())),
        mask: mask === '' ? null : { name: mask, inverted: mask !== asked },
        name: (path) => vscode.workspace.asRelativePath(path),
      },
      { onProgress },
      signal,
    );
  }

  /** Opens it as a page to read; its source is there to be copied. */
  async show(result: ScanResult, of: string): Promise<vscode.Uri> {
    this.count += 1;
    const name = plainText(of, 60).replaceAll('/', ' ');
    const uri = vscode.Uri.from({ scheme, path: `/Scan of ${name}.md`, query: String(this.count) });
    this.texts.set(uri.toString(), markdownScan(result));
    for (const old of [...this.texts.keys()].slice(0, -kept)) this.texts.delete(old);
    await vscode.commands.executeCommand('markdown.showPreview', uri);
    return uri;
  }

  dispose(): void {
    this.registered.dispose();
  }
}
