/** The main job: model and batch in, report out. Body follows; this is the signature that the faces build on. */
import type { EngineLevel, Report } from '../core/report';
import type { Batch, LengthSpec } from '../core/batch/types';
import type { FixPreview } from '../core/preview/types';
import type { Engine } from './ports';

export interface FileAccess {
  /** @throws NanoscopeError `file-not-found`, `file-unreadable` */
  open(path: string): Promise<RandomAccessFile>;
  readFile(path: string): Promise<Uint8Array>;
  exists(path: string): Promise<boolean>;
  /** Names of what is in a folder, in no particular order; `null` for what is not a folder, or not there. */
  list(path: string): Promise<readonly string[] | null>;
  /** Absolute path with symlinks resolved. */
  realPath(path: string): Promise<string>;
  /** Writes to a temporary file in the same folder, syncs, renames. */
  writeAtomic(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * The same in two steps: new content of `path`, complete and synced, that is not there until it is committed.
   * @param like an existing file whose permissions the new one gets
   */
  stage(path: string, chunks: AsyncIterable<Uint8Array>, like?: string): Promise<StagedFile>;
  /** A second name for the same file, or a synced copy where there are none. @throws `would-overwrite` */
  keepAs(path: string, as: string): Promise<void>;
  /** `by` takes the place of `path` in one step and loses its own name. */
  replaceBy(path: string, by: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** The same for two names of one file; changes when the file is replaced or written to. */
  identity(path: string): Promise<string>;
  /** false also for a file that nobody may write to. */
  isWritable(path: string): Promise<boolean>;
  /** Runs `action` while nobody else does the same for `path`. @throws `would-overwrite` while somebody does */
  exclusively<T>(path: string, action: () => Promise<T>): Promise<T>;
  /** With the folders around it; nothing happens where it exists. */
  makeFolder(path: string): Promise<void>;
  /** Removes what interrupted writing to `path` left behind; while `exclusively` holds it. */
  removeLeftovers(path: string): Promise<void>;
  /** A fresh SHA-256 over bytes that stream by; what was written is recognised by it. */
  sha256(): Sha256;
  readonly join: (...parts: string[]) => string;
  readonly dirname: (path: string) => string;
  readonly basename: (path: string) => string;
}
export interface StagedFile {
  /** Puts it in place; when that fails, nothing has changed. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}
export interface Sha256 {
  update(chunk: Uint8Array): void;
  /** 64 lower-case hexadecimal digits; ends it. */
  hex(): string;
}
export interface RandomAccessFile {
  readonly size: number;
  /** Exactly `length` bytes from `offset`, fewer only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface DiagnoseRequest {
  /** Absolute path of an `.onnx`, or `builtin:…`. */
  readonly model: string;
  /** What is fed, in memory; in the place of a file and of lengths. */
  readonly batch?: Batch | undefined;
  /** Inputs file, or a folder of ONNX test data; else `lengths`; else a default batch (`5,35`, left padded, seed 1). */
  readonly inputsFile?: string | undefined;
  readonly lengths?: LengthSpec | undefined;
  /** `NAME` or `NAME:inverted`. */
  readonly mask?: string | undefined;
  /** The level that `observer.userLevel` compares with; the measuring run is always `disabled`. */
  readonly userLevel: EngineLevel;
  readonly fixes: boolean;
  /** Run a bfloat16 model in float32; other models are run as they are. */
  readonly cast?: 'float32' | undefined;
  /** Diagnose the model with its fused attention written out in plain operators; no fixes are tried then. */
  readonly expandAttention?: boolean | undefined;
}

export interface Progress {
  /** In words, for a person: "Measuring 134 tensors". */
  readonly text: string;
  readonly fraction: number | null;
}

export interface DiagnoseEvents {
  readonly onProgress?: (progress: Progress) => void;
  /** Called with the table as soon as it is known, then again when observer and fixes are. */
  readonly onReport?: (report: Report) => void;
}

export interface DiagnoseDeps {
  readonly engine: Engine;
  readonly files: FileAccess;
}

/** @throws NanoscopeError with a text for a person. */
export type Diagnose = (
  deps: DiagnoseDeps,
  request: DiagnoseRequest,
  events: DiagnoseEvents,
  signal?: AbortSignal,
) => Promise<Report>;

export interface ApplyRequest extends DiagnoseRequest {
  /** One fix of the graph, or several that are applied one after the other: `unmask-rows+clean-weights`. */
  readonly fixId: string;
  /** Change the model itself and keep the original beside it as a backup; not together with `out` or `weights`. */
  readonly inPlace?: boolean | undefined;
  /** Where to write; default `<name>.fixed.onnx` beside the model. Required for built-in models. */
  readonly out?: string | undefined;
  /** Models with big or external weights: refer to them where they are, or copy them along. */
  readonly weights?: 'reference' | 'copy' | undefined;
}
export interface ApplyResult {
  /** What holds the fix now: the copy, or the model itself with symlinks resolved. */
  readonly file: string;
  readonly fixId: string;
  readonly edits: number;
  readonly weights: 'inside' | 'referenced' | 'copied';
  /** Of a model that was changed in place: the original. */
  readonly backup?: string;
}
/** Writes the patched copy, or the model itself. @throws NanoscopeError `would-overwrite`, `fix-declined`, … */
export type ApplyFix = (
  deps: DiagnoseDeps,
  request: ApplyRequest,
  events: DiagnoseEvents,
  signal?: AbortSignal,
) => Promise<ApplyResult>;

/** Only what says which model, batch and fix; nothing is written. @throws NanoscopeError as `ApplyFix` */
export type PreviewFix = (
  deps: DiagnoseDeps,
  request: Omit<ApplyRequest, 'out' | 'weights' | 'inPlace'>,
  events: DiagnoseEvents,
  signal?: AbortSignal,
) => Promise<FixPreview>;

/**
 * Takes back exactly what `ApplyFix` wrote, one step: removes the copy, or puts the original back in place.
 * @throws NanoscopeError `not-ours`, `file-not-found`
 */
export type UndoFix = (deps: Pick<DiagnoseDeps, 'files'>, file: string) => Promise<UndoResult>;

export interface UndoResult {
  /** Files that are gone: the copy with its data file, or the backup. */
  readonly removed: readonly string[];
  /** The model that has its original bytes back. */
  readonly restored?: string;
}
