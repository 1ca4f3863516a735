/** A NaN that began in a running program, in words. */
import type { GuardHit } from '../../core/live/guard';

/** `softmax in layers.0.self_attn (Attention)`: where NaN began, in words. */
export function hitPlace({ op, module }: Pick<GuardHit, 'op' | 'module'>): string {
  const own = module === null ? null : moduleText(module);
  if (op === null) return own ?? 'a module';
  return own === null ? op : `${op} in ${own}`;
}

function moduleText({ path, class: kind, root }: NonNullable<GuardHit['module']>): string {
  if (path === null) return kind;
  return path === '' ? root : `${path} (${kind})`;
}
