/** Diagnoses model files with the product's own engine, in a child process as the product does. */
import { diagnose } from '../../../src/app/diagnose';
import type { DiagnoseRequest } from '../../../src/app/useCases';
import type { Report } from '../../../src/core/report';
import { createEngine } from '../../../src/runtime/client/engine';
import { nodeFiles } from '../../../src/runtime/files/nodeFiles';
import { workerBundle } from '../../support/workerBundle';

export async function diagnoseFile(
  model: string,
  request: Partial<Omit<DiagnoseRequest, 'model'>> = {},
): Promise<Report> {
  const engine = createEngine({ workerPath: await workerBundle(), options: { timeoutMs: 60_000 } });
  return diagnose({ engine, files: nodeFiles }, { model, userLevel: 'disabled', fixes: false, ...request }, {});
}

/** `"0-2,4"` → `[0, 1, 2, 4]`. */
export function positionsIn(ranges: string): number[] {
  return ranges
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [from = 0, to = from] = range.split('-').map(Number);
      return Array.from({ length: to - from + 1 }, (_, i) => from + i);
    });
}
