// BullMQ flows on Redis with an append-only file: two worker processes of 50 each.
//
// A job of a flow has one parent, so a task that several need cannot be said: layers are left out,
// and the small graph is a tree of five (a and b before c, d; c and d before e).
import { fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measure, pause, resident, say } from '../peer.mjs';

const require = createRequire(join(process.cwd(), 'bench.cjs'));
const { FlowProducer, QueueEvents } = require('bullmq');
const PORT = 16380;
const QUEUE = 'bench';
const connection = { host: '127.0.0.1', port: PORT };
const folder = mkdtempSync(join(tmpdir(), 'bullmq-'));
const redis = spawn(
  'redis-server',
  ['--port', PORT, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
    .concat(['--appendonly', 'yes', '--appendfsync', 'everysec']),
  { stdio: 'ignore' },
);
await pause(800);
const program = fileURLToPath(new URL('worker.mjs', import.meta.url));
const workers = [0, 1].map(() => fork(program, [], { env: { ...process.env, PORT, QUEUE } }));
await pause(1500);

const version = require('bullmq/package.json').version;
say({ system: `BullMQ ${version}`, durability: 'Redis, append-only file forced every second' });

const flows = new FlowProducer({ connection });
const events = new QueueEvents(QUEUE, { connection });
await events.waitUntilReady();
const waiting = new Map();
events.on('completed', ({ jobId }) => {
  waiting.get(jobId)?.();
  waiting.delete(jobId);
});

const job = (children) => ({ name: 'noop', queueName: QUEUE, data: {}, children });
let counted = 0;
const run = async (root) => {
  const jobId = `root-${++counted}`;
  const done = new Promise((resolve) => waiting.set(jobId, resolve));
  await flows.add({ ...root, opts: { jobId } });
  await done;
};
const chain = (count) => {
  let root = job();
  for (let length = 1; length < count; length++) root = job([root]);
  return run(root);
};
try {
  await measure({
    fan: (count) => run(job(Array.from({ length: count }, () => job()))),
    chain,
    small: () => run(job([job([job(), job()]), job()])),
    one: () => run(job()),
  });
  say({ memory: 'redis-server', mib: resident(redis.pid) });
} finally {
  workers.forEach((worker) => worker.kill());
  redis.kill();
  await pause(500);
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}
