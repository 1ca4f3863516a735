/**
 * All diagnosis panels: one per subject. Connects each session with its page, its record on disk and its watched
 * files, and knows which panel a command means.
 */
import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { CompareRequest } from '../../app/compare/compare';
import type { DiagnoseEvents } from '../../app/useCases';
import type { Comparison } from '../../core/compare/types';
import type { Finding, Report } from '../../core/report';
import type { PanelTab } from '../../protocol/comparing';
import { viewTypes } from '../contributions';
import type { HistoryEntry } from '../history/entry';
import type { HistoryStore } from '../history/store';
import type { Log } from '../log';
import type { Saved } from '../savedReport';
import { ComparingSession } from './comparing';
import { announce } from './contextKeys';
import { personFor } from './dialogs';
import { FileWatch } from './fileWatch';
import { freshRecord } from './freshRecord';
import { handleMessage } from './messages';
import { PanelPage, pageRoots } from './page';
import { RunProgress } from './runProgress';
import { DiagnosisSession } from './session';
import type { PanelRecord, Work } from './sessionParts';
import { keyOf, type BatchMemory, type PanelStore } from './store';
import { subjectId, subjectName, type Subject } from './subject';
import { panelTitle } from './title';

export interface OpenPanel {
  readonly session: DiagnosisSession;
  readonly comparing: ComparingSession;
  readonly page: PanelPage;
  /** Which tab the person looks at. */
  tab: PanelTab;
  /** What its last diagnosis is kept as. */
  kept: HistoryEntry | null;
}

export interface PanelParts {
  readonly extension: vscode.Uri;
  readonly store: PanelStore;
  readonly memory: BatchMemory;
  readonly history: HistoryStore;
  readonly compare: (request: CompareRequest, events: DiagnoseEvents, signal: AbortSignal) => Promise<Comparison>;
  readonly log: Log;
  readonly workFor: (subject: Subject) => Work;
  /** Opens the place in source that a finding was computed in. */
  readonly goToSource: (report: Report, finding: Finding) => Promise<void>;
}

/** The editor tells its tabs a moment after they came or went. */
const pruneDelayMs = 1500;

export class Panels implements vscode.Disposable, vscode.WebviewPanelSerializer {
  private readonly open = new Map<string, OpenPanel>();
  private readonly subscriptions: vscode.Disposable[] = [];
  /** The panel in front, or the last one that was. */
  private front: OpenPanel | null = null;
  private closing = false;
  /** The report that was shown last; it stays when its panel is closed. */
  private last: Report | null = null;
  private readonly reports = new vscode.EventEmitter<void>();
  /** Another report is the last one now. */
  readonly onDidReport = this.reports.event;
  /** Keys that are being read back now. */
  private readonly restoring = new Set<string>();
  private pruning: NodeJS.Timeout | null = null;

  constructor(private readonly parts: PanelParts) {
    this.pruneSoon();
    this.subscriptions.push(
      // A tab that was never looked at after a reload has no panel that could say that it is closed.
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
        if (closed.some(isOurs)) {
          this.pruneSoon();
        }
      }),
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

  get lastReport(): Report | null {
    return this.last;
  }

  private remember(report: Report | null | undefined): void {
    if (!report || report === this.last) return;
    this.last = report;
    this.reports.fire();
  }

  get running(): readonly { cancel(): void }[] {
    return [...this.open.values()]
      .flatMap(({ session, comparing }) => [session, comparing])
      .filter(({ running }) => running);
  }

