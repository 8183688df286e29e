import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import forge from 'node-forge';
import type { JsonValue, RequestView, ReviewView } from '../client.ts';

/** One request that reached the fake proxy. */
export interface SeenCall {
	readonly method: string;
	readonly url: string;
	readonly headers: Readonly<Record<string, string | string[] | undefined>>;
	readonly body: JsonValue | undefined;
}
export interface FakeAnswer {
	readonly status: number;
	readonly headers?: Record<string, string>;
	readonly body?: unknown;
}
type Handler = (call: SeenCall, who: { name: string; party: string }) => FakeAnswer | undefined;

export interface FakeProxy {
	readonly url: string;
	readonly ca: string;
	readonly calls: SeenCall[];
	readonly requests: Map<string, RequestView>;
	/** Asked first; undefined leaves the answer to the fake. */
	handle: Handler | undefined;
	/** Tokens of open sessions. */
	readonly sessions: Map<string, string>;
	close(): Promise<void>;
}

export const passwords: Readonly<Record<string, string>> = {
	'hso-operator': 'pass-of-hso',
	'cp-operator': 'pass-of-cp',
};
const partyOf = (name: string) => (name.startsWith('hso') ? 'HSO' : 'CP');

export const digest = 'ab'.repeat(32);

export function requestView(changes: Partial<RequestView> = {}): RequestView {
	return {
		id: '01K3Q8',
		state: 'waiting',
		bmc: 'node1',
		method: 'POST',
		path: '/redfish/v1/Systems/system/Actions/ComputerSystem.Reset',
		query: [],
		ifMatch: null,
		body: { ResetType: 'ForceRestart' },
		digest,
		policyVersion: 'cd'.repeat(32),
		operations: ['Power on, off, reboot $system'],
		requester: { name: 'hso-operator', party: 'HSO' },
		createdAt: '2026-01-01T00:00:00.000Z',
		expiresAt: '2026-01-01T00:15:00.000Z',
		executeWithinSeconds: 300,
		authorizations: [
			{
				name: 'hso-operator',
				party: 'HSO',
				at: '2026-01-01T00:00:00.000Z',
				comment: null,
				validUntil: null,
			},
		],
		needs: [['CP']],
		needsText: 'CP',
		clause: null,
		policies: [
			{
				party: 'CP',
				operation: 'Power on, off, reboot $system',
				expression: 'COUNT(External.Servers.State=="Up")>=6',
				holds: false,
				reason: 'COUNT(External.Servers.State=="Up")>=6 is false: COUNT(External.Servers.State=="Up") is 5',
			},
		],
		ended: null,
		outcome: null,
		...changes,
	};
}

/** What the fake proxy shows of a request: the state of the resource is made up, and to be seen by everybody. */
function reviewView(request: RequestView): ReviewView {
	const { policies, state } = request;
	const resource = { path: '/redfish/v1/Systems/system', body: { PowerState: 'On' }, reason: null };
	const waits = state === 'waiting';
	return {
		request,
		resource: waits ? resource : null,
		changes: null,
		upload: null,
		policies,
		ifApproved: waits ? { outcome: 'execute', detail: 'under "CP and hso"' } : null,
	};
}

/** Issued once: making keys takes longer than most tests. */
const certificates = issueCertificates();

