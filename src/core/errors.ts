/**
 * The one error type that crosses a boundary of NaNoscope. Its text is for a person: `message` says what is
 * wrong in one sentence, `hint` says what to do about it. Everything that is shown (terminal, panel, `--json`)
 * comes from here, so that the same bad input reads the same everywhere.
 */

/** Closed list of error codes; they appear in `--json` and so are part of the contract. */
export const errorCodes = [
  'usage', // wrong command line or settings
  'file-not-found',
  'file-unreadable',
  'not-onnx', // wrong magic, not a protobuf
  'truncated', // the file ends early
  'corrupt-model', // parses, but makes no sense: cyclic graph, missing initializer, duplicate names
  'external-data-missing',
  'external-data-escapes', // external data outside the model's folder
  'unsupported-opset',
  'unsupported-op',
  'unsupported-type', // e.g. bf16 on the CPU engine
  'bad-input', // batch does not fit the model
  'bad-inputs-file', // npz/npy/json cannot be read
  'mask-missing', // roles asked for, no mask to be found
  'mask-ambiguous',
  'would-overwrite',
  'not-ours', // undo of a file that NaNoscope did not write
  'fix-declined',
  'cancelled',
  'timeout',
  'out-of-memory',
  'engine-crashed',
  'engine-failed', // the engine said no, in words of its own
  'engine-missing', // onnxruntime-node cannot be loaded on this platform
  'output-unwritable', // standard output, where the reader is not just gone
  'untrusted-workspace',
  'debugger', // a debugged program, or its adapter, did not answer as it should
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** Exit code 2 (bad usage or input) or 3 (the engine failed), per code. */
const engineFailures: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'cancelled',
  'timeout',
  'out-of-memory',
  'engine-crashed',
  'engine-failed',
  'engine-missing',
  'unsupported-opset',
  'unsupported-op',
  'unsupported-type',
  'output-unwritable',
  'internal',
]);

export class NanoscopeError extends Error {
  override readonly name = 'NanoscopeError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    /** What to do next; a full sentence. */
    readonly hint: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
  get exitCode(): 2 | 3 {
    return engineFailures.has(this.code) ? 3 : 2;
  }
}

/** A plain, clonable form for IPC, webview messages and `--json`. */
export interface ErrorPayload {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export function toPayload(error: unknown): ErrorPayload {
  if (error instanceof NanoscopeError) {
    return { code: error.code, message: error.message, hint: error.hint };
  }
  const text = error instanceof Error ? error.message : String(error);
  return {
    code: 'internal',
    message: `NaNoscope itself failed: ${text}`,
    hint: 'Please report this with the log (NaNoscope output channel, or NANOSCOPE_LOG=1 in the terminal).',
  };
}

export function fromPayload(payload: ErrorPayload): NanoscopeError {
  return new NanoscopeError(payload.code, payload.message, payload.hint);
}
