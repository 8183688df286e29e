import { requestDigest } from '../../proxy/audit/request-text.ts';
import type { CanonicalRequest, JsonValue } from '../../proxy/canonicalise/canonical-request.ts';
import { bmcPassword, type TestProxy } from '../proxy/start-proxy.ts';
import type { Stream } from './streams.ts';
import { type Understood, understand } from './understood.ts';
import { type Received, sendBytes } from './wire.ts';

const nodes = ['node1', 'node2', 'node3'] as const;

/** What was seen so far, for a test that must not pass by seeing nothing. */
export interface Coverage {
	readonly streams: number;
	/** Changes that BMCs executed for somebody. */
	readonly changes: number;
	readonly reads: number;
	readonly answers: Readonly<Record<number, number>>;
}

export interface Differential {
	/** Sends these streams at once. Rejects with what is wrong. */
	run(batch: readonly Stream[]): Promise<void>;
	/** Waits until the proxy has done all that it let through. Rejects when that is not so. */
	settle(): Promise<void>;
	coverage(): Coverage;
}

/** Sends streams and compares what the BMCs understood with what the proxy had decided on. */
export function createDifferential(site: TestProxy): Differential {
	let streams = 0;
	let changes = 0;
	let reads = 0;
	const answers: Record<number, number> = {};
	let recorded = 0;
	const journalled = new Map<string, number>();
	/** How often something may still be done: decisions to execute it, less what BMCs heard of it. */
	const credit = count();
	/** What BMCs heard, less what they say that they executed. */
	const heard = count();
	/** Changes that were let through and have no answer on the record yet. */
	let open = 0;
	/** Changes that were let through, and then refused by their own If-Match. */
	let refused = 0;

	/** What went wrong since `verdict` last asked: all is taken in first, so that what follows is not blamed for it. */
	const faults: string[] = [];
	const fail = (what: string): void => {
		faults.push(what);
	};
	const verdict = (): void => {
		const [first] = faults.splice(0);
		if (first !== undefined) throw new Error(first);
	};

	const hear = (bmc: string, request: Understood): void => {
		const { method, path, query } = request;
		heard(`${bmc} ${method} ${path}`, 1);
		if (isOwn(request) || isOpen(request)) return;
		if (query.some(([name]) => name === 'only' || name === '$expand' || name === '$filter'))
			fail(`${bmc} was asked to evaluate ${JSON.stringify(query)}`);
		if (isChange(request)) changes++;
		else reads++;
		if (credit(wordsOf(bmc, site.policies.version, request), -1) < 0)
			fail(
				`${bmc} was sent ${method} ${path} ${request.bytes.toString('utf8')}, not decided on in these words`,
			);
	};

	/** Takes in what has happened since; true when there was something. */
	const collect = (): boolean => {
		// First what arrived: whatever it follows from is on the record before.
		const arrived = nodes.flatMap(bmc => site.spies[bmc].take().map(bytes => ({ bmc, bytes })));
		const records = site.records.slice(recorded);
		recorded = site.records.length;
		for (const record of records) {
			if (record.kind === 'answer') {
				open--;
				if (record.status === 412) refused++;
			}
			if (record.kind !== 'decision' || record.verdict !== 'execute') continue;
			const { bmc, method, path, digest } = record;
			credit(isChange(record) ? `${bmc} ${method} ${path} ${digest}` : `${bmc} GET ${path}`, 1);
			if (isChange(record)) open++;
		}
		for (const { bmc, bytes } of arrived) {
			const { requests, rest } = understand(bytes);
			if (rest.length > 0) fail(`${bmc} was sent what is no whole request: ${rest.toString('latin1')}`);
			for (const request of requests) hear(bmc, request);
		}
		for (const bmc of nodes) {
			const { executed } = site.bmcs[bmc];
			for (const { method, path } of executed.slice(Math.min(journalled.get(bmc) ?? 0, executed.length))) {
				if (heard(`${bmc} ${method} ${path.replace(/(.)\/$/, '$1')}`, -1) < 0)
					fail(`${bmc} executed ${method} ${path}, which nothing on its wire says`);
			}
			journalled.set(bmc, executed.length);
		}
		return arrived.length > 0 || records.length > 0;
	};

	return {
		async run(batch) {
			streams += batch.length;
			const received = await Promise.all(batch.map(stream => send(site, stream)));
			// A connection that ends early, from either side, leaves the proxy at work: what it still does is this batch's.
			const mayGoOn = batch.some(
				({ text, ending }, index) =>
					/^(?:POST|PATCH) /m.test(text) &&
					(ending === 'break-off' || received[index]?.answers.at(-1)?.status === 400),
			);
			const until = Date.now() + (mayGoOn ? 60 : 0);
			for (let quiet = 0; quiet < 5 || Date.now() < until; quiet = collect() ? 0 : quiet + 1)
				await new Promise(setImmediate);
			for (const [index, stream] of batch.entries())
				checkAnswers(stream, received[index] as Received, answers, fail);
			site.clock.advance(2000);
			verdict();
		},
		async settle() {
			const until = Date.now() + 5000;
			for (let quiet = 0; quiet < 50 || (open > 0 && Date.now() < until); quiet++) {
				await new Promise(setImmediate);
				if (collect()) quiet = 0;
			}
			if (open !== 0) fail(`${open} changes were let through and have no answer on the record`);
			// What is about events the proxy carries out itself.
			const unsent = credit.left().filter(key => !/^\S+ (?:GET |\S+ \/redfish\/v1\/EventService)/.test(key));
			if (unsent.length > refused) fail(`let through and never sent: ${unsent.join(', ')}`);
			verdict();
		},
		coverage: () => ({ streams, changes, reads, answers }),
	};
}

