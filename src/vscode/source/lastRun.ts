/** What the last diagnosis or trace says of an open Python file. */
import type * as vscode from 'vscode';
import { findingPlaces, type FindingPlace } from '../../app/source/findingPlaces';
import { lineNotes, type LineNote } from '../../app/source/lineNotes';
import type { Found } from '../../app/source/openFile';
import type { Report } from '../../core/report';
import { Lines } from '../../core/python/syntax';
import type { SourceHazards } from './hazards';
import type { ModelSources } from './modelSources';

export interface LastRunParts {
  readonly hazards: SourceHazards;
  readonly sources: ModelSources;
  readonly lastReport: () => Report | null;
}

export class LastRun {
  /** Of a look at a file, as long as the report is the same and the file is its source, or not. */
  private readonly placed = new WeakMap<
    Found,
    { readonly report: Report; readonly isSource: boolean; readonly places: readonly FindingPlace[] }
  >();

  constructor(private readonly parts: LastRunParts) {}

  get report(): Report | null {
    return this.parts.lastReport();
  }

  /** Where its findings were computed in this file; none where nothing connects the two. */
  places(document: vscode.TextDocument): readonly FindingPlace[] {
    const { hazards, sources } = this.parts;
    const [report, found] = [this.report, hazards.of(document)];
    if (!report || !found) return [];
    const isSource = sources.isSource(report, document.uri);
    const before = this.placed.get(found);
    if (before?.report === report && before.isSource === isSource) return before.places;
    const places = findingPlaces(report, { path: pathOf(document.uri), file: found.classes, isSource }, found);
    this.placed.set(found, { report, isSource, places });
    return places;
  }

  notes(document: vscode.TextDocument): readonly LineNote[] {
    const { report } = this;
    if (!report) return [];
    const path = pathOf(document.uri);
    const lines = new Lines(document.getText());
    const placed = new Map(
      this.places(document).map(({ finding, node }) => [finding, { file: path, line: lines.at(node.from).line + 1 }]),
    );
    return lineNotes(
      report,
      // The line that a trace names is the one that ran; what was found on it may begin on another.
      (finding) => (finding.source?.file === path ? finding.source : (placed.get(finding as never) ?? null)),
    );
  }
}

const pathOf = ({ scheme, fsPath }: vscode.Uri): string => (scheme === 'file' ? fsPath : '');
