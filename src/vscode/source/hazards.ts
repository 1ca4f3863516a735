/** Hazards of open Python files in the Problems list. */
import * as vscode from 'vscode';
import { OpenFile, type Found } from '../../app/source/openFile';
import type { IncrementalPython } from '../../app/source/ports';
import type { Hazard } from '../../core/python/findings';
import { rules, type Severity } from '../../core/python/rules';
import { settingsSection } from '../contributions';
import { readSetting } from '../settings';
import { guideUri } from './guide';

export const hazardSource = 'NaNoscope';

/** Larger ones are tables that somebody generated. */
const largest = 2_000_000;

const severities: Readonly<Record<Severity, vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  information: vscode.DiagnosticSeverity.Information,
};

export const rangeOf = (document: vscode.TextDocument, { from, to }: Pick<Hazard, 'from' | 'to'>): vscode.Range =>
  new vscode.Range(document.positionAt(from), document.positionAt(to));

export class SourceHazards implements vscode.Disposable {
  private readonly problems = vscode.languages.createDiagnosticCollection('nanoscope');
  private readonly open = new Map<string, OpenFile>();
  private readonly looks = new vscode.EventEmitter<void>();
  /** A file was looked at, as it is now. */
  readonly onDidLook = this.looks.event;
  private readonly subscriptions: vscode.Disposable;

  constructor(
    private readonly python: () => Promise<IncrementalPython>,
    private readonly failed: (error: unknown) => void,
  ) {
    this.subscriptions = vscode.Disposable.from(
      this.problems,
      this.looks,
      vscode.workspace.onDidOpenTextDocument((document) => {
        this.look(document, 0);
      }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0) this.look(document);
      }),
      vscode.workspace.onDidCloseTextDocument((document) => {
        this.close(document);
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(`${settingsSection}.source`)) this.lookEverywhere();
      }),
    );
    this.lookEverywhere();
  }

  /** What was found in the document as it is now; null where it is not known, or not any more. */
  of(document: vscode.TextDocument): Found | null {
    const found = this.open.get(document.uri.toString())?.found ?? null;
    return found?.version === document.version ? found : null;
  }

  /** The same, when what was typed last has been looked at; null where the editor no longer asks. */
  async settled(document: vscode.TextDocument, token: vscode.CancellationToken): Promise<Found | null> {
    const file = this.open.get(document.uri.toString());
    const asked = document.version;
    if (file && !this.of(document)) {
      const left = new Promise<void>((resolve) =>
        token.onCancellationRequested(() => {
          resolve();
        }),
      );
      await Promise.race([file.settled(), left]);
    }
    return token.isCancellationRequested || document.version !== asked ? null : this.of(document);
  }

  dispose(): void {
    for (const file of this.open.values()) file.close();
    this.open.clear();
    this.subscriptions.dispose();
  }

  private lookEverywhere(): void {
    for (const document of vscode.workspace.textDocuments) this.look(document, 0);
  }

  private look(document: vscode.TextDocument, ms?: number): void {
    // What is compared or shown from elsewhere has its problems where it is edited.
    const isSource =
      document.languageId === 'python' && ['file', 'untitled', 'vscode-remote'].includes(document.uri.scheme);
    if (!isSource || !readSetting('source.hazards', document.uri)) {
      this.close(document);
      return;
    }
    const text = document.getText();
    if (text.length > largest) {
      this.close(document);
      return;
    }
    const key = document.uri.toString();
    const file = this.open.get(key) ?? this.opened(document.uri);
    this.open.set(key, file);
    file.changed(text, document.version, ms);
  }

  private opened(uri: vscode.Uri): OpenFile {
    return new OpenFile({
      python: this.python,
      off: () => new Set(readSetting('source.off', uri)),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      later: (ms, call) => {
        const timer = setTimeout(call, ms);
        return () => {
          clearTimeout(timer);
        };
      },
      found: (hazards, version) => {
        const document = vscode.workspace.textDocuments.find((one) => one.uri.toString() === uri.toString());
        if (document?.version !== version) return;
        this.problems.set(
          uri,
          hazards.map((hazard) => problemOf(document, hazard)),
        );
        this.looks.fire();
      },
      failed: this.failed,
    });
  }

  private close({ uri }: vscode.TextDocument): void {
    const key = uri.toString();
    this.open.get(key)?.close();
    this.open.delete(key);
    this.problems.delete(uri);
  }
}

function problemOf(document: vscode.TextDocument, hazard: Hazard): vscode.Diagnostic {
  const problem = new vscode.Diagnostic(rangeOf(document, hazard), hazard.message, severities[hazard.severity]);
  problem.source = hazardSource;
  const guide = rules.find(({ id }) => id === hazard.rule)?.guide ?? null;
  const fills = (hazard.clue.masks ?? []).flatMap(({ fillsAt }) => fillsAt);
  problem.relatedInformation = [...new Set(fills)].map(
    (fill) =>
      new vscode.DiagnosticRelatedInformation(
        new vscode.Location(document.uri, rangeOf(document, fill)),
        vscode.l10n.t('What is masked is filled here.'),
      ),
  );
  problem.code = guide === null ? hazard.rule : { value: hazard.rule, target: guideUri(guide) };
  return problem;
}
