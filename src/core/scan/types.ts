/**
 * What is found in stored files. Versioned like the report: fields are added, never changed. Positions are counted as
 * there (0-based, inclusive ranges).
 */
import type { ErrorPayload } from '../errors';
import type { JsonNumber } from '../report';
import type { ElementType } from './elements';

/** A tensor as the header of a file promises it. */
export interface TensorEntry {
  /** null: the only array of its file, which has no name. */
  readonly name: string | null;
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** The axis that runs fastest: the last (`C`, row-major) or the first (`F`). */
  readonly order: 'C' | 'F';
  readonly bigEndian: boolean;
  readonly elements: number;
  readonly bytes: number;
}

/** Which indices of an axis hold something. */
export interface Places {
  readonly count: number;
  /** `"0-3,7"`; the first ones where there are too many ranges. */
  readonly at: string;
  /** Not all are in `at`. */
  readonly cut?: true;
}

export interface AxisPlaces {
  readonly kind: 'axis';
  /** `first`: nobody said what the axes are, and this is the first one. */
  readonly axis: 'first' | 'batch' | 'position';
  readonly of: number;
  readonly nan: Places;
  readonly inf: Places;
}

export interface SamplePlaces {
  readonly sample: number;
  /** Positions of this sample that hold NaN, and those that hold an infinity. */
  readonly nan: Places;
  readonly inf: Places;
  /** Where a mask told padding from real tokens: positions, and those of them that hold NaN. */
  readonly pad?: { readonly of: number; readonly nan: number };
  readonly real?: { readonly of: number; readonly nan: number };
}

export interface GridPlaces {
  readonly kind: 'samples';
  readonly samples: number;
  readonly positions: number;
  /** Samples with NaN, and with infinities. */
  readonly nan: Places;
  readonly inf: Places;
  /** The mask that told padding from real tokens. */
  readonly mask: string | null;
  /** Samples with NaN or infinities, ascending; the first ones where there are many. */
  readonly list: readonly SamplePlaces[];
  readonly leftOut: number;
}

export interface ScannedTensor {
  readonly name: string | null;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly elements: number;
  /** `counted`; `none-possible`: whole numbers, flags, text, which are not read; `failed`: see `error`. */
  readonly state: 'counted' | 'none-possible' | 'failed';
  /** Elements; a complex one counts once, NaN before +Inf before −Inf. */
  readonly nan: number;
  readonly posInf: number;
  readonly negInf: number;
  /** Of the finite elements; null where there is none, and for complex numbers, which have no order. */
  readonly min: JsonNumber | null;
  readonly max: JsonNumber | null;
  /** What each axis is, where the person said so. */
  readonly axes: readonly string[] | null;
  /** null for a scalar, and where the axes have more places than are kept. */
  readonly where: AxisPlaces | GridPlaces | null;
  readonly error?: ErrorPayload;
}

export const storedFormats = ['npy', 'npz', 'safetensors'] as const;
export type StoredFormat = (typeof storedFormats)[number];

export interface ScannedFile {
  readonly file: string;
  /** null: it could not be told. */
  readonly format: StoredFormat | null;
  readonly bytes: number;
  readonly tensors: readonly ScannedTensor[];
  /** Whole sentences on what was not done, such as a mask that is not there. */
  readonly notes: readonly string[];
  /** Why the file could not be read. */
  readonly error?: ErrorPayload;
}

export interface ScanResult {
  readonly schemaVersion: 1;
  readonly kind: 'scan';
  readonly verdict: string;
  readonly totals: {
    readonly files: number;
    readonly filesWithNaN: number;
    readonly filesWithInf: number;
    readonly filesFailed: number;
    readonly tensors: number;
    readonly tensorsWithNaN: number;
    /** Counted ones. */
    readonly elements: number;
    readonly nan: number;
    readonly posInf: number;
    readonly negInf: number;
    readonly bytes: number;
  };
  readonly files: readonly ScannedFile[];
  /** Files of folders that are pickles by their name, which are never opened. */
  readonly notRead: readonly string[];
}
