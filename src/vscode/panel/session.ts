/**
 * One panel's work: runs, applies, undoes, and keeps the state that the page shows. It knows the use cases and a
 * person to ask, and neither the editor nor the page: both come in as interfaces.
 */
import type { WeightsOffer } from '../../app/apply/weights';
import type { ApplyRequest, DiagnoseEvents, DiagnoseRequest } from '../../app/useCases';
import { NanoscopeError, toPayload } from '../../core/errors';
import type { FixResult, Report } from '../../core/report';
import { mayBeApplied } from '../../protocol/offered';
import type { BatchChoice, PanelState } from '../../protocol/panel';
import { ActiveRun } from './activeRun';
import { FileStamps } from './fileStamps';
import { asksForMask, unlessMaskUnclear } from './maskQuestion';
import { requestOf } from './request';
import type { FixRequest, MaskAnswer, SessionParts, SessionRecord, Written } from './sessionParts';
import * as state from './state';
import { subjectName, type Subject } from './subject';
import { WrittenFixes } from './written';

export interface ApplyHow {
  readonly weights?: 'reference' | 'copy';
  /** Change the model itself; its original stays beside it. */
  readonly inPlace?: true;
}

export class DiagnosisSession {
  private shown: PanelState;
  private readonly active: ActiveRun;
  /** While a fix is written or taken back. */
  private writing: Promise<unknown> = Promise.resolve();
  /** A question about a fix stands: one is enough. */
  private asking = false;
  /** The fix whose model is diagnosed now. */
  private measuring: Written | null = null;
  private disposed = false;
  private inputsPath: string | null;
  private batchChosen: boolean;
  private readonly written: WrittenFixes;
  private weights: WeightsOffer | null;
  private readonly stamps: FileStamps;

  readonly key: string;
  readonly subject: Subject;

  constructor(
    record: SessionRecord,
    private readonly parts: SessionParts,
  ) {
    this.key = record.key;
    this.subject = record.subject;
    this.inputsPath = record.inputsPath;
    this.batchChosen = record.batchChosen;
    this.written = new WrittenFixes(record.stack, (path) => this.parts.person.shownPath(path));
    this.weights = record.weights;
    this.stamps = new FileStamps(record.stamps, (path) => this.parts.work.stamp(path));
    this.active = new ActiveRun({
      change: (change) => this.set(change(this.shown)),
      reported: (now, report) => this.diagnosed(this.reported(now, report)),
      ended: () => {
        this.set(this.shown); // `running` changed
        this.rest();
        // A change during the run was not looked at.
        void this.fileTouched();
      },
      log: (what, error) => this.parts.log(what, error),
    });
    const base = state.empty({
      key: record.key,
      modelName: subjectName(record.subject),
      batch: record.batch,
      source: record.subject.kind,
      readOnly: this.readOnly(),
      canChangeInPlace: this.canChangeInPlace(),
    });
    const withReport = record.report ? state.reported(base, record.report) : base;
    // A run that a reload cut off did not finish: it is shown as cancelled.
    const phase = record.phase === 'running' ? 'cancelled' : record.phase;
    this.shown = this.withTop({ ...withReport, phase, error: record.error, weights: record.weights });
  }

  get current(): PanelState {
    return this.shown;
  }

  get running(): boolean {
    return this.active.running;
  }

  /** Absolute paths whose change makes the report stale. */
  get files(): readonly string[] {
    const { subject } = this;
    return [
      ...(subject.kind === 'file' ? [subject.model] : []),
      ...this.written.files,
      ...(this.shown.batch.kind === 'file' && this.inputsPath !== null ? [this.inputsPath] : []),
    ];
  }

  /** A saved report in place of a run. */
  open(report: Report): void {
    this.set(state.finished(this.shown, report));
    this.rest();
  }

  /** Trust was granted. */
  refresh(): void {
    this.set({ ...this.shown, readOnly: this.readOnly(), canChangeInPlace: this.canChangeInPlace() });
  }

