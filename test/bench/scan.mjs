/**
 * How fast stored results are scanned, and in how much memory: `npm run build && node test/bench/scan.mjs`.
 *
 * Sparse files of 1 GB (they take no disk), one of 256 MB that is all NaN, and archives; each in a process of its own.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { zipSync } from 'fflate';
import { root } from '../../scripts/lib/root.mjs';

const folder = mkdtempSync(path.join(os.tmpdir(), 'nanoscope-bench-'));
const rows = 1024;

/**
 * @param {string} descr
 * @param {number} width
 * @param {number} bytes of data
 */
function header(descr, width, bytes) {
  const shape = `(${rows}, ${bytes / width / rows})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117) + '\n';
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from('NUMPY'),
    Buffer.from([1, 0, text.length, 0]),
    Buffer.from(text),
  ]);
}

/**
 * @param {string} name
 * @param {Buffer} head
 * @param {number} bytes
 */
function sparse(name, head, bytes) {
  const file = openSync(path.join(folder, name), 'w');
  writeSync(file, head);
  ftruncateSync(file, head.length + bytes);
  closeSync(file);
}

// In the process that is measured, at its end. Not `maxRSS`, which a child inherits from whoever started it.
const probe = path.join(folder, 'probe.cjs');
writeFileSync(
  probe,
  `process.on('exit', () => {
    const fs = require('node:fs');
    const { userCPUTime, systemCPUTime } = process.resourceUsage();
    const peak = Number(/VmHWM:\\s*(\\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
    fs.writeFileSync(process.env.PROBE_OUT, JSON.stringify({ peak, userCPUTime, systemCPUTime }));
  });`,
);

/** @param {string} name */
function measured(name) {
  const out = path.join(folder, 'probe.json');
  const start = performance.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--require', probe, path.join(root, 'dist/cli.js'), 'scan', path.join(folder, name), '--json'],
    { encoding: 'utf8', env: { ...process.env, PROBE_OUT: out }, maxBuffer: 1 << 28 },
  );
  if (status !== 0 && status !== 1) throw new Error(`${name}: ${String(status)} ${stderr}`);
  /** @type {{ peak: number, userCPUTime: number, systemCPUTime: number }} */
  const usage = JSON.parse(readFileSync(out, 'utf8'));
  return {
    seconds: (performance.now() - start) / 1000,
    processor: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    memory: usage.peak * 1024,
  };
}

let failed = false;
try {
  const gigabyte = 1 << 30;
  const small = header('<f4', 4, 4 * rows);
  sparse('empty.npy', small, 4 * rows);
  for (const [name, descr, width] of /** @type {const} */ ([
    ['float16.npy', '<f2', 2],
    ['float32.npy', '<f4', 4],
    ['float64.npy', '<f8', 8],
    ['big-endian.npy', '>f4', 4],
  ]))
    sparse(name, header(descr, width, gigabyte), gigabyte);
  const json = JSON.stringify({
    w: { dtype: 'BF16', shape: [rows, gigabyte / 2 / rows], data_offsets: [0, gigabyte] },
  });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  sparse('bfloat16.safetensors', Buffer.concat([length, Buffer.from(json)]), gigabyte);
  const quarter = gigabyte / 4;
  const nan = new Uint8Array(header('<f4', 4, quarter).length + quarter).fill(0xff);
  nan.set(header('<f4', 4, quarter));
  writeFileSync(path.join(folder, 'all-nan.npy'), nan);
  writeFileSync(path.join(folder, 'stored.npz'), zipSync({ 'x.npy': nan }, { level: 0 }));
  const noise = new Uint8Array(header('<u1', 1, quarter).length + quarter);
  for (let at = 0, state = 1; at < noise.length; at++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    noise[at] = (state >> 16) & 0x3f;
  }
  noise.set(header('<f4', 4, quarter));
  writeFileSync(path.join(folder, 'deflated.npz'), zipSync({ 'x.npy': noise }, { level: 1 }));

  const base = measured('empty.npy');
  console.log(`a file of 4 kB: ${base.seconds.toFixed(1)} s, ${(base.memory / 1e6).toFixed(0)} MB`);
  for (const [name, bytes] of /** @type {const} */ ([
    ['float16.npy', gigabyte],
    ['float32.npy', gigabyte],
    ['float64.npy', gigabyte],
    ['big-endian.npy', gigabyte],
    ['bfloat16.safetensors', gigabyte],
    ['all-nan.npy', quarter],
    ['stored.npz', quarter],
    ['deflated.npz', quarter],
  ])) {
    const { seconds, processor, memory } = measured(name);
    const more = (memory - base.memory) / bytes;
    const rate = bytes / 1e6 / (processor - base.processor);
    if (more > 0.25) failed = true;
    console.log(
      `${name.padEnd(22)} ${rate.toFixed(0).padStart(5)} MB per second of processor time, ${seconds.toFixed(1)} s; ` +
        `${((memory - base.memory) / 1e6).toFixed(0)} MB more than for 4 kB, ${more.toFixed(3)} of its size (limit 0.25)`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
