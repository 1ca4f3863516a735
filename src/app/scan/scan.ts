/** Which stored results are corrupt: NaN and infinities in files of arrays, file by file and tensor by tensor. */
import { NanoscopeError } from '../../core/errors';
import type { AxesRule } from '../../core/scan/axes';
import type { ScannedFile, ScannedTensor, ScanResult } from '../../core/scan/types';
import { hasFailed, hasInf, hasNaN, scanVerdict } from '../../core/scan/verdict';
import type { FileAccess, Progress } from '../useCases';
import { goOn, type MaskAsked } from './context';
import { findStored, type FoundFiles } from './find';
import { scanFile } from './scanFile';

export interface ScanRequest {
  /** Files and folders, absolute. */
  readonly paths: readonly string[];
  readonly axes: readonly AxesRule[];
  readonly mask: MaskAsked | null;
  /** How a file is called in the result. */
  readonly name: (path: string) => string;
}

export interface ScanEvents {
  readonly onProgress?: (progress: Progress) => void;
}

type Files = Pick<FileAccess, 'open' | 'list' | 'exists' | 'realPath' | 'join' | 'basename'>;

/** @throws NanoscopeError for a path that is not there, where there is nothing to scan, and when cancelled */
export async function scan(
  files: Files,
  { paths, axes, mask, name }: ScanRequest,
  events: ScanEvents,
  signal: AbortSignal,
): Promise<ScanResult> {
  const found = await findStored(files, paths, signal);
  requireSome(found);
  const progress = new ByteProgress(events, await sizesOf(files, found.files, signal));
  const results: ScannedFile[] = found.failed.map(({ path, error }) => failedFolder(name(path), error));
  for (const path of found.files) {
    goOn(signal);
    progress.begin(path, name(path));
    const onBytes = (bytes: number): void => {
      progress.add(bytes);
    };
    results.push(await scanFile(files, path, name(path), { rules: axes, mask, signal, onBytes }));
  }
  return {
    schemaVersion: 1,
    kind: 'scan',
    verdict: scanVerdict(results, found.pickles.length),
    totals: totalsOf(results),
    files: results,
    notRead: found.pickles.map(name),
  };
}

function requireSome({ files, pickles, failed }: FoundFiles): void {
  if (files.length + failed.length > 0) return;
  throw new NanoscopeError(
    'bad-input',
    `There is no .npy, .npz or .safetensors file${pickles.length === 0 ? '' : `, only pickles (${String(pickles.length)}), which are code and are not opened`}.`,
    pickles.length === 0
      ? 'Name a folder that holds some, or the files themselves.'
      : 'Convert them where you trust them: safetensors.torch.save_file(torch.load(FILE, weights_only=True), "FILE.safetensors").',
  );
}

const failedFolder = (file: string, error: NonNullable<ScannedFile['error']>): ScannedFile => ({
  file,
  format: null,
  bytes: 0,
  tensors: [],
  notes: [],
  error,
});

async function sizesOf(
  files: Files,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const path of paths) {
    goOn(signal);
    try {
      const file = await files.open(path);
      sizes.set(path, file.size);
      await file.close();
    } catch {
      // Whoever scans it says why.
    }
  }
  return sizes;
}

/** Told at most some hundred times, however many pieces a file is read in. */
class ByteProgress {
  private readonly total: number;
  private before = 0;
  private inFile = 0;
  private size = 0;
  private told = -1;
  private text = '';

  constructor(
    private readonly events: ScanEvents,
    private readonly sizes: ReadonlyMap<string, number>,
  ) {
    this.total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  begin(path: string, name: string): void {
    this.before += this.size;
    this.size = this.sizes.get(path) ?? 0;
    this.inFile = 0;
    this.text = `Scanning ${name}`;
    this.tell();
  }

  add(bytes: number): void {
    this.inFile = Math.min(this.size, this.inFile + bytes);
    if (Math.floor(this.fraction * 200) !== this.told) this.tell();
  }

  private get fraction(): number {
    return this.total === 0 ? 0 : (this.before + this.inFile) / this.total;
  }

  private tell(): void {
    this.told = Math.floor(this.fraction * 200);
    this.events.onProgress?.({ text: this.text, fraction: this.fraction });
  }
}

function totalsOf(files: readonly ScannedFile[]): ScanResult['totals'] {
  const tensors = files.flatMap((file) => file.tensors);
  const sum = (figure: (tensor: ScannedTensor) => number): number =>
    tensors.reduce((total, tensor) => total + figure(tensor), 0);
  const filesWith = (what: (file: ScannedFile) => boolean): number => files.filter(what).length;
  return {
    files: files.length,
    filesWithNaN: filesWith(hasNaN),
    filesWithInf: filesWith(hasInf),
    filesFailed: filesWith(hasFailed),
    tensors: tensors.length,
    tensorsWithNaN: tensors.filter(({ nan }) => nan > 0).length,
    elements: sum(({ state, elements }) => (state === 'counted' ? elements : 0)),
    nan: sum(({ nan }) => nan),
    posInf: sum(({ posInf }) => posInf),
    negInf: sum(({ negInf }) => negInf),
    bytes: files.reduce((total, { bytes }) => total + bytes, 0),
  };
}
