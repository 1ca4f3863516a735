/** The main job: model and batch in, report out. Body follows; this is the signature that the faces build on. */
import type { EngineLevel, Report } from '../core/report';
import type { LengthSpec } from '../core/batch/types';
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
  remove(path: string): Promise<void>;
  /** A fresh SHA-256 over bytes that stream by; what was written is recognised by it. */
  sha256(): Sha256;
  readonly join: (...parts: string[]) => string;
  readonly dirname: (path: string) => string;
  readonly basename: (path: string) => string;
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
  readonly fixId: string;
  /** Where to write; default `<name>.fixed.onnx` beside the model. Required for built-in models. */
  readonly out?: string | undefined;
  /** Models with big or external weights: refer to them where they are, or copy them along. */
  readonly weights?: 'reference' | 'copy' | undefined;
}
export interface ApplyResult {
  readonly file: string;
  readonly fixId: string;
  readonly edits: number;
  readonly weights: 'inside' | 'referenced' | 'copied';
}
/** Writes the patched copy. @throws NanoscopeError `would-overwrite`, `fix-declined`, … */
export type ApplyFix = (
  deps: DiagnoseDeps,
  request: ApplyRequest,
  events: DiagnoseEvents,
  signal?: AbortSignal,
) => Promise<ApplyResult>;

/** Removes exactly what `ApplyFix` wrote. @throws NanoscopeError `not-ours`, `file-not-found` */
export type UndoFix = (
  deps: Pick<DiagnoseDeps, 'files'>,
  file: string,
) => Promise<{ readonly removed: readonly string[] }>;
