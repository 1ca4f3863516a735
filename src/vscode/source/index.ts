/** Python source in the editor: hazards, their explanation and their fixes, and where the last run's NaN was born. */
import * as vscode from 'vscode';
import type { IncrementalPython } from '../../app/source/ports';
import type { Report } from '../../core/report';
import { registerHazardActions } from './actions';
import { registerBornLines } from './bornLines';
import { registerGuide } from './guide';
import { SourceHazards } from './hazards';
import { registerHazardHover } from './hover';
import { LastRun } from './lastRun';
import type { ModelSources } from './modelSources';

export interface SourceParts {
  /** A parser of its own for every file. */
  readonly python: () => Promise<IncrementalPython>;
  readonly sources: ModelSources;
  readonly lastReport: () => Report | null;
  readonly onDidReport: vscode.Event<void>;
  readonly failed: (error: unknown) => void;
}

export function registerSource({ python, sources, lastReport, onDidReport, failed }: SourceParts): vscode.Disposable {
  const hazards = new SourceHazards(python, failed);
  const lastRun = new LastRun({ hazards, sources, lastReport });
  return vscode.Disposable.from(
    hazards,
    registerGuide(),
    registerHazardActions(hazards, lastRun),
    registerHazardHover(hazards, lastRun),
    registerBornLines(lastRun, [onDidReport, hazards.onDidLook, sources.onDidChange]),
  );
}