  /** What a command that copies or saves means. */
  get inFront(): Saved | null {
    const { front } = this;
    const comparison = front?.comparing.current?.comparison;
    const report = front?.session.current.report;
    // A panel of a stored comparison has no other tab.
    if (comparison && (front.tab === 'comparison' || !report)) return { kind: 'comparison', comparison };
    return report ? { kind: 'report', report } : null;
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
      panelTitle(subjectName(subject)),
      vscode.ViewColumn.Active,
      { enableScripts: true, localResourceRoots: pageRoots(this.parts.extension) },
    );
    return this.connect(panel, freshRecord(subject, this.parts.memory));
  }

  /** The subject's panel where there is one. */
  find(subject: Subject): OpenPanel | null {
    return this.open.get(subjectId(subject)) ?? null;
  }

  /** A kept run has another name. */
  renamed(entry: HistoryEntry): void {
    for (const panel of this.open.values()) if (panel.kept?.id === entry.id) panel.kept = entry;
  }

  /** Shows a report in the panel of its subject; where `bring` is false that panel stays where it is, or closed. */
  show(subject: Subject, report: Report, bring: boolean): void {
    const known = this.open.get(subjectId(subject));
    if (bring || known) (bring ? this.reveal(subject) : known)?.session.open(report);
  }

  /** After a window reload; VS Code calls it for every panel that was open. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, pageState: unknown): Promise<void> {
    const key = keyOf(pageState);
    if (key === null) {
      panel.dispose();
      return;
    }
    this.restoring.add(key);
    try {
      const record = await this.parts.store.find(key);
      if (record === null || this.open.has(subjectId(record.subject))) {
        panel.dispose();
        this.pruneSoon();
        return;
      }
      const { session } = this.connect(panel, record);
      await session.fileTouched();
    } finally {
      this.restoring.delete(key);
    }
  }

  /**
   * An editor that VS Code opened, or opens again after a reload, becomes the subject's panel, and shows what can be
   * known before a run. A panel that is there already is brought to the front in its place.
   */
  async adopt(panel: vscode.WebviewPanel, subject: Subject): Promise<void> {
    const record = await this.parts.store.findFor(subject);
    const known = this.open.get(subjectId(subject));
    if (known) {
      panel.dispose();
      known.page.panel.reveal();
      return;
    }
    const { session } = this.connect(panel, record ?? freshRecord(subject, this.parts.memory));
    await session.fileTouched();
    await session.look();
  }

  dispose(): void {
    this.closing = true;
    if (this.pruning !== null) {
      clearTimeout(this.pruning);
    }
    for (const { session, comparing, page } of this.open.values()) {
      session.dispose();
      comparing.drop();
      page.dispose();
    }
    for (const subscription of this.subscriptions) {
      subscription.dispose();
    }
  }

  /** Records of panels that are gone are deleted: closed before they were restored, or not restored at all. */
  private pruneSoon(): void {
    if (this.closing) {
      return;
    }
    if (this.pruning !== null) {
      clearTimeout(this.pruning);
    }
    this.pruning = setTimeout(() => {
      this.pruning = null;
      const keys = [...this.open.values()].map(({ session }) => session.key);
      void this.parts.store.prune(new Set([...keys, ...this.restoring]), this.waitingTitles());
    }, pruneDelayMs);
  }

  /** Titles of tabs that VS Code has not asked us to restore yet, because nobody looked at them. */
  private waitingTitles(): ReadonlySet<string> {
    const titles = vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs.filter(isOurs).map(({ label }) => label));
    for (const { page } of this.open.values()) {
      const at = titles.indexOf(page.panel.title);
      if (at >= 0) {
        titles.splice(at, 1);
      }
    }
    return new Set(titles);
  }

  private connect(panel: vscode.WebviewPanel, record: PanelRecord): OpenPanel {
    const { log, memory, store, history } = this.parts;
    let closed = false;
    const id = subjectId(record.subject);
    const watch = new FileWatch(() => {
      void session.fileTouched();
    });
    const progress = new RunProgress(() => {
      session.cancel();
    });
    const page = new PanelPage(panel, this.parts.extension, {
      onMessage: (message) => {
        void handleMessage(opened, message, this.parts).catch((error: unknown) =>
          log.tell('A message of the panel', error),
        );
      },
      onUnknown: (why) => {
        log.warn(`The panel sent a message that is not understood, and it was ignored: ${why}`);
      },
    });
    const comparingProgress = new RunProgress(() => {
      comparing.cancel();
    });
    const comparing = new ComparingSession({
      compare: this.parts.compare,
      store: async (comparison) => (await this.store({ kind: 'comparison', comparison }))?.id ?? null,
      newId: randomUUID,
      show: (state) => {
        if (closed) return;
        page.showComparison(state);
        const phase = comparing.running ? 'running' : 'done';
        comparingProgress.follow(
          { phase, modelName: state?.title ?? '', progress: state?.progress ?? null },
          panel.visible,
        );
        this.announce(opened);
      },
      keep: () => {
        if (!closed) store.keep({ ...session.record(), comparison: comparing.record });
      },
      log: (what, error) => {
        log.error(`${subjectName(record.subject)}: ${what}`, error);
      },
    });
    const session = new DiagnosisSession(record, {
      work: this.parts.workFor(record.subject),
      person: personFor(record.subject),
      trusted: () => vscode.workspace.isTrusted,
      show: (state) => {
        this.remember(state.report);
        page.show(state);
        progress.follow(state, panel.visible);
        this.announce(opened);
      },
      keep: (kept) => {
        if (closed) {
          return; // a question was answered after the panel was closed
        }
        store.keep({ ...kept, comparison: comparing.record });
        watch.follow(session.files);
        if (kept.subject.kind !== 'report') {
          void memory.set(kept.subject.model, kept);
        }
      },
      finished: (report) => {
        void this.store({ kind: 'report', report }).then((entry) => {
          opened.kept = entry;
        });
      },
      log: (what, error) => {
        log.error(`${subjectName(record.subject)}: ${what}`, error);
      },
    });
    const opened: OpenPanel = { session, comparing, page, tab: 'diagnosis', kept: null };
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
      closed = true;
      session.dispose();
      comparing.drop();
      page.dispose();
      watch.dispose();
      progress.dispose();
      comparingProgress.dispose();
      this.open.delete(id);
      if (this.front === opened) {
        this.front = [...this.open.values()].at(-1) ?? null;
      }
      this.announce(this.front);
      if (!this.closing) {
        store.forget(record.key);
      }
    });
    this.remember(session.current.report);
    page.show(session.current);
    this.announce(opened);
    const { comparison: shown } = record;
    if (shown) {
      void history.find(shown.stored).then((found) => {
        // Meanwhile another one may have begun.
        if (found?.saved.kind !== 'comparison' || closed || comparing.current !== null) return;
        comparing.open(found.saved.comparison, shown.title, shown.stored, shown.id);
      });
    }
    return opened;
  }

  /** Among the runs that were made; what goes wrong is in the log, and the run stands all the same. */
  private async store(saved: Saved): Promise<HistoryEntry | null> {
    try {
      return await this.parts.history.add(saved, Date.now());
    } catch (error) {
      this.parts.log.error('Keeping the run', error);
      return null;
    }
  }

  /** Keeps the context keys in step with the panel that commands mean. */
  private announce(panel: OpenPanel | null): void {
    announce((this.front ?? panel)?.session.current ?? null, {
      running: this.running.length > 0,
      hasReport: this.inFront !== null,
    });
  }
}

/** The editor puts something before the type that we gave. */
function isOurs({ input }: vscode.Tab): boolean {
  return (
    (input instanceof vscode.TabInputWebview && input.viewType.endsWith(viewTypes.diagnosis)) ||
    (input instanceof vscode.TabInputCustom && input.viewType === viewTypes.model)
  );
}
