/** What a scan found, in a sentence or two. */
import type { ScannedFile, ScannedTensor } from './types';

export const hasNaN = ({ tensors }: ScannedFile): boolean => tensors.some(({ nan }) => nan > 0);
export const tensorHasInf = ({ posInf, negInf }: ScannedTensor): boolean => posInf + negInf > 0;
export const hasInf = ({ tensors }: ScannedFile): boolean => tensors.some(tensorHasInf);
/** As a whole, or one of its tensors. */
export const hasFailed = ({ error, tensors }: ScannedFile): boolean =>
  error !== undefined || tensors.some(({ state }) => state === 'failed');

/** Every NaN of the tensor is at padding, as a mask tells it. */
export const isPadOnly = ({ nan, where }: ScannedTensor): boolean =>
  nan > 0 &&
  where?.kind === 'samples' &&
  where.mask !== null &&
  where.leftOut === 0 &&
  where.list.every(({ real }) => real?.nan === 0);

/** `2 of 5 files hold NaN: a.npz, b.npy. 1 holds infinities and no NaN: c.npy. 1 could not be read: d.npz.` */
export function scanVerdict(files: readonly ScannedFile[], pickles: number): string {
  const withNaN = files.filter(hasNaN);
  const infOnly = files.filter((file) => hasInf(file) && !hasNaN(file));
  const failed = files.filter(hasFailed);
  const unread = failed.filter(({ error }) => error !== undefined);
  const begun = failed.filter(({ error }) => error === undefined);
  const padOnly = withNaN.every(({ tensors }) => tensors.every((tensor) => tensor.nan === 0 || isPadOnly(tensor)));
  const counted = files.length - failed.length;
  const parts = [
    withNaN.length > 0
      ? `${String(withNaN.length)} of ${plural(files.length, 'file')} ${withNaN.length === 1 ? 'holds' : 'hold'} NaN${padOnly ? ', at padding only' : ''}: ${names(withNaN)}.`
      : counted > 0
        ? `No NaN in ${plural(counted, 'file')}.`
        : '',
    infOnly.length === 0
      ? ''
      : `${String(infOnly.length)} ${infOnly.length === 1 ? 'holds' : 'hold'} infinities and no NaN: ${names(infOnly)}.`,
    unread.length === 0 ? '' : `${String(unread.length)} could not be read: ${names(unread)}.`,
    begun.length === 0 ? '' : `${String(begun.length)} could not be read to the end: ${names(begun)}.`,
    pickles === 0 ? '' : `${plural(pickles, 'pickle')} ${pickles === 1 ? 'was' : 'were'} not opened.`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

const mostNames = 5;

function names(files: readonly ScannedFile[]): string {
  const shown = files.slice(0, mostNames).map(({ file }) => file);
  const rest = files.length - shown.length;
  return shown.join(', ') + (rest > 0 ? ` and ${String(rest)} more` : '');
}

export const plural = (count: number, what: string): string =>
  `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
