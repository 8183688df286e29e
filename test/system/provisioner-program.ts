import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { type Child, startChild } from '../../common/processes/children.ts';
import { until } from '../visitor.ts';

/** `bimetal provisioner` as a process of its own, and what a user asks of it. */
export interface ProvisionerProgram {
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
	ask(method: string, path: string, more?: Asking): Promise<{ headers: Headers; body: any }>;
	/** Sends JSON; its answer. */
	// biome-ignore lint/suspicious/noExplicitAny: as above
	post(path: string, body: object): Promise<any>;
	/** An operation when it has ended; throws when it came to nothing. */
	// biome-ignore lint/suspicious/noExplicitAny: as above
	ended(id: string): Promise<any>;
	/** Makes a qcow2 file an image of a project, which is red when absent; the next version where there is one of that name. */
	upload(name: string, file: string, project?: string): Promise<void>;
	/** Where it listens, since it was started last. */
	url(): string;
	/** Of its process. */
	pid(): number;
	/** What it has logged as errors. */
	errors(): readonly Readonly<Record<string, unknown>>[];
	/** Ends it as a crash does; resolves when it has ended. */
	kill(): Promise<void>;
	/** Starts it again. */
	start(): Promise<void>;
}

interface Asking {
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: Buffer | string;
}

const bimetal = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 240;
/** Bytes that are sent at a time: fetch waits for no answer longer than five minutes. */
const piece = 32 * 2 ** 20;

/** Starts it; it ends with the test. */
export async function startProvisionerProgram(
	t: ExecutionContext,
	config: string,
	user: { readonly username: string; readonly password: string },
): Promise<ProvisionerProgram> {
	const authorization = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
	let log = '';
	let url = '';
	let child: Child | undefined;

	async function start(): Promise<void> {
		const from = log.length;
		let hasEnded = false;
		const started = await startChild(
			process.execPath,
			['--disable-warning=ExperimentalWarning', bimetal, 'provisioner', '-c', config],
			{
				run: `test-provisioner-${process.pid}`,
				folder: path.dirname(config),
				onOutput: bytes => {
					log += bytes.toString('utf8');
				},
			},
		);
		child = started;
		void started.exited.then(() => {
			hasEnded = true;
		});
		const found = await until(
			async () => /"url":"([^"]+)".*the provisioner listens/.exec(log.slice(from)),
			match => match !== null || hasEnded,
			patience,
		);
		if (!found) throw new Error(`the provisioner ended: ${log.slice(from)}${started.errorLines()}`);
		[, url = ''] = found;
	}
	t.teardown(async () => void (await child?.stop()));
	await start();

	const ask: ProvisionerProgram['ask'] = async (method, at, { headers, body } = {}) => {
		const answer = await fetch(`${url}${at}`, {
			method,
			headers: { authorization, ...headers },
			...(body !== undefined && { body }),
		});
		const text = await answer.text();
		if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${text}`);
		return { headers: answer.headers, body: text === '' ? {} : JSON.parse(text) };
	};
	const ended: ProvisionerProgram['ended'] = async id => {
		const { body } = await until(
			() => ask('GET', `/v1/operations/${id}?wait=5000`),
			found => found.body.endedAt !== null,
			patience,
		);
		if (body.status !== 'DONE') throw new Error(JSON.stringify(body));
		return body;
	};
	return {
		ask,
		ended,
		start,
		post: async (at, body) =>
			(
				await ask('POST', at, {
					headers: { 'content-type': 'application/json' },
					body: JSON.stringify(body),
				})
			).body,
		async upload(name, file, project = 'red') {
			const bytes = await readFile(file);
			const tus = { 'tus-resumable': '1.0.0' };
			const metadata = Object.entries({ project, name, format: 'qcow2' })
				.map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
				.join(',');
			const made = await ask('POST', '/v1/uploads', {
				headers: { ...tus, 'upload-length': String(bytes.length), 'upload-metadata': metadata },
			});
			const to = new URL(made.headers.get('location') ?? '', url).pathname;
			const type = { ...tus, 'content-type': 'application/offset+octet-stream' };
			let operation: string | null = null;
			for (let offset = 0; offset < bytes.length; offset += piece) {
				const { headers } = await ask('PATCH', to, {
					headers: { ...type, 'upload-offset': String(offset) },
					body: bytes.subarray(offset, offset + piece),
				});
				operation = headers.get('upload-operation');
			}
			await ended(operation ?? '');
		},
		errors: () =>
			log
				.split('\n')
				.filter(line => line.startsWith('{'))
				.map(line => JSON.parse(line))
				.filter(({ level }) => level === 'error'),
		url: () => url,
		pid: () => child?.pid ?? 0,
		async kill() {
			const is = child;
			if (!is) return;
			process.kill(is.pid, 'SIGKILL');
			await is.exited;
		},
	};
}
