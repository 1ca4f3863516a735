/** What a panel begins with that was not open before. */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { EngineLevel } from '../../core/report';
import type { BatchChoice } from '../../protocol/panel';
import { readSetting } from '../settings';
import type { SessionRecord } from './sessionParts';
import type { BatchMemory } from './store';
import type { Subject } from './subject';

/** Two samples of 5 and 35 tokens, left padded: the batch that shows the commonest illness. */
const defaultBatch: Omit<BatchChoice, 'level'> = {
  kind: 'lengths',
  lengths: [5, 35],
  pad: 'left',
  seed: 1,
  file: null,
  mask: null,
};

/** @param memory the batch that the subject was last run with */
export function freshRecord(subject: Subject, memory: BatchMemory): SessionRecord {
  const remembered = subject.kind === 'report' ? null : memory.get(subject.model);
  return {
    key: randomUUID(),
    subject,
    phase: 'empty',
    // The level is a setting first; the bar changes it for one panel.
    batch: { ...defaultBatch, ...remembered?.batch, level: levelFor(subject) },
    batchChosen: remembered?.batchChosen ?? false,
    inputsPath: remembered?.inputsPath ?? null,
    report: null,
    error: null,
    stack: [],
    weights: null,
    stamps: {},
  };
}

function levelFor(subject: Subject): EngineLevel {
  return readSetting('engine.level', subject.kind === 'file' ? vscode.Uri.file(subject.model) : undefined);
}
