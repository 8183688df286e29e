// An agent for a project on a market that runs: node run-agent.ts settings.yaml
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { readConfig } from '../../common/config/read-config.ts';
import type { Job, JobQueue } from '../../market/agents/agent.ts';
import { createComplianceAgent } from '../../market/agents/compliance.ts';
import { createHpcAgent } from '../../market/agents/hpc.ts';
import { createMarketClient } from '../../market/client.ts';

const common = {
	market: z.url(),
	ca: z.string().optional(),
	username: z.string(),
	/** A file whose first line is the password. */
	password: z.string(),
	project: z.string(),
	/** The project's own servers. */
	servers: z.array(z.string()),
	/** Servers in one offer; microcredits for a second of a server: asked for at least, and bid at most. */
	block: z.int().min(1),
	floor: z.int().min(1),
	worth: z.int().min(1),
	/** Seconds after which servers that are recalled are back, and between two looks. */
	notice: z.int().min(0),
	every: z.int().min(1),
};
const settingsSchema = z.discriminatedUnion('agent', [
	z.strictObject({ agent: z.literal('hpc'), ...common, most: z.int() }),
	/** `jobs`: a file that the project's scheduler writes, read at each look. */
	z.strictObject({
		agent: z.literal('compliance'),
		...common,
		attestations: z.array(z.string()),
		jobs: z.string(),
	}),
]);
const job = z.strictObject({
	id: z.string(),
	servers: z.int().min(1),
	length: z.int().min(1),
	earliest: z.int(),
	latest: z.int(),
});

const [file = 'settings.yaml'] = process.argv.slice(2);
const settings = readConfig({ file, schema: settingsSchema });
const [password = ''] = readFileSync(settings.password, 'utf8').split('\n');
const ca = settings.ca && readFileSync(settings.ca, 'utf8');
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
process.once('SIGTERM', () => stop.abort());
const client = createMarketClient({
	url: settings.market,
	username: settings.username,
	password,
	ca,
	signal: stop.signal,
});

const told = { ...settings, isPriced: true };
const agent =
	told.agent === 'hpc'
		? createHpcAgent(client, told)
		: createComplianceAgent(client, {
				...told,
				attestations: [...told.attestations],
				queue: queueOf(told.jobs),
			});

while (!stop.signal.aborted) {
	const now = Math.floor(Date.now() / 1000);
	try {
		await agent.act(now);
		process.stdout.write(`${new Date().toISOString()} ${agent.busy(now)} servers at work\n`);
	} catch (fault) {
		// A market that is away comes back; what it refused is said, and the next look starts from what is.
		if (!stop.signal.aborted) process.stderr.write(`${fault instanceof Error ? fault.message : fault}\n`);
	}
	await setTimeout(settings.every * 1000, undefined, { signal: stop.signal }).catch(() => undefined);
}
await client.close();

/** Jobs from a file with an array of them; says on standard output when one begins or is given up. */
function queueOf(path: string): JobQueue {
	const done = new Set<string>();
	const end = (what: string) => (of: Job) => {
		done.add(of.id);
		process.stdout.write(`${what} ${of.id}\n`);
	};
	return {
		waiting: () =>
			z
				.array(job)
				.parse(JSON.parse(readFileSync(path, 'utf8')))
				.filter(({ id }) => !done.has(id)),
		begin: end('begin'),
		giveUp: end('give up'),
	};
}
