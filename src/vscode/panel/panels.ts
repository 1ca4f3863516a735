/**
 * All diagnosis panels: one per subject. Connects each session with its page, its record on disk and its watched
 * files, and knows which panel a command means.
 */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { EngineLevel, Report } from '../../core/report';
import type { BatchChoice, FromPanel, PanelState } from '../../protocol/panel';
import { commandIds, contextKeys, viewTypes, type CommandName, type ContextKey } from '../contributions';
import type { Log } from '../log';
import { readSetting } from '../settings';
import { plainText } from '../plainText';
import { personFor } from './dialogs';
import { FileWatch } from './fileWatch';
import { PanelPage, pageRoots } from './page';
import { RunProgress } from './runProgress';
import { DiagnosisSession, type SessionRecord, type Work } from './session';
import { keyOf, type BatchMemory, type PanelStore } from './store';
import { subjectId, subjectName, type Subject } from './subject';

export interface OpenPanel {
  readonly session: DiagnosisSession;
  readonly page: PanelPage;
}

export interface PanelParts {
  readonly extension: vscode.Uri;
  readonly store: PanelStore;
  readonly memory: BatchMemory;
  readonly log: Log;
  readonly workFor: (subject: Subject) => Work;
}

export class Panels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  private readonly open = new Map<string, OpenPanel>();
  private readonly subscriptions: vscode.Disposable[] = [];
  /** The panel in front, or the last one that was. */
  private front: OpenPanel | null = null;
  private closing = false;

  constructor(private readonly parts: PanelParts) {
    this.subscriptions.push(
      vscode.window.registerWebviewPanelSerializer(viewTypes.diagnosis, this),
      vscode.workspace.onDidGrantWorkspaceTrust(() => {
        for (const { session } of this.open.values()) {
          session.refresh();
        }
      }),
    );
  }

  get current(): OpenPanel | null {
    return this.front;
  }

  get running(): readonly DiagnosisSession[] {
    return [...this.open.values()].map(({ session }) => session).filter((session) => session.running);
  }

  /** The subject's panel, brought to the front; made when there is none. */
  reveal(subject: Subject): OpenPanel {
    const known = this.open.get(subjectId(subject));
    if (known) {
      known.page.panel.reveal();
      return known;
    }
    const panel = vscode.window.createWebviewPanel(
      viewTypes.diagnosis,
      `NaNoscope: ${plainText(subjectName(subject), 60)}`,
      vscode.ViewColumn.Active,
      { enableScripts: true, localResourceRoots: pageRoots(this.parts.extension) },
    );
    return this.connect(panel, this.fresh(subject));
  }

  /** After a window reload; VS Code calls it for every panel that was open. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, pageState: unknown): Promise<void> {
    const key = keyOf(pageState);
    const record = key === null ? null : await this.parts.store.find(key);
    if (record === null || this.open.has(subjectId(record.subject))) {
      panel.dispose();
      return;
    }
    const { session } = this.connect(panel, record);
    await session.fileTouched();
  }

  dispose(): void {
    this.closing = true;
    for (const { session, page } of this.open.values()) {
      session.dispose();
      page.dispose();
    }
    for (const subscription of this.subscriptions) {
      subscription.dispose();
    }
  }

  private connect(panel: vscode.WebviewPanel, record: SessionRecord): OpenPanel {
    const { log, memory, store } = this.parts;
    const id = subjectId(record.subject);
    const watch = new FileWatch(() => {
      void session.fileTouched();
    });
    const progress = new RunProgress(() => {
      session.cancel();
    });
    const page = new PanelPage(panel, this.parts.extension, {
      onMessage: (message) => {
        void this.handle(opened, message).catch((error: unknown) => log.tell('A message of the panel', error));
      },
      onUnknown: (why) => {
        log.warn(`The panel sent a message that is not understood, and it was ignored: ${why}`);
      },
    });
    const session = new DiagnosisSession(record, {
      work: this.parts.workFor(record.subject),
      person: personFor(record.subject),
      trusted: () => vscode.workspace.isTrusted,
      show: (state) => {
        page.show(state);
        progress.follow(state, panel.visible);
        this.announce(opened);
      },
      keep: (kept) => {
        store.keep(kept);
        watch.follow(session.files);
        if (kept.subject.kind !== 'report' && (kept.batchChosen || kept.batch.mask !== null)) {
          void memory.set(kept.subject.model, kept);
        }
      },
      log: (what, error) => {
        log.error(`${subjectName(record.subject)}: ${what}`, error);
      },
    });
    const opened: OpenPanel = { session, page };
    this.open.set(id, opened);
    this.front = opened;
    watch.follow(session.files);
    panel.onDidChangeViewState(() => {
      if (panel.active) {
        this.front = opened;
      }
      this.announce(this.front);
    });
    panel.onDidDispose(() => {
      session.dispose();
      page.dispose();
      watch.dispose();
      progress.dispose();
      this.open.delete(id);
      if (this.front === opened) {
        this.front = [...this.open.values()].at(-1) ?? null;
      }
      this.announce(this.front);
      if (!this.closing) {
        store.forget(record.key);
      }
    });
    page.show(session.current);
    this.announce(opened);
    return opened;
  }

  private async handle({ session, page }: OpenPanel, message: FromPanel): Promise<void> {
    switch (message.type) {
      case 'ready':
        page.show(session.current);
        return;
      case 'run':
        await session.run(message.batch);
        return;
      case 'chooseInputs':
        return session.chooseInputs();
      case 'cancel':
        session.cancel();
        return;
      case 'apply':
        await session.apply(message.fixId, message.weights);
        return;
      case 'undo':
        await session.undo();
        return;
      case 'tryFixes':
        await session.run(undefined, true);
        return;
      case 'copyMarkdown':
        return execute('copyMarkdown');
      case 'openLog':
        this.parts.log.show();
        return;
      case 'start':
        return execute(message.what === 'file' ? 'diagnose' : 'diagnoseBuiltIn');
    }
  }

  private fresh(subject: Subject): SessionRecord {
    const remembered = subject.kind === 'report' ? null : this.parts.memory.get(subject.model);
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

  /** Keeps the context keys in step with the panel that commands mean. */
  private announce(panel: OpenPanel | null): void {
    const front = this.front ?? panel;
    setContext('running', this.running.length > 0);
    setContext('hasReport', hasReport(front?.session.current ?? null));
    setContext('canTryFixes', canTryFixes(front?.session.current ?? null));
  }
}

function hasReport(state: PanelState | null): state is PanelState & { readonly report: Report } {
  return state !== null && state.report !== null;
}

function canTryFixes(state: PanelState | null): boolean {
  return hasReport(state) && state.phase !== 'running' && !state.readOnly && state.report.fixes === undefined;
}

const contextValues = new Map<ContextKey, boolean>();

/** Sends changes only: progress would set them dozens of times a second. */
function setContext(key: ContextKey, value: boolean): void {
  if (contextValues.get(key) !== value) {
    contextValues.set(key, value);
    void vscode.commands.executeCommand('setContext', contextKeys[key], value);
  }
}

async function execute(command: CommandName): Promise<void> {
  await vscode.commands.executeCommand(commandIds[command]);
}

/** Two samples of 5 and 35 tokens, left padded: the batch that shows the commonest illness. */
const defaultBatch: Omit<BatchChoice, 'level'> = {
  kind: 'lengths',
  lengths: [5, 35],
  pad: 'left',
  seed: 1,
  file: null,
  mask: null,
};

function levelFor(subject: Subject): EngineLevel {
  return readSetting('engine.level', subject.kind === 'file' ? vscode.Uri.file(subject.model) : undefined);
}
