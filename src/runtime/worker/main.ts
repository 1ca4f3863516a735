/**
 * The engine's child process: bundled as `dist/worker.js`, forked once per job by `runtime/client`, and the only
 * program that loads onnxruntime-node. It holds no state worth saving and may be killed at any moment.
 */
import { isMainThread } from 'node:worker_threads';
import { serve } from './serve';
import { startWatchdog, watch } from './watchdog';

if (isMainThread) {
  // Also set by the client; before the library is loaded, whoever starts this.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const bundle = process.argv[1];
  if (bundle) startWatchdog(bundle);
  serve();
} else {
  watch();
}