  /** Ends in the state `done`, `error` or `cancelled`, never in an exception. */
  async run(batch?: BatchChoice, fixes = this.parts.work.triesFixes()): Promise<Report | undefined> {
    if (!this.mayRun()) {
      return undefined;
    }
    await this.writing; // what is diagnosed is on its way to another file
    if (batch) {
      // Paths come from the host's own dialog only, whatever a message says.
      const chosen = { ...batch, file: this.shown.batch.file };
      // Running again what is shown is no choice: the use case may still take its own default.
      this.batchChosen ||= !state.sameBatch(chosen, this.shown.batch);
      this.set(state.withBatch(this.shown, chosen));
    }
    return this.report('Reading the model', (events, signal) => this.diagnose(fixes, events, signal));
  }

  /** Before any run: what the attention is and what padding can do to it. What it cannot tell, a run will. */
  async look(): Promise<void> {
    if (!this.mayRun() || this.running || this.shown.report !== null || this.shown.look) {
      return;
    }
    await this.active.start('Looking at the masks', async (_events, signal) => {
      const found = await this.parts.work.look(this.request(false), signal).catch(unlessMaskUnclear);
      const inputs = await this.parts.work.inputsOf(this.model());
      return (now) => state.looked(now, found, inputs);
    });
  }

  cancel(): void {
    this.active.cancel();
  }

  async chooseInputs(): Promise<void> {
    const path = this.mayRun() ? await this.parts.person.chooseInputs() : undefined;
    if (path === undefined) {
      return;
    }
    this.takeInputs(path);
    this.rest();
  }

  /** Shows what a fix would change; nothing is written. */
  async preview(fixId: string): Promise<void> {
    if (!this.mayFix() || this.resultOf(fixId) === undefined) {
      return;
    }
    const before = this.shown;
    await this.active.start(
      'Working out what the fix changes',
      async (events, signal) => {
        const preview = await this.parts.work.previewFix(this.fixRequest(fixId), onlyProgress(events), signal);
        return (now) => ({ ...state.restored(now, before), preview });
      },
      before,
    );
  }

  closePreview(): void {
    if (this.shown.preview !== null) {
      this.set({ ...this.shown, preview: null });
    }
  }

  /** The lines of PyTorch that do what the fix does; `undefined` where the panel says why there are none. */
  async fixSnippet(fixId: string): Promise<string | undefined> {
    if (!this.mayFix()) {
      return undefined;
    }
    let code: string | undefined;
    const before = this.shown;
    const ended = await this.active.start(
      'Writing the lines of PyTorch',
      async (events, signal) => {
        ({ code } = await this.parts.work.fixSnippet(this.fixRequest(fixId), onlyProgress(events), signal));
        return (now) => state.restored(now, before);
      },
      before,
    );
    return ended ? code : undefined;
  }

  /** @param how taken only where the state offers the choice */
  async apply(fixId: string, how: ApplyHow = {}): Promise<Report | undefined> {
    const before = this.shown.report;
    const fix = this.resultOf(fixId);
    if (!this.mayFix() || before === null || fix === undefined || !mayBeApplied(fix)) {
      return undefined;
    }
    const inPlace = how.inPlace === true && this.canChangeInPlace();
    this.asking = true;
    const out = await this.askWhere(fixId, inPlace).finally(() => {
      this.asking = false;
    });
    // The question may have stood for long.
    if (out === 'dismissed' || !this.mayFix() || this.shown.report !== before) {
      return undefined;
    }
    const { weights } = how;
    const request: ApplyRequest = {
      ...this.fixRequest(fixId),
      ...(inPlace ? { inPlace } : {}),
      ...(out === null ? {} : { out }),
      ...(inPlace || weights === undefined || this.weights === null ? {} : { weights }),
    };
    return this.report(inPlace ? 'Changing the model' : 'Writing the fixed copy', async (events, signal) => {
      // The reports of this step are about the unfixed model.
      const writing = this.parts.work.applyFix(request, onlyProgress(events), signal);
      this.writing = writing.catch(() => undefined);
      this.written.push(await writing, before);
      this.set(this.withTop(this.shown));
      this.rest(); // the way back is kept even if what follows never ends
      return this.diagnose(this.parts.work.triesFixes(), events, signal);
    });
  }

