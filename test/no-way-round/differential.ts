import { requestDigest } from '../../proxy/audit/request-text.ts';
import type { CanonicalRequest, JsonValue } from '../../proxy/canonicalise/canonical-request.ts';
import { bmcPassword, type TestProxy } from '../proxy/start-proxy.ts';
import type { OwnWork } from './own-work.ts';
import type { Stream } from './streams.ts';
import { readFrames, type Understood, understand } from './understood.ts';
import { type Received, sendBytes } from './wire.ts';

const nodes = ['node1', 'node2', 'node3'] as const;

/** What was seen so far, for a test that must not pass by seeing nothing. */
export interface Coverage {
	readonly streams: number;
	/** Changes that BMCs executed for somebody. */
	readonly changes: number;
	readonly reads: number;
	/** WebSockets that BMCs were asked for. */
	readonly sockets: number;
	/** What BMCs were sent as images. */
	readonly images: number;
	/** What was let through and the proxy does itself. */
	readonly own: number;
	readonly answers: Readonly<Record<number, number>>;
}

export interface Differential {
	/** Sends these streams at once, while the facts are these. Rejects with what is wrong. */
	run(batch: readonly Stream[], facts: { readonly up: number; readonly watts: number }): Promise<void>;
	/** Waits until the proxy has done all that it let through. Rejects when that is not so. */
	settle(): Promise<void>;
	coverage(): Coverage;
}

