/**
 * Bundles a TypeScript entry into one JavaScript expression that gives its exports: what runs inside a debugged program
 * travels as text. Used by the bundler and by the test runner, for imports that end in `?expression`.
 */
import path from 'node:path';
import * as esbuild from 'esbuild';
import { root } from './root.mjs';

/** @param {string} file @returns {Promise<{ text: string; inputs: readonly string[] }>} */
export async function expressionOf(file) {
  const built = await esbuild.build({
    entryPoints: [file],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'it',
    minify: true,
    charset: 'ascii',
    // Programs that are debugged may run in an older engine than ours.
    target: 'es2020',
    legalComments: 'none',
    metafile: true,
  });
  const code = built.outputFiles[0]?.text.trim() ?? '';
  const text = /^(?:"use strict";)?var it=([^]*);$/.exec(code)?.[1];
  if (text === undefined) throw new Error(`${file} did not become an expression.`);
  return { text, inputs: Object.keys(built.metafile.inputs) };
}

const suffix = '?expression';

/** @type {esbuild.Plugin} */
export const expressions = {
  name: 'expressions',
  setup(build) {
    build.onResolve({ filter: /\?expression$/ }, (args) => ({
      // Relative: the bundle's comments name it, and no folder of the building machine belongs there.
      path: path.relative(root, path.resolve(args.resolveDir, args.path.slice(0, -suffix.length))),
      namespace: 'expression',
    }));
    build.onLoad({ filter: /.*/, namespace: 'expression' }, async (args) => {
      const { text, inputs } = await expressionOf(path.resolve(root, args.path));
      return { contents: text, loader: 'text', watchFiles: inputs.map((input) => path.resolve(input)) };
    });
  },
};