  /** Takes back what was written last and diagnoses what was there before. */
  async undo(): Promise<Report | undefined> {
    const { top } = this.written;
    if (!this.mayRun() || top === null || this.running) {
      return undefined;
    }
    const first = top.backup === null ? 'Removing the fixed copy' : 'Putting the original back';
    return this.report(first, async (events, signal) => {
      const undoing = this.parts.work.undoFix(top.file).catch(unlessGone);
      this.writing = undoing.catch(() => undefined);
      await undoing;
      this.written.pop();
      // The fix is gone: should the run that follows not end, what is shown is the model without it.
      this.set(this.withTop(top.before ? this.reported(this.shown, top.before) : this.shown));
      this.rest();
      return this.diagnose(this.parts.work.triesFixes(), events, signal);
    });
  }

  /** What a run of what is shown would ask for, without fixes. @throws NanoscopeError `usage` for a saved report */
  diagnoseRequest(): DiagnoseRequest {
    return this.request(false);
  }

  /** Some watched file was touched: compares before it believes. */
  async fileTouched(): Promise<void> {
    if (this.running || this.shown.report === null) {
      return;
    }
    const changed = await this.stamps.changed(this.files);
    // Meanwhile a run may have begun, which reads the file anew.
    if (changed) {
      this.active.whereNoneRuns(state.changedOnDisk);
    }
  }

  record(): SessionRecord {
    const { phase, batch, report, error } = this.shown;
    const { key, subject, batchChosen, inputsPath, weights } = this;
    const stack = this.written.record;
    const stamps = this.stamps.record;
    return { key, subject, phase, batch, batchChosen, inputsPath, report, error, stack, weights, stamps };
  }

  /** From here on nobody is shown, asked or told anything: a dialog may still answer, and its page is gone. */
  dispose(): void {
    this.disposed = true;
    this.active.drop();
  }

  /** A run whose result is a report. */
  private async report(
    first: string,
    action: (events: DiagnoseEvents, signal: AbortSignal) => Promise<Report>,
  ): Promise<Report | undefined> {
    let result: Report | undefined;
    const ended = await this.active.start(first, async (events, signal) => {
      const report = await action(events, signal);
      result = report;
      return (now) => ({
        ...this.diagnosed(state.finished(this.reported(now, report), report)),
        weights: this.weights,
      });
    });
    if (!ended || result === undefined) {
      return undefined;
    }
    if (!this.disposed) {
      this.parts.finished(result);
    }
    return result;
  }

  private async diagnose(fixes: boolean, events: DiagnoseEvents, signal: AbortSignal): Promise<Report> {
    await this.takeWhatIsApplied(signal);
    this.measuring = this.written.top;
    await this.stamps.take(this.files);
    const report = await this.askingForMask(fixes, events, signal);
    const weights = await this.parts.work.weightsOf(this.model()).catch((error: unknown) => {
      this.parts.log('Looking at the weights', error); // the report stands; Apply then decides by itself
      return null;
    });
    if (!signal.aborted) {
      this.weights = weights;
    }
    return report;
  }

  /** A model that was changed in place before this panel was there can be put back from it. */
  private async takeWhatIsApplied(signal: AbortSignal): Promise<void> {
    if (this.subject.kind !== 'file' || this.written.top !== null) {
      return;
    }
    const found = await this.parts.work.appliedInPlace(this.subject.model).catch((error: unknown) => {
      this.parts.log('Looking for an applied fix', error); // then it is undone in the terminal, which says why not
      return null;
    });
    if (found !== null && !signal.aborted) {
      this.written.push(found, null);
      this.set(this.withApplied(this.shown));
    }
  }

  private async askingForMask(fixes: boolean, events: DiagnoseEvents, signal: AbortSignal): Promise<Report> {
    try {
      return await this.parts.work.diagnose(this.request(fixes), events, signal);
    } catch (error) {
      // Asked once: if the answer does not help, the error says more than the same question again.
      const answer = signal.aborted ? undefined : await this.askMask(error);
      if (answer === undefined) {
        throw error;
      }
      this.take(answer);
    }
    signal.throwIfAborted(); // cancelled while the question stood
    return this.parts.work.diagnose(this.request(fixes), events, signal);
  }

