import type { Check } from './types';

/** @param known how the engine is known to differ from what was investigated: then that is what it must give. */
export function check(
  what: string,
  expected: string | null,
  measured: string,
  { pytorch = null, known }: { readonly pytorch?: string | null; readonly known?: string } = {},
): Check {
  const verdict =
    expected === null ? 'measured' : measured === expected ? 'agrees' : measured === known ? 'differs' : 'disagrees';
  return { what, expected, measured, pytorch, verdict };
}
