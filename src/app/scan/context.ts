/** What every step of a scan is told. */
import { NanoscopeError } from '../../core/errors';
import type { AxesRule } from '../../core/scan/axes';

export interface MaskAsked {
  readonly name: string;
  /** 1 or true means padding. */
  readonly inverted: boolean;
}

export interface ScanContext {
  readonly rules: readonly AxesRule[];
  readonly mask: MaskAsked | null;
  readonly signal: AbortSignal;
  /** So many bytes more were read from disk. */
  readonly onBytes: (bytes: number) => void;
}

/** @throws NanoscopeError `cancelled` */
export function goOn(signal: AbortSignal): void {
  if (signal.aborted)
    throw new NanoscopeError('cancelled', 'The scan was cancelled.', 'Start it again; nothing was changed.');
}
