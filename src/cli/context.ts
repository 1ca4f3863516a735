/** What the commands are given by the composition root. */
import type { compare } from '../app/compare/compare';
import type { runExperiments } from '../app/experiments/experiment';
import type { fixSnippet } from '../app/fixSnippet';
import type { staticLook } from '../app/look/staticLook';
import type { scan } from '../app/scan/scan';
import type { saveShards } from '../app/parallel/saveShards';
import type { shrink } from '../app/shrink/shrink';
import type { writeShrunk } from '../app/shrink/writeShrunk';
import type { lint, LintDeps } from '../app/source/lint';
import type { EngineOptions } from '../app/ports';
import type { ApplyFix, Diagnose, DiagnoseDeps, FileAccess, PreviewFix, UndoFix } from '../app/useCases';
import type { Report } from '../core/report';
import type { Terminal } from './terminal';

export interface Context {
  readonly version: string;
  readonly terminal: Terminal;
  readonly work: {
    readonly diagnose: Diagnose;
    readonly applyFix: ApplyFix;
    readonly undoFix: UndoFix;
    readonly previewFix: PreviewFix;
    readonly fixSnippet: typeof fixSnippet;
    readonly shrink: typeof shrink;
    readonly writeShrunk: typeof writeShrunk;
    readonly staticLook: typeof staticLook;
    readonly lint: typeof lint;
    readonly saveShards: typeof saveShards;
    readonly compare: typeof compare;
    readonly runExperiments: typeof runExperiments;
    readonly scan: typeof scan;
  };
  readonly files: FileAccess;
  /** A report that was saved, or a trace that was recorded. @throws NanoscopeError `file-not-found`, `file-unreadable` */
  readReport(path: string): Promise<Report>;
  /** Python files and their parser. */
  readonly source: LintDeps;
  /** Aborted by Ctrl-C and by termination. */
  readonly signal: AbortSignal;
  createDeps(options: EngineOptions): DiagnoseDeps;
  /** Absolute form of a path that was typed. */
  resolvePath(path: string): string;
  /** As it is shown: from the folder where the command runs, where it is in there. */
  relativePath(file: string): string;
  /** Tells a failure with its stack, where that was asked for (NANOSCOPE_LOG). */
  log(error: unknown): Promise<void>;
}

/** As DESIGN's exit codes; failures are thrown, except those of some files among several: then 2 or 3. */
export type ExitCode = 0 | 1 | 2 | 3;
