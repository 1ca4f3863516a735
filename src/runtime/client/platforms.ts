/** Where onnxruntime-node 1.30 has binaries. */
import { NanoscopeError } from '../../core/errors';
import { engineSentence } from './engineText';

export const supportedPlatforms: readonly string[] = [
  'linux-x64',
  'linux-arm64',
  'win32-x64',
  'win32-arm64',
  'darwin-arm64',
];

/** onnxruntime-node could not be loaded. `platform` is that of the child, which another Node binary may change. */
export function engineMissing(text: string, platform = `${process.platform}-${process.arch}`): NanoscopeError {
  const list = supportedPlatforms.join(', ');
  if (!supportedPlatforms.includes(platform)) {
    return new NanoscopeError(
      'engine-missing',
      `ONNX Runtime has no build for this platform (${platform}).`,
      `Supported are: ${list}. Saved reports can be opened everywhere.`,
    );
  }
  return new NanoscopeError(
    'engine-missing',
    `ONNX Runtime could not be loaded: ${engineSentence(text)}`,
    `Install NaNoscope for this platform again (${platform}; supported are ${list}; on Linux with glibc, not musl).`,
  );
}
