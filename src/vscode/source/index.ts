/** Python source in the editor: hazards, their explanation and their fixes. */
import * as vscode from 'vscode';
import type { IncrementalPython } from '../../app/source/ports';
import { registerHazardActions } from './actions';
import { registerGuide } from './guide';
import { SourceHazards } from './hazards';
import { registerHazardHover } from './hover';

export function registerSource(
  python: () => Promise<IncrementalPython>,
  failed: (error: unknown) => void,
): vscode.Disposable {
  const hazards = new SourceHazards(python, failed);
  return vscode.Disposable.from(hazards, registerGuide(), registerHazardActions(hazards), registerHazardHover(hazards));
}