/** Sends streams and compares what the BMCs understood with what the proxy had decided on. */
export function createDifferential(site: TestProxy, ownWork: OwnWork): Differential {
	let streams = 0;
	let changes = 0;
	let reads = 0;
	let sockets = 0;
	let images = 0;
	let own = 0;
	const answers: Record<number, number> = {};
	/** What clients have said under If-Match: the proxy may have put the BMC's tag in its place. */
	const shownTags = new Set<string>();
	/** Bytes of connections to BMCs that are no whole request yet, or of a WebSocket. */
	const pending = new Map<string, { bytes: Buffer; isSocket: boolean }>();
	/** Changes that a BMC refused for their tag: what was mapped is tried again. */
	const again = count();
	/** BMCs that clients could mean, in each of the last batches: what a client has left goes on for a while. */
	const named: (readonly string[])[] = [];
	let recorded = site.records.length;
	const journalled = new Map<string, number>(nodes.map(bmc => [bmc, site.bmcs[bmc].executed.length]));
	for (const bmc of nodes) site.spies[bmc].takeEach();
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
		const { method, path, query, isSocket } = request;
		heard(`${bmc} ${method} ${path}`, 1);
		if (isOwn(request) || isOpen(request)) return;
		if (query.some(([name]) => name === 'only' || name === '$expand' || name === '$filter'))
			fail(`${bmc} was asked to evaluate ${JSON.stringify(query)}`);
		if (isSocket) sockets++;
		else if (isChange(request)) changes++;
		else reads++;
		if (request.image) images++;
		const sent = request.headers.find(([key]) => key === 'if-match')?.[1];
		const version = site.policies.version;
		const words = [sent, ...(sent === undefined || !isChange(request) ? [] : shownTags)].map(tag =>
			wordsOf(bmc, version, request, tag),
		);
		const decided = words.find(each => credit.of(each) > 0);
		if (decided !== undefined) credit(decided, -1);
		else if (again(`${bmc} ${method} ${path}`, -1) < 0) {
			const text = request.bytes.toString('utf8').slice(0, 300);
			fail(
				`${bmc} was sent ${isSocket ? 'a handshake for' : method} ${path} ${text}, not decided on in these words`,
			);
		}
	};

	/** Takes in what one connection brought to a BMC. */
	const listen = (bmc: string, connection: number, bytes: Buffer): void => {
		const key = `${bmc} ${connection}`;
		const state = pending.get(key) ?? { bytes: Buffer.alloc(0), isSocket: false };
		pending.set(key, state);
		state.bytes = Buffer.concat([state.bytes, bytes]);
		if (!state.isSocket) {
			const { requests, rest } = understand(state.bytes);
			state.bytes = rest;
			state.isSocket = requests.at(-1)?.isSocket === true;
			for (const request of requests) hear(bmc, request);
		}
		if (!state.isSocket) return;
		const frames = readFrames(state.bytes);
		if (!frames)
			fail(`${bmc} was sent on a WebSocket what no client writes: ${state.bytes.toString('latin1')}`);
		state.bytes = frames?.rest ?? Buffer.alloc(0);
	};

	/** Takes in what has happened since; true when there was something. */
	const collect = (): boolean => {
		// First what arrived: whatever it follows from is on the record before.
		const arrived = nodes.flatMap(bmc => site.spies[bmc].takeEach().map(each => ({ bmc, ...each })));
		const executed = nodes.flatMap(bmc => {
			const all = site.bmcs[bmc].executed;
			const fresh = all.slice(Math.min(journalled.get(bmc) ?? 0, all.length));
			journalled.set(bmc, all.length);
			return fresh.map(each => ({ bmc, ...each, path: each.path.replace(/(.)\/$/, '$1') }));
		});
		const records = site.records.slice(recorded);
		for (const record of records) {
			if (record.kind === 'answer') {
				open--;
				if (record.status === 412) refused++;
				if (record.decision !== undefined) ownWork.answered(record.decision, record.status);
			}
			if (record.kind !== 'decision') continue;
			if (!named.flat().includes(record.bmc) && record.operator !== '')
				fail(`${record.method} ${record.path} was decided on for ${record.bmc}, which nobody has named`);
			if (record.verdict !== 'execute') continue;
			const { bmc, method, path, digest } = record;
			if (isChange(record) && method !== 'WEBSOCKET') open++;
			if (ownWork.take(record, site.numberOf(record))) own++;
			else if (method === 'WEBSOCKET') credit(`${bmc} WEBSOCKET ${path}`, 1);
			else credit(isChange(record) ? `${bmc} ${method} ${path} ${digest}` : `${bmc} GET ${path}`, 1);
		}
		recorded += records.length;
		for (const { bmc, method, path, status } of executed)
			if (status === 412) again(`${bmc} ${method} ${path}`, 1);
		for (const { bmc, connection, bytes } of arrived) listen(bmc, connection, bytes);
		for (const { bmc, method, path } of executed) {
			if (heard(`${bmc} ${method} ${path}`, -1) < 0)
				fail(`${bmc} executed ${method} ${path}, which nothing on its wire says`);
		}
		return arrived.length > 0 || records.length > 0;
	};

	return {
		async run(batch, facts) {
			Object.assign(site.world, facts);
			streams += batch.length;
			named.unshift(batch.flatMap(namedBy));
			named.splice(8);
			const batchSent = await Promise.all(batch.map(stream => withTags(site, stream)));
			for (const { text } of batchSent)
				for (const [, tag] of text.matchAll(/^if-match:[ \t]*(.*?)[ \t]*\r?$/gim)) shownTags.add(tag ?? '');
			const received = await Promise.all(batchSent.map(stream => send(site, stream)));
			// A connection that ends early, from either side, leaves the proxy at work: what it still does is this batch's.
			const mayGoOn = batch.some(
				({ text, ending }, index) =>
					/^(?:POST|PATCH) /m.test(text) &&
					(ending === 'break-off' || received[index]?.answers.at(-1)?.status === 400),
			);
			const until = Date.now() + (mayGoOn ? 60 : 0);
			for (let quiet = 0; quiet < 5 || Date.now() < until; quiet = collect() ? 0 : quiet + 1)
				await new Promise(setImmediate);
			for (const [index, stream] of batchSent.entries())
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
			// Of a console it is on the record whether it was opened, and not why it was not.
			const unsent = credit.left().filter(key => !/^\S+ (?:GET|WEBSOCKET) /.test(key));
			if (unsent.length > refused) fail(`let through and never sent: ${unsent.join(', ')}`);
			for (const [key, { bytes }] of pending) {
				const [bmc = 'node1', connection] = key.split(' ') as [(typeof nodes)[number], string];
				// What ended before it was whole, no BMC has executed.
				if (bytes.length > 0 && !site.spies[bmc].isOver(Number(connection)))
					fail(`${bmc} was sent what is no whole request: ${bytes.toString('latin1').slice(0, 1000)}`);
			}
			named.unshift(nodes);
			for (const wrong of await ownWork.check()) fail(wrong);
			verdict();
		},
		coverage: () => ({ streams, changes, reads, sockets, images, own, answers }),
	};
}

