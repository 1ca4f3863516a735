/** Which file a model was written in: found by the modules of its report once, and remembered in the workspace. */
import * as vscode from 'vscode';
import { findSource, type SourcePlace } from '../../app/source/findSource';
import type { IncrementalPython } from '../../app/source/ports';
import type { Finding, Report } from '../../core/report';
import { plainText } from '../plainText';

const memoryKey = 'nanoscope.modelSources';
const remembered = 50;
const mostFiles = 5000;
const excluded = '**/{node_modules,.git,.venv,venv,env,__pycache__,site-packages,dist-packages}/**';

export class ModelSources implements vscode.Disposable {
  private readonly changes = new vscode.EventEmitter<void>();
  /** Another file is a model's source now. */
  readonly onDidChange = this.changes.event;

  constructor(
    private readonly memory: vscode.Memento,
    private readonly python: () => Promise<IncrementalPython>,
  ) {}

  dispose(): void {
    this.changes.dispose();
  }

  isSource({ model }: Report, uri: vscode.Uri): boolean {
    return this.all().some(([name, file]) => name === model.name && file === uri.toString());
  }

  /** Opens the place where a finding was computed; asks where several may be meant. */
  async goTo(report: Report, finding: Finding): Promise<void> {
    const named = finding.source && (await fileOf(finding.source.file));
    if (finding.source && named) {
      await this.open(report, named, finding.source.line - 1);
      return;
    }
    const places = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title: vscode.l10n.t('Searching Python files'),
        cancellable: true,
      },
      (_, token) => this.search(report, finding, token),
    );
    if (places === null) return;
    const name = plainText(finding.node ?? finding.tensor, 120);
    if (places.length === 0) {
      void vscode.window.showInformationMessage(
        vscode.l10n.t(
          'No class in the Python files of this workspace has the module of {0}. Open the folder of the modelling file.',
          name,
        ),
      );
      return;
    }
    const place = places.length === 1 ? places[0] : await choose(places, name);
    if (place) await this.open(report, vscode.Uri.parse(place.file), place);
  }

  private async open(report: Report, uri: vscode.Uri, at: number | SourcePlace): Promise<void> {
    await this.remember(report.model.name, uri);
    const document = await vscode.workspace.openTextDocument(uri);
    const from = typeof at === 'number' ? new vscode.Position(Math.max(0, at), 0) : document.positionAt(at.from);
    const to = typeof at === 'number' ? from : document.positionAt(at.to);
    await vscode.window.showTextDocument(document, { selection: new vscode.Range(from, to) });
    if (typeof at !== 'number' && at.others > 0)
      vscode.window.setStatusBarMessage(
        vscode.l10n.t('The first of {0} places in the module that may be meant', at.others + 1),
        8000,
      );
  }

  /** Null when cancelled. */
  private async search(
    report: Report,
    finding: Finding,
    token: vscode.CancellationToken,
  ): Promise<readonly SourcePlace[] | null> {
    const abort = new AbortController();
    const cancel = token.onCancellationRequested(() => {
      abort.abort();
    });
    const python = await this.python();
    try {
      const files = await vscode.workspace.findFiles('**/*.py', excluded, mostFiles, token);
      // What was chosen before comes first, and nothing else where it still has the module.
      const known = files.filter((uri) => this.isSource(report, uri));
      for (const some of known.length > 0 ? [known, files] : [files]) {
        const texts = { files: some.map(String).sort(), read: textOfFile };
        const places = await findSource(texts, python, report, finding, abort.signal);
        if (abort.signal.aborted) return null;
        if (places.length > 0) return places;
      }
      return [];
    } finally {
      python.dispose();
      cancel.dispose();
    }
  }

  private async remember(model: string, uri: vscode.Uri): Promise<void> {
    const file = uri.toString();
    const others = this.all().filter(([name, known]) => name !== model || known !== file);
    await this.memory.update(memoryKey, [[model, file], ...others].slice(0, remembered));
    this.changes.fire();
  }

  /** Latest first; what cannot be read is forgotten. */
  private all(): readonly (readonly [model: string, file: string])[] {
    const kept = this.memory.get<unknown>(memoryKey);
    return Array.isArray(kept)
      ? kept.flatMap((entry: unknown) =>
          Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'string'
            ? [[entry[0], entry[1]] as const]
            : [],
        )
      : [];
  }
}

async function choose(places: readonly SourcePlace[], name: string): Promise<SourcePlace | undefined> {
  const items = places.map((place) => ({
    label: `${vscode.workspace.asRelativePath(vscode.Uri.parse(place.file))}:${String(place.line)}`,
    place,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t('Several files have the module of {0}', name),
    placeHolder: vscode.l10n.t('Which one is the source of this model?'),
  });
  return chosen?.place;
}

/** The file where it is on this machine; a model may come from another one. */
async function fileOf(path: string): Promise<vscode.Uri | null> {
  const uri = vscode.Uri.file(path);
  try {
    return ((await vscode.workspace.fs.stat(uri)).type & vscode.FileType.File) !== 0 ? uri : null;
  } catch {
    return null;
  }
}

/** As it is edited, where it is open. */
async function textOfFile(file: string): Promise<string | null> {
  const open = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === file);
  if (open) return open.getText();
  try {
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(vscode.Uri.parse(file)));
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
