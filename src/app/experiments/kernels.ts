/** What each attention kernel of the engine gives, measured on five tokens of which two are padding. */
import { kernelFeeds, projections, type NaNPlace } from '../../core/experiments/kernels/batch';
import { kernelModel, type Kernel } from '../../core/experiments/kernels/model';
import { maskedRowsAre, realRowsAre } from '../../core/experiments/kernels/truth';
import { measuring, withSession } from '../measure/sessions';
import type { EngineJob } from '../ports';

export interface KernelOutcome {
  /** What a row without any key comes out as. */
  readonly masked: string;
  /** What real tokens come out as, by where the masked slots hold NaN; null where a kernel cannot be asked so. */
  readonly real: Readonly<Record<NaNPlace | 'none', string | null>>;
}

/** @throws NanoscopeError where the engine has no such kernel */
export async function kernelOutcome(job: EngineJob, kernel: Kernel): Promise<KernelOutcome> {
  const clean = projections(null);
  return withSession(job, kernelModel(kernel), measuring({ externalDataFolder: undefined }), async (session) => {
    const known = new Set(session.inputs.map(({ name }) => name));
    const outputOf = async (nan: NaNPlace | null): Promise<number[]> => {
      const feeds = Object.entries(kernelFeeds(projections(nan))).filter(([name]) => known.has(name));
      const { tensors } = await job.run({ session: session.id, feeds: Object.fromEntries(feeds), fetch: ['y'] });
      return Array.from(tensors.y?.data ?? [], Number);
    };
    const none = await outputOf(null);
    const real = async (nan: NaNPlace): Promise<string> => realRowsAre(await outputOf(nan), clean);
    return {
      masked: maskedRowsAre(none, clean),
      real: {
        none: realRowsAre(none, clean),
        keys: kernel.oneInput ? null : await real('keys'),
        values: kernel.oneInput ? null : await real('values'),
        both: await real('both'),
      },
    };
  });
}
