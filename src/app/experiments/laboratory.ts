/** What experiments run with: the engine, and reports that several of them read. */
import type { Comparison } from '../../core/compare/types';
import type { Variation } from '../../core/compare/variations';
import type { Check, Explanation } from '../../core/experiments/types';
import type { LengthSpec } from '../../core/batch/types';
import type { Report } from '../../core/report';
import { compare } from '../compare/compare';
import { diagnose } from '../diagnose';
import type { EngineJob } from '../ports';
import type { DiagnoseDeps, Progress } from '../useCases';

export interface LaboratoryOptions {
  /** Of the built-in model; 61, as the one that was investigated, unless somebody is in a hurry. */
  readonly layers: number;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal | undefined;
}

/** What an experiment finds; the rest of its result is told by its name. */
export interface Found {
  readonly checks: readonly Check[];
  readonly explanation?: Explanation;
  readonly standIns?: readonly string[];
  readonly comparison?: Comparison;
}

export type Experiment = (laboratory: Laboratory) => Promise<Found>;

/** The batch of the investigation: 5 and 35 tokens, padded at the left. */
const investigated: LengthSpec = { lengths: [5, 35], pad: 'left', seed: 1 };

export class Laboratory {
  private readonly reports = new Map<string, Promise<Report>>();

  constructor(
    private readonly deps: DiagnoseDeps,
    private readonly options: LaboratoryOptions,
  ) {}

  get layers(): number {
    return this.options.layers;
  }

  /** The layers that the investigation shows, as far as the model has them. */
  get shownLayers(): readonly number[] {
    return [1, 15, 33].filter((layer) => layer < this.layers);
  }

  /** `builtin:kimi-k2-mini` with heads and experts for up to eight ranks. */
  kimi(options = ''): string {
    return `builtin:kimi-k2-mini?layers=${String(this.layers)}&heads=8${options === '' ? '' : `&${options}`}`;
  }

  /** The diagnosis of a model on the investigated batch; made once. */
  report(model: string, fixes = false): Promise<Report> {
    const key = `${model} ${String(fixes)}`;
    const known = this.reports.get(key);
    if (known) return known;
    const { signal } = this.options;
    const request = { model, lengths: investigated, userLevel: 'all', fixes } as const;
    const made = diagnose(this.deps, request, this.events, signal);
    this.reports.set(key, made);
    return made;
  }

  compare(
    models: readonly string[],
    variations: readonly Variation[],
    lengths: LengthSpec = investigated,
  ): Promise<Comparison> {
    const base = { lengths, userLevel: 'all' } as const;
    return compare(this.deps, { models, base, variations }, this.events, this.options.signal);
  }

  /** One engine process, gone when `use` is done. */
  async withEngine<T>(use: (job: EngineJob) => Promise<T>): Promise<T> {
    const job = this.deps.engine.start(this.options.signal);
    try {
      return await use(job);
    } finally {
      await job.close();
    }
  }

  progress(text: string, fraction: number | null): void {
    this.options.onProgress?.({ text, fraction });
  }

  private get events(): { readonly onProgress: (progress: Progress) => void } {
    return { onProgress: (progress) => this.options.onProgress?.(progress) };
  }
}