/** Sums by key. */
function count(): { (key: string, by: number): number; left(): string[] } {
	const sums = new Map<string, number>();
	const add = (key: string, by: number): number => {
		const sum = (sums.get(key) ?? 0) + by;
		// What is below nothing is reported once, and not again for the next that is right.
		if (sum <= 0) sums.delete(key);
		else sums.set(key, sum);
		return sum;
	};
	return Object.assign(add, { left: () => [...sums].flatMap(([key, sum]) => Array<string>(sum).fill(key)) });
}

async function send(site: TestProxy, stream: Stream): Promise<Received> {
	const { port } = new URL(stream.door === 'main' ? site.url : String(site.bmcUrls[stream.door]));
	const tail =
		stream.ending === 'ask'
			? 'GET /redfish/v1/Unheard HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
			: '';
	const text = stream.text + tail;
	const at = [...new Set(stream.cuts.map(cut => Math.floor(cut * text.length)))].sort((a, b) => a - b);
	const pieces = [0, ...at]
		.map((from, index) => text.slice(from, at[index] ?? text.length))
		.filter(piece => piece !== '');
	return sendBytes(pieces, {
		port: Number(port),
		ca: site.ca,
		expected: Infinity,
		halfClose: stream.ending === 'half-close',
		// A request that says it is longer than it is waits for the rest of itself.
		patience: stream.ending === 'break-off' ? 5 : 250,
	});
}

const isChange = ({ method }: { method: string }): boolean => method !== 'GET' && method !== 'HEAD';

/** What the proxy does at BMCs on its own account: its log-in, and reads of what policies look at. */
function isOwn({ method, path, body }: Understood): boolean {
	if (method === 'POST' && path === '/redfish/v1/SessionService/Sessions')
		return body?.UserName === 'root' && body.Password === bmcPassword;
	// Beside what policies look at there is the stream of events, from which the proxy feeds those who may follow them.
	return method === 'GET' && ['/redfish/v1/Systems/system', '/redfish/v1/EventService/SSE'].includes(path);
}

/** What is open to everybody is not decided on (DSP0266 §13.3.1). */
const isOpen = ({ method, path, query }: Understood): boolean =>
	!isChange({ method }) && query.length === 0 && /^\/redfish(?:\/v1(?:\/odata|\/\$metadata)?)?$/.test(path);

/** What a BMC understood, in the words in which the audit log has a decision; a read by its path alone. */
function wordsOf(bmc: string, policyVersion: string, request: Understood): string {
	const { method, path, query, headers, body, bytes } = request;
	if (!isChange(request)) return `${bmc} GET ${path}`;
	const header = (name: string) => headers.find(([key]) => key === name)?.[1];
	const canonical: CanonicalRequest = {
		method: method as CanonicalRequest['method'],
		path,
		segments: path.split('/').slice(1),
		query,
		ifMatch: header('if-match'),
		ifNoneMatch: undefined,
		body: body as JsonValue | undefined,
		bytes: bytes.length > 0 ? bytes : undefined,
		contentType: header('content-type'),
	};
	return `${bmc} ${method} ${path} ${requestDigest(canonical, bmc, policyVersion)}`;
}

/** Nobody gets another's answer: what a connection is shown, it asked for, in this order. */
function checkAnswers(
	stream: Stream,
	{ answers, text }: Received,
	seen: Record<number, number>,
	fail: (what: string) => void,
): void {
	if (text.includes(bmcPassword)) fail('an answer holds the BMC’s password');
	let from = 0;
	for (const { status, body } of answers) {
		seen[status] = (seen[status] ?? 0) + 1;
		if (status === 500) fail(`a fault of the proxy: ${body}`);
		if (status !== 200 || /\?(?:\S*&)?(?:only|\$expand)/.test(stream.text)) continue;
		const id = idOf(body);
		if (id === undefined || id.includes('/TaskService/') || id.includes('/SessionService/')) continue;
		const at = stream.text.indexOf(id, from);
		if (at < 0) fail(`it was shown ${id}, which it did not ask for after what it was shown before`);
		from = at + 1;
	}
}

function idOf(body: string): string | undefined {
	try {
		const id: unknown = JSON.parse(body)['@odata.id'];
		return typeof id === 'string' ? id : undefined;
	} catch {
		return undefined;
	}
}
