/** What the faces ask of a debugged program. Implemented by `src/debug/`, over whatever debugger is attached. */
import type { LiveDetail, LiveScope } from '../../core/live/tensor';

/** A stopped frame, as the debugger numbers it; no longer valid once the program goes on. */
export interface FrameRef {
  readonly frameId: number;
}

/** One `evaluate` of the Debug Adapter Protocol; `result` as the adapter gives it. */
export type Evaluate = (request: {
  readonly expression: string;
  readonly frameId: number;
  readonly context: 'clipboard' | 'hover';
}) => Promise<{ readonly result: string; readonly type: string | null }>;

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
