import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Link } from '../../common/store/postgres-link.fixture.ts';
import { until } from '../visitor.ts';

/** What came back; undefined: nothing did, since the process is not there. */
export type ReplicaAnswer =
	// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
	{ readonly status: number; readonly body: any } | undefined;

/** `bimetal market` or `bimetal attest` as a process of its own, with a way to the database that can be cut. */
export interface Replica {
	readonly link: Link;
	/** As the account that it was made with. */
	call(method: string, at: string, body?: object): Promise<ReplicaAnswer>;
	/** The same; throws unless it is a success. */
	// biome-ignore lint/suspicious/noExplicitAny: as above
	ok(method: string, at: string, body?: object): Promise<any>;
	leads(): Promise<boolean>;
	/** Where it listens. */
	url(): string;
	/** Ends it as a crash does; resolves when it has ended. */
	kill(): Promise<void>;
	/** Throws, with what it said, when it ends instead. */
	start(): Promise<void>;
	signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

interface ReplicaOptions {
	readonly service: 'market' | 'attest';
	/** `name:password` of who calls. */
	readonly account: string;
	/** Its site file. */
	readonly config: string;
	readonly link: Link;
	/** Folder in which its compiled program is kept, for it is started several times. */
	readonly cache: string;
}

const bimetal = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
/** Seconds; a loaded machine takes ten times as long as an idle one. */
const patience = 120;

/** A service on a PostgreSQL, not started yet. */
export function createReplica({ service, account, config, link, cache }: ReplicaOptions): Replica {
	const headers = {
		authorization: `Basic ${Buffer.from(account).toString('base64')}`,
		'content-type': 'application/json',
	};
	let child: ChildProcess | undefined;
	let ended: Promise<unknown> = Promise.resolve();
	let at = { url: '', ops: '' };
	const replica: Replica = {
		link,
		async call(method, where, body) {
			try {
				const answer = await fetch(`${at.url}${where}`, {
					method,
					headers,
					signal: AbortSignal.timeout(patience * 1000),
					...(body && { body: JSON.stringify(body) }),
				});
				return { status: answer.status, body: await answer.json() };
			} catch (fault) {
				if (fault instanceof Error && fault.name === 'TimeoutError') throw fault;
				return undefined;
			}
		},
		async ok(method, where, body) {
			const answer = await replica.call(method, where, body);
			if (answer && answer.status < 300) return answer.body;
			throw new Error(`${method} ${where}: ${JSON.stringify(answer)}`);
		},
		url: () => at.url,
		async leads() {
			const answer = await fetch(`${at.ops}/metrics`, { signal: AbortSignal.timeout(1000) }).catch(
				() => undefined,
			);
			return new RegExp(`^bimetal_${service}_leads\\{.*\\} 1$`, 'm').test(
				(await answer?.text().catch(() => '')) ?? '',
			);
		},
		async kill() {
			child?.kill('SIGKILL');
			await ended;
		},
		signal: signal => void child?.kill(signal),
		async start() {
			const started = spawn(
				process.execPath,
				['--disable-warning=ExperimentalWarning', bimetal, service, '-c', config],
				{ env: { ...process.env, NODE_COMPILE_CACHE: cache }, stdio: ['ignore', 'pipe', 'pipe'] },
			);
			child = started;
			let log = '';
			let hasEnded = false;
			ended = once(started, 'close').finally(() => {
				hasEnded = true;
			});
			for (const stream of [started.stdout, started.stderr])
				stream.setEncoding('utf8').on('data', (text: string) => {
					log += text;
				});
			const found = await until(
				async () => /"url":"([^"]+)","ops":"([^"]+)".* listens/.exec(log),
				match => match !== null || hasEnded,
				patience,
			);
			if (!found) throw new Error(`${service} ended: ${log}`);
			const [, url = '', ops = ''] = found;
			at = { url, ops };
		},
	};
	return replica;
}
