import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Globals of Node that the pure folders must not touch; imports are held by dependency-cruiser. */
const impure = ['process', 'Buffer', 'require', 'module', '__dirname', '__filename', 'setImmediate', 'fetch'];
const pureFolders = ['src/core/**', 'src/protocol/**'];

export default defineConfig(
  globalIgnores([
    'dist/',
    '.cache/',
    'test-results/',
    'test/fixtures/imports/',
    'test/dap/programs/',
    '**/*.cjs',
    '**/*.d.mts',
  ]),
  {
    files: ['**/*.ts', '**/*.mts', '**/*.mjs'],
    extends: [js.configs.recommended, tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.json', './webview/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: {
      // A rule that is wrong is changed here, for everybody, and never switched off in one place.
      noInlineConfig: true,
    },
    rules: {
      eqeqeq: 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-new-func': 'error',
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // `env['PATH']` and `env.PATH` are the same; the first shows that the key is data.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // Numbers on the wire are any number; checks compare them with the enum's names.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // A literal beside `string` says which values mean something.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      // An alias fits an index signature, an interface does not.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // Loops over millions of elements are written by index, on purpose.
      '@typescript-eslint/prefer-for-of': 'off',
      // `x === undefined || x.y` says what it means.
      '@typescript-eslint/prefer-optional-chain': 'off',
      // `for (;;)` and `while (true)` are the honest form of a loop that ends inside.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // Typed arrays and protobuf fields are compared with undefined under noUncheckedIndexedAccess.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: pureFolders,
    rules: {
      'no-restricted-globals': [
        'error',
        ...impure.map((name) => ({ name, message: 'This folder is pure: ask for it through a port of src/app.' })),
      ],
      'no-console': 'error',
    },
  },
  {
    // Only the CLI and scripts own a terminal; the editor has its log channel.
    files: ['src/app/**', 'src/vscode/**', 'src/runtime/**', 'src/extension.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    // Plain scripts: what TypeScript cannot know there (JSON, process output) is checked where it matters.
    files: ['**/*.mjs'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', fetch: 'readonly', URL: 'readonly' } },
    rules: {
      'no-undef': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
    },
  },
  {
    files: ['test/**'],
    rules: {
      // `expect(x).rejects…` and the like are awaited by vitest; a test may assert on what it just made.
      '@typescript-eslint/no-non-null-assertion': 'off',
      'max-lines': 'off',
    },
  },
);
