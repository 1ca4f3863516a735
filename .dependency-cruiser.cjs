/**
 * The import directions of ARCHITECTURE.md, as rules:
 *
 *   vscode, cli → app → core      runtime, debug → app (its ports), core, protocol
 *   webview → protocol → types of core      the two composition roots → anything
 *   app/render (a report in words) is shared by cli, vscode and webview
 *
 * `test/unit/house/imports.test.ts` proves that each rule catches a violation.
 */
const roots = '^src/(extension|cli/main)\\.ts$';

/** Files of core that hold nothing but words, types and small tables of them. */
const words = '^src/core/(errors|report|tensor|live/guard)\\.ts$';

/** Pure functions from a report or a tensor to words and rows: terminal, markdown, hover and page must say the same. */
const sharedWording = [
  '^src/app/render/',
  '^src/core/trace/(ranges|verdict)\\.ts$',
  '^src/core/compare/sameness\\.ts$',
  '^src/core/live/tensor\\.ts$',
];

/** What a folder may import of our own; `also` are packages or built-in modules. */
const folder = (name, from, { own, also = [], why }) => ({
  name,
  severity: 'error',
  comment: why,
  from: { path: from, pathNot: roots },
  to: { pathNot: [...own, ...also.map((one) => `(^|node_modules/)${one}(/|$)`)] },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    folder('core-is-pure', '^src/core/', {
      own: ['^src/core/'],
      also: ['onnx-buf', '@bufbuild/protobuf', 'fflate', '@petamoriken/float16', 'zod'],
      why: 'core runs without an editor, a process or a file: only itself and libraries that are pure too.',
    }),
    folder('app-knows-core', '^src/app/', {
      // The manifest, for the version that is written into patched files.
      own: ['^src/(app|core)/', '^package\\.json$'],
      also: ['onnx-buf', '@bufbuild/protobuf', 'zod', 'picocolors'],
      why: 'Use cases reach the world through ports; Node, VS Code and the engine are behind them.',
    }),
    folder('protocol-knows-types-of-core', '^src/protocol/', {
      own: ['^src/(protocol|core)/'],
      also: ['zod'],
      why: 'Messages are validated data; both sides import them, the webview included.',
    }),
    {
      name: 'protocol-imports-no-code-of-core',
      severity: 'error',
      comment: 'A page must not grow by the engine: from core only types, and files that hold nothing but words.',
      from: { path: '^src/protocol/' },
      to: { path: '^src/core/', pathNot: words, dependencyTypesNot: ['type-only'] },
    },
    folder('runtime-implements-ports', '^src/runtime/', {
      own: ['^src/(runtime|app|core|protocol)/'],
      also: [
        'onnx-buf',
        '@bufbuild/protobuf',
        'onnxruntime-node',
        'onnxruntime-common',
        'write-file-atomic',
        'web-tree-sitter',
        'zod',
        '(node:)?(assert|buffer|child_process|crypto|events|fs|fs/promises|os|path|process|readline|stream|timers|url|util|v8|worker_threads)',
      ],
      why: 'runtime implements ports of app, for Node; no editor, no face, no network.',
    }),
    folder('debug-implements-ports', '^src/debug/', {
      own: ['^src/(debug|app|core|protocol)/'],
      also: ['zod', '(node:)?(buffer|crypto|path|zlib|timers|util)'],
      why: 'debug speaks the protocol of debuggers and knows no editor.',
    }),
    folder('vscode-is-a-face', '^src/vscode/', {
      own: ['^src/(vscode|app|core|protocol)/'],
      also: ['(@types/)?vscode', 'zod', '(node:)?(buffer|crypto|path|timers|util|url)'],
      why: 'The editor face talks to use cases; runtime and debug reach it through the composition root.',
    }),
    folder('cli-is-a-face', '^src/cli/', {
      own: ['^src/(cli|app|core)/'],
      also: [
        'commander',
        'picocolors',
        'zod',
        '(node:)?(fs|path|process|os|url|util|tty|readline|events|stream|timers)',
      ],
      why: 'The terminal face talks to use cases; runtime reaches it through the composition root.',
    }),
    folder('webview-imports-protocol', '^webview/', {
      own: ['^webview/', '^src/protocol/', '^src/core/', ...sharedWording],
      also: [
        'lit',
        'lit-html',
        '@lit',
        '@vscode/webview-ui-toolkit',
        '@microsoft/fast-[a-z]+',
        'zod',
        '@dagrejs/dagre',
      ],
      why: 'Pages know the messages and nothing else of the host.',
    }),
    {
      name: 'webview-imports-no-code-of-core',
      severity: 'error',
      comment: 'From core only types, and the wording that terminal and page share.',
      from: { path: '^webview/' },
      to: { path: '^src/core/', pathNot: [words, ...sharedWording], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'engine-in-the-child-only',
      severity: 'error',
      comment: 'ONNX Runtime is loaded only in the child process: a crash there costs one job, not the editor.',
      from: { path: '^(src|webview)/', pathNot: '^src/runtime/worker/' },
      to: { path: '(^|node_modules/)onnxruntime-(node|common|web)(/|$)' },
    },
    {
      name: 'vscode-in-its-folder-only',
      severity: 'error',
      comment: 'Only the editor face and its composition root know VS Code.',
      from: { path: '^(src|webview)/', pathNot: '^src/(vscode/|extension\\.ts$)' },
      to: { path: '(^|node_modules/(@types/)?)vscode(/|$)' },
    },
    {
      name: 'nobody-imports-a-root',
      severity: 'error',
      comment: 'Composition roots build and connect; nothing builds on them.',
      from: { path: '^(src|webview)/' },
      to: { path: [roots, '^src/runtime/worker/main\\.ts$'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Files that need each other are one file or hide a third; types may refer to each other.',
      from: { path: '^(src|webview)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      comment: 'An import that leads nowhere.',
      from: { path: '^(src|webview)/' },
      to: { couldNotResolve: true, pathNot: '^vscode$' },
    },
    {
      name: 'no-tests-in-product',
      severity: 'error',
      comment: 'Product code does not lean on tests or scripts.',
      from: { path: '^(src|webview)/' },
      to: { path: '^(test|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Types count too: a type of the wrong folder is a wrong direction.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
