/**
 * What PyTorch gave for the experiments, on a CPU. Made by `test/fixtures/experiments/pytorch.py`, which a test runs
 * again and compares.
 */
import recorded from './pytorch.json';
import type { NaNPlace } from './kernels/batch';

/** `1.13` */
export const pytorchVersion = recorded.version.replace(/^(\d+\.\d+).*$/, '$1');

interface KernelRecord {
  readonly masked: string;
  readonly keys: string;
  readonly values: string;
  readonly both: string;
}
interface FixRecord {
  /** Positions with NaN that are left, per sample. */
  readonly nan: readonly number[];
  readonly real: string;
}

const kernelRecords: ReadonlyMap<string, KernelRecord> = new Map(Object.entries(recorded.kernels));
const fixRecords: ReadonlyMap<string, FixRecord> = new Map(Object.entries(recorded.fixes));
const traceRecord: ReadonlyMap<string, readonly number[]> = new Map(Object.entries(recorded.trace));
const rankRecords: readonly ReadonlyMap<string, readonly number[]>[] = recorded.sharded.map(
  (rank) => new Map(Object.entries(rank)),
);

/** What rows without a key came out as; null where PyTorch 1.13 has no such kernel. */
export const pytorchMasked = (kernel: string): string | null => kernelRecords.get(kernel)?.masked ?? null;
export const pytorchReal = (kernel: string, nan: NaNPlace): string | null => kernelRecords.get(kernel)?.[nan] ?? null;

export const pytorchFix = (id: string): FixRecord | null => fixRecords.get(id) ?? null;

/** Positions with NaN of a module's output, per sample. */
export const pytorchTrace = (module: string): readonly number[] | null => traceRecord.get(module) ?? null;

/** The same where every one of two ranks gave the same, attention sharded over them; else null. */
export function pytorchSharded(module: string): readonly number[] | null {
  const [first, ...others] = rankRecords.map((rank) => rank.get(module) ?? null);
  return first && others.every((other) => other?.join() === first.join()) ? first : null;
}