  private async askMask(error: unknown): Promise<MaskAnswer | undefined> {
    if (!asksForMask(error)) {
      return undefined;
    }
    const inputs = await this.parts.work.inputsOf(this.model());
    if (this.disposed) {
      return undefined;
    }
    this.set({ ...this.shown, maskInputs: inputs });
    return this.parts.person.chooseMask(toPayload(error), inputs);
  }

  private take(answer: MaskAnswer): void {
    if ('inputsPath' in answer) {
      this.takeInputs(answer.inputsPath);
    } else {
      this.set(state.withBatch(this.shown, { ...this.shown.batch, mask: answer.mask }));
    }
  }

  private takeInputs(path: string): void {
    this.inputsPath = path;
    this.batchChosen = true;
    const file = this.parts.person.shownPath(path);
    this.set(state.withBatch(this.shown, { ...this.shown.batch, kind: 'file', file }));
  }

  private request(fixes: boolean): DiagnoseRequest {
    const { inputsPath, batchChosen } = this;
    return requestOf(this.shown.batch, { model: this.model(), inputsPath, batchChosen, fixes });
  }

  /** What is diagnosed now: the last fixed copy, else the model itself. */
  private model(): string {
    const { top } = this.written;
    if (top !== null) {
      return top.file;
    }
    if (this.subject.kind === 'report') {
      throw new NanoscopeError('usage', 'A saved report cannot be run.', 'Diagnose the model that it came from.');
    }
    return this.subject.model;
  }

  private resultOf(fixId: string): FixResult | undefined {
    return this.shown.report?.fixes?.find(({ id }) => id === fixId);
  }

  private async askWhere(fixId: string, inPlace: boolean): Promise<string | null | 'dismissed'> {
    if (!inPlace) {
      return this.target(fixId);
    }
    return (await this.parts.person.confirmInPlace(this.model())) ? null : 'dismissed';
  }

  /** `null`: beside the model, under its usual name. */
  private async target(fixId: string): Promise<string | null | 'dismissed'> {
    if (this.subject.kind !== 'built-in' || this.written.top !== null) {
      return null;
    }
    const name = this.subject.model.slice('builtin:'.length).split('?')[0] ?? 'model';
    return (await this.parts.person.chooseTarget(`${name}.${fixId}.onnx`)) ?? 'dismissed';
  }

  private fixRequest(fixId: string): FixRequest {
    const { expandAttention: _, ...asItIs } = this.request(true);
    return { ...asItIs, fixId };
  }

  /** A built-in model is no file. */
  private canChangeInPlace(): boolean {
    return !this.readOnly() && (this.subject.kind === 'file' || this.written.top !== null);
  }

  private mayFix(): boolean {
    return this.mayRun() && this.shown.report !== null && !this.running && !this.asking;
  }

  private mayRun(): boolean {
    return !this.readOnly();
  }

  private readOnly(): boolean {
    return this.subject.kind === 'report' || !this.parts.trusted();
  }

  private reported(now: PanelState, report: Report): PanelState {
    const next = state.reported(now, report);
    return this.batchChosen ? next : { ...next, batch: state.batchOf(report, now.batch) };
  }

  /** What was written last, and what it is compared with. */
  private withTop(now: PanelState): PanelState {
    return { ...this.withApplied(now), before: this.written.top?.before ?? null };
  }

  /** A report came of the model that is shown. */
  private diagnosed(now: PanelState): PanelState {
    this.written.measured(this.measuring);
    return this.withApplied(now);
  }

  private withApplied(now: PanelState): PanelState {
    return { ...now, applied: this.written.applied, canChangeInPlace: this.canChangeInPlace() };
  }

  private set(next: PanelState): void {
    this.shown = next;
    if (!this.disposed) {
      this.parts.show(next);
    }
  }

  private rest(): void {
    if (!this.disposed) {
      this.parts.keep(this.record());
    }
  }
}

/** Reports of a step that is about something else than what is shown. */
function onlyProgress({ onProgress }: DiagnoseEvents): DiagnoseEvents {
  return onProgress ? { onProgress } : {};
}

/** Somebody else removed the copy already: what undo wants is done. */
function unlessGone(error: unknown): void {
  if (!(error instanceof NanoscopeError) || error.code !== 'file-not-found') {
    throw error;
  }
}
