/** What the faces ask of a debugged program. Implemented by `src/debug/`, over whatever debugger is attached. */
import type { GuardLevel, GuardStatus } from '../../core/live/guard';
import type { LiveDetail, LiveScope } from '../../core/live/tensor';

/** A stopped frame, as the debugger numbers it; no longer valid once the program goes on. */
export interface FrameRef {
  readonly frameId: number;
}

/** One `evaluate` of the Debug Adapter Protocol; `result` as the adapter gives it. */
export type Evaluate = (request: {
  readonly expression: string;
  /** Null: no frame, as of a program that runs. Debugpy then evaluates globally and gives no result. */
  readonly frameId: number | null;
  readonly context: 'clipboard' | 'hover';
}) => Promise<{ readonly result: string; readonly type: string | null }>;

/** What a debug adapter is asked for the readers. */
export interface Adapter {
  readonly evaluate: Evaluate;
  /** Names of the variables that the frame sees, globals left out. @throws NanoscopeError `debugger` */
  readonly names: (frame: FrameRef) => Promise<readonly string[]>;
}

export interface ReadOptions {
  /** Time that one reading may take inside the program, milliseconds. */
  readonly budgetMs: number;
}

export interface TensorReader {
  /**
   * Every tensor that can be reached from a frame; `null` where the program has loaded no library with tensors, which
   * costs one small request.
   * @throws NanoscopeError `debugger`: the adapter refused, or the frame cannot be read
   */
  scope(frame: FrameRef, options: ReadOptions): Promise<LiveScope | null>;
  /**
   * One tensor close up; `null` where the expression gives none.
   * @param index coordinates on the axes before the last two, for the values shown
   * @throws NanoscopeError `debugger`
   */
  detail(
    frame: FrameRef,
    expression: string,
    options: ReadOptions & { readonly index?: readonly number[] },
  ): Promise<LiveDetail | null>;
}

export interface GuardOptions {
  /**
   * `modules`: calls of `torch.nn.Module` in every thread, a few percent slower. `ops`: every operation as well, in the
   * thread that armed and in every thread while a module runs in it; names the operation, and may double the time.
   */
  readonly level: GuardLevel;
  /** Disarm at the first hit. */
  readonly once: boolean;
  /** Stop the program at a hit, on the line of its own code that led there; else only tell it in the status. */
  readonly stop: boolean;
}

/**
 * Stops a program where its first NaN begins. Works in the process of the frame; without one (`null`) in the process of
 * the session while it runs, blindly: it gives no status then, and adapters other than debugpy may refuse.
 */
export interface NanGuard {
  /**
   * Arms at once, or as soon as the program has imported torch (`waiting`). Arming again replaces options and hits.
   * @throws NanoscopeError `debugger`
   */
  arm(frame: FrameRef | null, options: GuardOptions): Promise<GuardStatus | null>;
  /** Nothing of the guard is left in the program. @throws NanoscopeError `debugger` */
  disarm(frame: FrameRef | null): Promise<void>;
  /** `null` where the helper was never put into this process. @throws NanoscopeError `debugger` */
  status(frame: FrameRef): Promise<GuardStatus | null>;
}

export interface RecordOptions {
  /** Of the trace that the program writes, made anew; a path on the program's machine. */
  readonly file: string;
  /**
   * See softmax and attention calls and their lines. Torch's own transformer layers leave their fused fast path while
   * this is on.
   */
  readonly functions: boolean;
}

/** Records what goes in and out of the modules of a running program, as `core/trace/moduleTrace` describes it. */
export interface ModuleRecorder {
  /**
   * At once, or as soon as the program has imported torch.
   * @param frame null as for `NanGuard`
   * @throws NanoscopeError `debugger`
   */
  start(frame: FrameRef | null, options: RecordOptions): Promise<void>;
  /** @throws NanoscopeError `debugger` */
  stop(frame: FrameRef | null): Promise<void>;
}
