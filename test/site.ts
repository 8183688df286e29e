import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createVisitor, type Visitor } from './visitor.ts';

/** The one line that `bimetal up --json` prints when all is up. */
const siteLine = z.looseObject({
	proxy: z.looseObject({ url: z.url(), ops: z.url() }),
	services: z.record(z.string(), z.json()),
	bmcs: z
		.array(z.looseObject({ name: z.string(), url: z.url(), prefixUrl: z.url(), direct: z.url() }))
		.min(1),
	operators: z.array(z.looseObject({ name: z.string(), party: z.string(), password: z.string() })).min(2),
	hil: z.looseObject({
		url: z.url(),
		users: z.array(z.looseObject({ name: z.string(), project: z.string().nullable(), password: z.string() })),
	}),
	provisioner: z.looseObject({
		url: z.url(),
		ops: z.url(),
		missing: z.array(z.string()),
		boots: z.boolean(),
	}),
	attest: z.looseObject({ url: z.url(), ops: z.url(), forNodes: z.url().optional() }),
	market: z.looseObject({ url: z.url(), ops: z.url() }),
	/** Path of the PEM of the site's certificate authority. */
	ca: z.string(),
	state: z.string(),
});
export type SiteLine = z.infer<typeof siteLine>;

/** `bimetal up` as a real process, as a user would start it. */
export interface Site {
	readonly line: SiteLine;
	/** PEM. */
	readonly ca: string;
	/** A client of the party's operator; `at` is a BMC's name, or absent for the proxy's main port. */
	as(party: string, at?: string): Visitor;
	/** Everything that it has written to standard error so far. */
	log(): string;
	/** Ends it by the signal, and throws unless it ended well and nothing listens any more. */
	stop(signal?: 'SIGINT' | 'SIGTERM'): Promise<void>;
}

export interface SiteOptions {
	/** Kept when given; otherwise a new folder, deleted by stop(). */
	readonly state?: string;
	readonly args?: readonly string[];
	/** Another environment than ours. */
	readonly env?: NodeJS.ProcessEnv;
	/** Who starts it: a program that goes on as the one after its own arguments. */
	readonly through?: readonly string[];
}

const launcher = fileURLToPath(new URL('../cli/bimetal.mjs', import.meta.url));

/** Starts a site on free ports. Rejects with what it wrote when it ends before it is up. */
export async function startSite(options: SiteOptions = {}): Promise<Site> {
	const state = options.state ?? (await mkdtemp(path.join(tmpdir(), 'bimetal-site-')));
	const { child, log } = launch(
		['up', '--json', '--port', '0', '--state', state, ...(options.args ?? [])],
		options,
	);
	const visitors: Visitor[] = [];
	const text = await Promise.race([
		once(createInterface(child.stdout), 'line').then(([line]) => String(line)),
		once(child, 'exit').then(([code]) =>
			Promise.reject(new Error(`bimetal up ended with ${code}: ${log()}`)),
		),
	]);
	const line = siteLine.parse(JSON.parse(text));
	const ca = await readFile(line.ca, 'utf8');
	return {
		line,
		ca,
		log,
		as(party, at) {
			const operator = line.operators.find(candidate => candidate.party === party);
			const url = at === undefined ? line.proxy.url : line.bmcs.find(bmc => bmc.name === at)?.url;
			if (!operator || !url) throw new Error(`the site has no ${operator ? at : party}`);
			const visitor = createVisitor({ url, ca, username: operator.name, password: operator.password });
			visitors.push(visitor);
			return visitor;
		},
		async stop(signal = 'SIGTERM') {
			for (const visitor of visitors) await visitor.close();
			child.kill(signal);
			const [code, by] = await once(child, 'exit');
			if (options.state === undefined) await rm(state, { recursive: true });
			if (code !== 0) throw new Error(`bimetal up ended with ${code ?? by} after ${signal}: ${log()}`);
			const urls = [
				line.proxy.url,
				line.proxy.ops,
				line.hil.url,
				line.provisioner.url,
				line.attest.url,
				line.attest.ops,
				line.market.url,
				line.market.ops,
				...line.bmcs.flatMap(({ url, direct }) => [url, direct]),
			];
			for (const url of urls) {
				if (await listens(url)) throw new Error(`${url} still listens after bimetal up has ended`);
			}
		},
	};
}

/** Starts a site that should not start, and gives its exit code and what it wrote. */
export async function startRefused(args: readonly string[]): Promise<{ code: number | null; log: string }> {
	const { child, log } = launch(args);
	child.stdout.resume();
	const [code] = (await once(child, 'exit')) as [number | null];
	return { code, log: log() };
}

function launch(args: readonly string[], { env, through = [] }: Pick<SiteOptions, 'env' | 'through'> = {}) {
	const [program = '', ...rest] = [...through, process.execPath, launcher, ...args];
	const child: ChildProcess = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env });
	const { stdout, stderr } = child;
	if (!stdout || !stderr) throw new Error('no pipes');
	let text = '';
	stderr.setEncoding('utf8').on('data', chunk => {
		text += chunk;
	});
	return { child: Object.assign(child, { stdout, stderr }), log: () => text };
}

/** Whether anybody accepts connections at the URL's host and port. */
export async function listens(url: string): Promise<boolean> {
	const { hostname, port } = new URL(url);
	const socket = net.connect(Number(port), hostname);
	try {
		await once(socket, 'connect');
		return true;
	} catch {
		return false;
	} finally {
		socket.destroy();
	}
}