/** A proxy that answers per the schemas, from memory, over TLS with a certificate of a CA of its own. */
export async function startFakeProxy(): Promise<FakeProxy> {
	const server = createServer({ key: certificates.key, cert: certificates.chain });
	const fake: FakeProxy = {
		url: '',
		ca: certificates.ca,
		calls: [],
		requests: new Map(),
		handle: undefined,
		sessions: new Map(),
		close: () => closeServer(server),
	};
	server.on('request', (request, response) => {
		const chunks: Buffer[] = [];
		request.on('data', chunk => chunks.push(chunk));
		request.on('end', () => {
			const text = Buffer.concat(chunks).toString();
			const body = text ? (JSON.parse(text) as JsonValue) : undefined;
			const call: SeenCall = {
				method: request.method ?? '',
				url: request.url ?? '',
				headers: request.headers,
				body,
			};
			fake.calls.push(call);
			const answer = answerCall(fake, call);
			const type =
				answer.status >= 400 && !JSON.stringify(answer.body ?? '').includes('"error"')
					? 'application/problem+json'
					: 'application/json';
			response.writeHead(answer.status, { 'content-type': type, ...answer.headers });
			response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
		});
	});
	await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
	return Object.assign(fake, { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function answerCall(fake: FakeProxy, call: SeenCall): FakeAnswer {
	const path = new URL(call.url, 'https://fake').pathname;
	if (path === '/redfish/v1/SessionService/Sessions' && call.method === 'POST')
		return openSession(fake, call);
	const name = whoIs(fake, call);
	if (!name)
		return path.startsWith('/p2c')
			? problem(401, 'Unauthenticated', 'log in first')
			: redfishError(401, 'log in first');
	const who = { name, party: partyOf(name) };
	const special = fake.handle?.(call, who);
	if (special) return special;
	const [, , , kind = '', id = '', verb] = path.split('/');
	if (path.startsWith('/redfish/v1/SessionService/Sessions/')) {
		fake.sessions.delete(path.split('/').at(-1) ?? '');
		return { status: 204 };
	}
	if (path === '/p2c/v1') {
		const parties = ['HSO', 'CP'].map(party => ({ name: party, description: '' }));
		return { status: 200, body: { site: 'test', version: '0.1.0', policyVersion: 'v1', parties } };
	}
	if (path === '/p2c/v1/me') return { status: 200, body: who };
	if (path === '/p2c/v1/bmcs') return { status: 200, body: { bmcs: bmcs(fake.url) } };
	if (path === '/p2c/v1/bmcs/node1/repair') return { status: 200, body: repair };
	if (path === '/p2c/v1/policies') return { status: 200, body: policies };
	if (kind === 'requests' && !id) {
		const state = new URL(call.url, 'https://fake').searchParams.get('state');
		const requests = [...fake.requests.values()].filter(request => !state || request.state === state);
		return { status: 200, body: { requests, next: null } };
	}
	if (kind === 'requests') return actOn(fake, id, verb, call);
	return redfishError(404, `The requested resource of '${path}' was not found.`);
}

function actOn(fake: FakeProxy, id: string, verb: string | undefined, call: SeenCall): FakeAnswer {
	const request = fake.requests.get(id);
	if (!request) return problem(404, 'UnknownRequest', `there is no request ${id}`);
	if (!verb) return { status: 200, body: request };
	if (verb === 'review') return { status: 200, body: reviewView(request) };
	const body = call.body as { digest?: string; reason?: string };
	if (verb === 'approve' && body.digest !== request.digest)
		return problem(409, 'DigestDiffers', 'it has another digest');
	const at = '2026-01-01T00:01:00.000Z';
	const ended = { by: { name: 'cp-operator', party: 'CP' }, reason: body.reason ?? 'none', at };
	const after: RequestView =
		verb === 'approve'
			? {
					...request,
					state: 'executed',
					needs: [],
					needsText: '',
					clause: 'CP and hso',
					outcome: { status: 204, at },
				}
			: { ...request, state: verb === 'deny' ? 'denied' : 'withdrawn', needs: [], needsText: '', ended };
	fake.requests.set(id, after);
	return { status: 200, body: after };
}

function openSession(fake: FakeProxy, call: SeenCall): FakeAnswer {
	const { UserName = '', Password } = call.body as { UserName?: string; Password?: string };
	if (!Password || passwords[UserName] !== Password)
		return redfishError(401, 'Invalid user name or password.');
	const token = `token-${fake.calls.length}-of-${UserName}`;
	fake.sessions.set(token, UserName);
	const location = `/redfish/v1/SessionService/Sessions/${token}`;
	return { status: 201, headers: { 'x-auth-token': token, location }, body: { Id: '1' } };
}

function whoIs(fake: FakeProxy, { headers }: SeenCall): string | undefined {
	const token = headers['x-auth-token'];
	if (typeof token === 'string') return fake.sessions.get(token);
	const basic = /^Basic (.*)$/.exec(headers.authorization as string)?.[1];
	const [name = '', password] = Buffer.from(basic ?? '', 'base64')
		.toString()
		.split(':');
	return password !== undefined && passwords[name] === password ? name : undefined;
}

export function problem(status: number, code: string, detail: string): FakeAnswer {
	return { status, body: { type: 'about:blank', title: code, status, code, detail } };
}

export function redfishError(status: number, message: string): FakeAnswer {
	const info = [{ MessageId: 'Base.1.19.AccessDenied', Message: message, Resolution: 'None.' }];
	return {
		status,
		body: { error: { code: 'Base.1.19.GeneralError', message, '@Message.ExtendedInfo': info } },
	};
}

const neverLooked = { openDoors: [], doorsReason: 'it was not enrolled', doorsCheckedAt: null };
const bmcs = (url: string) => [
	{
		name: 'node1',
		rack: 'rack1',
		url: 'https://127.0.0.1:9001',
		prefixUrl: `${url}/bmc/node1`,
		state: 'up',
		doors: 'open',
		openDoors: ['SSH', 'account oper1'],
		doorsReason: null,
		doorsCheckedAt: '2026-01-01T00:00:00.000Z',
	},
	{
		name: 'node2',
		rack: 'rack1',
		url: null,
		prefixUrl: `${url}/bmc/node2`,
		state: 'down',
		doors: 'unknown',
		...neverLooked,
	},
];
const repair = {
	repairs: [
		{ doors: ['SSH'], outcome: 'waiting', requestId: '01K3Q8', detail: 'other parties must approve it' },
		{ doors: ['session 1 of oper1'], outcome: 'shut', requestId: null, detail: 'the BMC answered 200' },
	],
	doors: 'open',
	openDoors: ['SSH', 'account oper1'],
	doorsReason: null,
	doorsCheckedAt: '2026-01-01T00:00:00.000Z',
};

const policies = {
	version: 'ef'.repeat(32),
	operations: [
		{
			type: 'Operation',
			operation: 'Power on, off, reboot $system',
			description: 'Reset $system',
			matches: ['POST /redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset'],
			properties: null,
			p2c: '(HSO and cp) or (CP and hso)',
			policies: {
				HSO: ['hso.pre: SUM(External.PDU.Outlets.Power)<1000'],
				CP: ['cp.pre: COUNT(External.Servers.State=="Up")>=6'],
			},
		},
	],
};

function closeServer(server: Server): Promise<void> {
	return new Promise(resolve => {
		server.close(() => resolve());
		server.closeAllConnections();
	});
}

function issueCertificates() {
	const pair = () => {
		const { privateKey, publicKey } = generateKeyPairSync('rsa', {
			modulusLength: 2048,
			publicKeyEncoding: { type: 'spki', format: 'pem' },
			privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
		});
		return {
			private: forge.pki.privateKeyFromPem(privateKey),
			public: forge.pki.publicKeyFromPem(publicKey),
			pem: privateKey,
		};
	};
	const authority = pair();
	const own = pair();
	const issue = (serial: string, name: string, key: typeof own, extensions: object[]) => {
		const certificate = forge.pki.createCertificate();
		certificate.serialNumber = serial;
		certificate.publicKey = key.public;
		certificate.validity.notBefore = new Date(Date.now() - 3_600_000);
		certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
		certificate.setSubject([{ name: 'commonName', value: name }]);
		certificate.setIssuer([{ name: 'commonName', value: 'test CA' }]);
		certificate.setExtensions(extensions);
		certificate.sign(authority.private, forge.md.sha256.create());
		return forge.pki.certificateToPem(certificate);
	};
	const ca = issue('01', 'test CA', authority, [{ name: 'basicConstraints', cA: true, critical: true }]);
	const leaf = issue('02', 'fake proxy', own, [
		{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
	]);
	return { ca, chain: leaf + ca, key: own.pem };
}
