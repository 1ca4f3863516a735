/** What a session is made of: the work it can do, the person it may ask, and what it remembers. */
import type { WeightsOffer } from '../../app/apply/weights';
import type { LookRequest, LookResult } from '../../app/look/staticLook';
import type { ApplyRequest, ApplyResult, DiagnoseEvents, DiagnoseRequest } from '../../app/useCases';
import type { SnippetResult } from '../../app/fixSnippet';
import type { ErrorPayload } from '../../core/errors';
import type { FixPreview } from '../../core/preview/types';
import type { Report } from '../../core/report';
import type { BatchChoice, PanelState } from '../../protocol/panel';
import type { ShownComparison } from './comparing';
import type { Subject } from './subject';

/** The use cases, bound to engine, files and settings. */
export interface Work {
  diagnose(request: DiagnoseRequest, events: DiagnoseEvents, signal: AbortSignal): Promise<Report>;
  /** What the masks alone say, before any run of the model. */
  look(request: LookRequest, signal: AbortSignal): Promise<LookResult>;
  applyFix(request: ApplyRequest, events: DiagnoseEvents, signal: AbortSignal): Promise<ApplyResult>;
  /** Writes nothing, like `fixSnippet`. */
  previewFix(request: FixRequest, events: DiagnoseEvents, signal: AbortSignal): Promise<FixPreview>;
  fixSnippet(request: FixRequest, events: DiagnoseEvents, signal: AbortSignal): Promise<SnippetResult>;
  undoFix(file: string): Promise<unknown>;
  /** The last fix that a model was changed in place by, as far as it is as it was written; `null` where none is. */
  appliedInPlace(model: string): Promise<Omit<ApplyResult, 'edits'> | null>;
  /** Names of the model's graph inputs. */
  inputsOf(model: string): Promise<readonly string[]>;
  /** What a fixed copy can do with the model's weights; `null` where there is nothing to choose. */
  weightsOf(model: string): Promise<WeightsOffer | null>;
  /** Changes when the file does; `null` where there is none. */
  stamp(path: string): Promise<string | null>;
  /** Whether a diagnosis tries the fixes without being asked. */
  triesFixes(): boolean;
}

export type FixRequest = DiagnoseRequest & { readonly fixId: string };

/** `NAME` or `NAME:inverted`, or an inputs file (absolute path) in place of a batch that must be made up. */
export type MaskAnswer = { readonly mask: string } | { readonly inputsPath: string };

/** Questions that only the person can answer; `undefined` when dismissed. */
export interface Person {
  /** Where to write the fixed copy of a built-in model: an absolute path. */
  chooseTarget(name: string): Promise<string | undefined>;
  /** Whether the model itself may be changed; its original stays beside it. */
  confirmInPlace(file: string): Promise<boolean>;
  /** An inputs file: an absolute path. */
  chooseInputs(): Promise<string | undefined>;
  chooseMask(problem: ErrorPayload, inputs: readonly string[]): Promise<MaskAnswer | undefined>;
  /** A path as the person knows it. */
  shownPath(path: string): string;
}

/** What a fix wrote. */
export interface Written {
  readonly fixId: string;
  /** Absolute. */
  readonly file: string;
  readonly weights: ApplyResult['weights'];
  /** Of a model that was changed in place: its original, absolute. */
  readonly backup: string | null;
  /** The report that the fix was chosen from. */
  readonly before: Report | null;
  /** Whether what it wrote was diagnosed since. */
  readonly measured: boolean;
}

/** Everything needed to show the panel again after a window reload. */
export interface SessionRecord {
  readonly key: string;
  readonly subject: Subject;
  readonly phase: PanelState['phase'];
  readonly batch: BatchChoice;
  /** false: nobody chose `batch` yet, so the use case takes its own default, and `batch` follows the report. */
  readonly batchChosen: boolean;
  readonly inputsPath: string | null;
  readonly report: Report | null;
  readonly error: ErrorPayload | null;
  readonly stack: readonly Written[];
  readonly weights: WeightsOffer | null;
  /** By absolute path, as of the last run. */
  readonly stamps: Readonly<Record<string, string | null>>;
}

/** A panel as it is kept: its session, and the comparison beside it. */
export interface PanelRecord extends SessionRecord {
  readonly comparison?: ShownComparison | null;
}

export interface SessionParts {
  readonly work: Work;
  readonly person: Person;
  readonly trusted: () => boolean;
  /** The whole state, every time it changes. */
  readonly show: (state: PanelState) => void;
  /** A diagnosis came to its end. */
  readonly finished: (report: Report) => void;
  /** At every rest: after a run, an undo, a choice. */
  readonly keep: (record: SessionRecord) => void;
  readonly log: (what: string, error: unknown) => void;
}
