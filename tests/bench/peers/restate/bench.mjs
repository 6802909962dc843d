// Restate, one node with its defaults, and one service process; the graph is a handler's code.
//
// Each task is a call of another service, journaled at both ends. Layers wait for whole layers.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { measure, pause, resident, say } from '../peer.mjs';

const require = createRequire(join(process.cwd(), 'bench.cjs'));
const packages = join(process.cwd(), 'node_modules/@restatedev');
const folder = mkdtempSync(join(tmpdir(), 'restate-'));
const at = { ingress: 18080, admin: 19070, node: 15122, service: 19080 };
const server = spawn(
  join(packages, 'restate-server-linux-x64/bin/restate-server'),
  ['--base-dir', folder, '--bind-address', `127.0.0.1:${at.node}`, '--node-name', 'n1'],
  {
    stdio: 'ignore',
    env: {
      ...process.env,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${at.ingress}`,
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${at.admin}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${at.node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${at.node}/`,
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LOG_FILTER: 'error',
    },
  },
);
const service = spawn(
  process.execPath,
  [fileURLToPath(new URL('service.mjs', import.meta.url))],
  { stdio: 'ignore', env: { ...process.env, PORT: at.service, NODE_ENV: 'production' } },
);

const deploy = async () => {
  const body = JSON.stringify({ uri: `http://127.0.0.1:${at.service}` });
  const headers = { 'content-type': 'application/json' };
  const address = `http://127.0.0.1:${at.admin}/deployments`;
  for (let tries = 0; tries < 120; tries++) {
    const answer = await fetch(address, { method: 'POST', headers, body }).catch(() => {});
    if (answer?.ok) return;
    await pause(250);
  }
  throw new Error('Restate does not take the service');
};

const agent = new http.Agent({ keepAlive: true, maxSockets: 512 });
const call = (handler, argument) =>
  new Promise((resolve, reject) => {
    const body = argument === undefined ? '' : JSON.stringify(argument);
    const headers = { 'content-length': Buffer.byteLength(body) };
    if (body) headers['content-type'] = 'application/json';
    const place = { host: '127.0.0.1', port: at.ingress, path: `/${handler}`, method: 'POST' };
    const request = http.request({ ...place, agent, headers }, (answer) => {
      let text = '';
      answer.on('data', (part) => (text += part));
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`${answer.statusCode} ${text.slice(0, 200)}`));
      });
    });
    request.on('error', reject);
    request.end(body);
  });

try {
  await deploy();
  const version = require('@restatedev/restate-server/package.json').version;
  say({ system: `Restate ${version}`, durability: 'RocksDB log, its defaults' });
  await measure({
    fan: (count) => call('graph/fan', count),
    chain: (count) => call('graph/chain', count),
    layers: () => call('graph/layered'),
    small: () => call('graph/small'),
    one: () => call('task/noop', 1),
  });
  say({ memory: 'restate-server', mib: resident(server.pid) });
} finally {
  service.kill();
  server.kill();
  await pause(1500);
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
}
