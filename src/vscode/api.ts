/** What other extensions get from `activate()`. */
import type { DiagnoseRequest, Progress } from '../app/useCases';
import type { LengthSpec } from '../core/batch/types';
import type { EngineLevel, Report } from '../core/report';
import { readSetting } from './settings';
import type { Workshop } from './work';

export interface NanoscopeApi {
  /**
   * Diagnoses without a panel. Settings hold, and so does Workspace Trust.
   * @throws NanoscopeError: `code`, `message`, `hint`
   */
  diagnose(request: ApiRequest, options?: ApiOptions): Promise<Report>;
}

export interface ApiRequest {
  /** Absolute path of an `.onnx`, or `builtin:…`. */
  readonly model: string;
  /** Absolute path of a file, or of a folder of ONNX test data. */
  readonly inputsFile?: string;
  readonly lengths?: LengthSpec;
  /** `NAME` or `NAME:inverted`. */
  readonly mask?: string;
  /** Default: the setting. */
  readonly level?: EngineLevel;
  /** Default: the setting. */
  readonly fixes?: boolean;
}

export interface ApiOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Called first with the table alone. */
  readonly onReport?: (report: Report) => void;
}

export function createApi(workshop: Workshop): NanoscopeApi {
  return {
    diagnose: async ({ level, fixes, ...request }, { signal, ...events } = {}) => {
      const complete: DiagnoseRequest = {
        ...request,
        userLevel: level ?? readSetting('engine.level'),
        fixes: fixes ?? readSetting('fixes.runAutomatically'),
      };
      return workshop.diagnose(complete, events, signal);
    },
  };
}
