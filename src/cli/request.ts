/** What several commands ask alike: which model, which batch, which limits. */
import type { DiagnoseRequest } from '../app/useCases';
import type { EngineOptions } from '../app/ports';
import { isBuiltin } from '../core/models';
import type { EngineLevel } from '../core/report';
import { lengthSpec, type BatchOptions } from './arguments';
import type { Context } from './context';

export interface RequestOptions extends BatchOptions {
  readonly mask?: string | undefined;
  readonly level?: EngineLevel | undefined;
  readonly cast?: 'float32' | undefined;
  readonly expandAttention?: true | undefined;
  /** Milliseconds. */
  readonly timeout?: number | undefined;
  /** Bytes. */
  readonly memoryLimit?: number | undefined;
}

/** @throws NanoscopeError `usage` */
export function requestOf(context: Context, model: string, options: RequestOptions): DiagnoseRequest {
  return {
    model: isBuiltin(model) ? model : context.resolvePath(model),
    inputsFile: options.inputs === undefined ? undefined : context.resolvePath(options.inputs),
    lengths: lengthSpec(options),
    mask: options.mask,
    userLevel: options.level ?? 'all',
    cast: options.cast,
    expandAttention: options.expandAttention,
    fixes: false,
  };
}

export const limitsOf = ({ timeout, memoryLimit }: RequestOptions): EngineOptions => ({
  timeoutMs: timeout,
  memoryLimitBytes: memoryLimit,
});
