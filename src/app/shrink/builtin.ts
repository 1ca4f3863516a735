/** Smaller options of a built-in model. */
import { builtinModels, parseBuiltin } from '../../core/models/index';
import { smallest } from '../../core/shrink/fewer';

/** Tried in this order: what takes most away first. */
const counted = ['layers', 'heads', 'kvHeads', 'experts', 'hidden'];

/** Sizes that are worth a run, small ones first, the present one last. */
function sizes(now: number, name: string): number[] {
  const step = name === 'hidden' ? 16 : 1;
  const found = new Set<number>();
  for (let size = step; size < now; size *= 2) found.add(size);
  return [...found, now];
}

/** @param holds whether a model still shows what is to be seen; a combination that cannot be is false */
export async function smallerOptions(uri: string, holds: (uri: string) => Promise<boolean>): Promise<string> {
  let best = parseBuiltin(uri);
  const known = builtinModels.find(({ id }) => id === best.id)?.options ?? [];
  for (const name of counted) {
    const now = best.options[name];
    if (typeof now !== 'number' || !known.some((option) => option.name === name)) continue;
    const withSize = (size: number): string => {
      const options = { ...best.options, [name]: size };
      const query = Object.entries(options).map(([key, value]) => `${key}=${String(value)}`);
      return `builtin:${best.id}?${query.join('&')}`;
    };
    const size = await smallest(sizes(now, name), async (candidate) => {
      try {
        parseBuiltin(withSize(candidate));
      } catch {
        return false;
      }
      return holds(withSize(candidate));
    });
    if (size !== null && size !== now) best = parseBuiltin(withSize(size));
  }
  return best.uri;
}
