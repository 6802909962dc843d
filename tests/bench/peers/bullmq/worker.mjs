// One worker process: fifty jobs at once, each of which does nothing.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { Worker } = createRequire(join(process.cwd(), 'bench.cjs'))('bullmq');
const connection = { host: '127.0.0.1', port: +process.env.PORT, maxRetriesPerRequest: null };
new Worker(process.env.QUEUE, async () => 1, { connection, concurrency: 50 });