/** Sums by key. */
function count(): { (key: string, by: number): number; of(key: string): number; left(): string[] } {
	const sums = new Map<string, number>();
	const add = (key: string, by: number): number => {
		const sum = (sums.get(key) ?? 0) + by;
		// What is below nothing is reported once, and not again for the next that is right.
		if (sum <= 0) sums.delete(key);
		else sums.set(key, sum);
		return sum;
	};
	const of = (key: string) => sums.get(key) ?? 0;
	return Object.assign(add, {
		of,
		left: () => [...sums].flatMap(([key, sum]) => Array<string>(sum).fill(key)),
	});
}

/** The BMCs that a client could mean by what it sends. */
function namedBy({ door, text }: Stream): readonly string[] {
	if (door !== 'main') return [door];
	const prefixed = [...text.matchAll(/\/bmc\/(node\d)/g)].map(([, name]) => name ?? '');
	return /node1\.test/i.test(text) ? [...prefixed, 'node1'] : prefixed;
}

/** The stream with the tags in it that its senders would be shown now. */
async function withTags(site: TestProxy, stream: Stream): Promise<Stream> {
	let { text } = stream;
	for (const who of ['hso-operator', 'cp-operator']) {
		const mark = `{tag of ${who}}`;
		if (!text.includes(mark)) continue;
		const bmc = namedBy(stream).find(name => nodes.includes(name as never)) as
			| (typeof nodes)[number]
			| undefined;
		if (bmc === undefined) continue;
		const { headers } = await site.at(who, bmc)('GET', '/redfish/v1/Systems/system');
		text = text.replaceAll(mark, String(headers.etag));
	}
	return { ...stream, text };
}

async function send(site: TestProxy, stream: Stream): Promise<Received> {
	const { port } = new URL(stream.door === 'main' ? site.url : String(site.bmcUrls[stream.door]));
	const tail =
		stream.ending === 'ask'
			? 'GET /redfish/v1/Unheard HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
			: '';
	const text = stream.text + tail;
	const at = [...new Set([...stream.cuts.map(cut => Math.floor(cut * text.length)), ...stream.breaks])].sort(
		(a, b) => a - b,
	);
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

/** What policies look at, the stream of events, how large an image may be, and what an event is about. */
const ownReads =
	/^\/redfish\/v1\/(?:Systems\/system(?:\/LogServices\/EventLog\/Entries(?:\/\d+)?)?|EventService\/SSE|TaskService\/Tasks\/\d+|UpdateService)$/;

/** What the proxy does at BMCs on its own account: its log-in, and reads of what policies look at. */
function isOwn({ method, path, body, isSocket }: Understood): boolean {
	if (isSocket) return false;
	if (method === 'POST' && path === '/redfish/v1/SessionService/Sessions')
		return body?.UserName === 'root' && body.Password === bmcPassword;
	return method === 'GET' && ownReads.test(path);
}

/** What is open to everybody is not decided on (DSP0266 §13.3.1). */
const isOpen = ({ method, path, query }: Understood): boolean =>
	!isChange({ method }) && query.length === 0 && /^\/redfish(?:\/v1(?:\/odata|\/\$metadata)?)?$/.test(path);

/**
 * What a BMC understood, in the words in which the audit log has a decision under this If-Match; a read by its path
 * alone.
 */
function wordsOf(
	bmc: string,
	policyVersion: string,
	request: Understood,
	ifMatch: string | undefined,
): string {
	const { method, path, query, headers, body, bytes, image } = request;
	if (request.isSocket) return `${bmc} WEBSOCKET ${path}`;
	if (!isChange(request)) return `${bmc} GET ${path}`;
	const contentType = headers.find(([key]) => key === 'content-type')?.[1];
	const canonical: CanonicalRequest = {
		method: method as CanonicalRequest['method'],
		path,
		segments: path.split('/').slice(1),
		query,
		ifMatch,
		ifNoneMatch: undefined,
		body: body as JsonValue | undefined,
		bytes: bytes.length > 0 ? bytes : undefined,
		contentType: image ? contentType?.replace(/;.*/, '') : contentType,
		...(image && { image: { file: '', ...image } }),
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
		if (!(status >= 100 && status < 600)) fail(`no answer of HTTP: ${JSON.stringify(text.slice(0, 3000))}`);
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
