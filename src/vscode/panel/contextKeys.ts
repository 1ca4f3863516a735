/** What the panel in front allows, told to the editor: menus and the palette offer commands by it. */
import * as vscode from 'vscode';
import type { Report } from '../../core/report';
import { offeredFixes } from '../../protocol/offered';
import type { PanelState } from '../../protocol/panel';
import { contextKeys, type ContextKey } from '../contributions';

/** @param state of the panel that commands mean. @param panels what concerns more than its diagnosis */
export function announce(
  state: PanelState | null,
  panels: { readonly running: boolean; readonly hasReport: boolean },
): void {
  setContext('running', panels.running);
  setContext('hasReport', panels.hasReport);
  setContext('canTryFixes', canTryFixes(state));
  setContext('canFix', canFix(state));
  setContext('canUndo', canUndo(state));
  setContext('canShrink', canShrink(state));
}

function hasReport(state: PanelState | null): state is PanelState & { readonly report: Report } {
  return state !== null && state.report !== null;
}

function canTryFixes(state: PanelState | null): boolean {
  return (
    hasReport(state) &&
    state.phase !== 'running' &&
    !state.readOnly &&
    state.report.fixes === undefined &&
    state.batch.expandAttention === undefined
  );
}

const canRun = (state: PanelState | null): state is PanelState =>
  state !== null && state.phase !== 'running' && !state.readOnly;

const canFix = (state: PanelState | null): boolean => canRun(state) && offeredFixes(state).length > 0;

const canUndo = (state: PanelState | null): boolean => canRun(state) && state.applied !== null;

const canShrink = (state: PanelState | null): boolean => canRun(state) && (state.report?.origins.length ?? 0) > 0;

const contextValues = new Map<ContextKey, boolean>();

/** Sends changes only: progress would set them dozens of times a second. */
function setContext(key: ContextKey, value: boolean): void {
  if (contextValues.get(key) !== value) {
    contextValues.set(key, value);
    void vscode.commands.executeCommand('setContext', contextKeys[key], value);
  }
}
