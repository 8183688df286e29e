import fc from 'fast-check';
import type { Reply } from '../proxy/ask.ts';
import { follow } from '../proxy/follow.ts';
import { bmcPassword, type TestProxy } from '../proxy/start-proxy.ts';
import {
	anyToken,
	eventsOf,
	otherOf,
	type Party,
	type Secrecy,
	startWorld,
	type World,
} from './random-site.ts';
import { basicLine } from './wire.ts';

const system = '/redfish/v1/Systems/system';
const chassis = '/redfish/v1/Chassis/chassis';
const log = `${system}/LogServices/EventLog`;
const entries = `${log}/Entries`;

/**
 * What a proxy would let through that hides less than it should: the test of the comparison itself. Neither may tell
 * more than it got from `unfiltered`.
 */
export interface Leak {
	/** `unfiltered`: the BMC's own answer to the same GET. */
	readonly reply?: (reply: Reply, unfiltered: Unfiltered) => Reply;
	/** `events`: what the BMC sent. */
	readonly heard?: (text: string, events: readonly unknown[]) => string;
}

export interface Unfiltered {
	readonly etag: string | undefined;
	readonly text: string;
}

/** One call of a party; `{tag}`, `{id}` and `{digest}` stand for what that party was shown last. */
export interface Step {
	readonly by: 'viewer' | 'other';
	readonly door: 'bmc' | 'prefix' | 'management';
	readonly method: string;
	readonly target: string;
	readonly headers?: Readonly<Record<string, string>>;
	readonly body?: unknown;
	/** Milliseconds to let pass before it. */
	readonly wait?: number;
}

const resources = [
	system,
	`${system}/`,
	chassis,
	entries,
	`${entries}/1`,
	`${entries}/2`,
	`${entries}/500`,
	`${entries}/999`,
	'/redfish/v1/Systems',
	log,
	`${system}/LogServices`,
	'/redfish/v1/TaskService/Tasks',
	'/redfish/v1/TaskService/Tasks/{id}',
	'/redfish/v1/TaskService/TaskMonitors/{id}',
	`${entries}/500/attachment`,
	'/redfish/v1/Unheard',
	'/redfish/v1',
];
const options = [
	'',
	'',
	'?only',
	'?$top=1',
	'?$top=0',
	'?$skip=1',
	'?$skip=2&$top=2',
	'?$skip=900',
	'?$select=Message,AssetTag,Oem/Site/Row,Boot/Note',
	'?$select=Members/Message',
	'?$expand=*($levels=3)',
	'?$expand=.',
	'?$expand=~',
	`?$filter=${encodeURIComponent("Severity eq 'Critical'")}`,
	`?$filter=${encodeURIComponent("contains(Message,'TOKEN-1')")}`,
	`?$filter=${encodeURIComponent("endswith(Oem/OpenBMC/Subsystem,'-1-oem-1')")}`,
	`?$filter=${encodeURIComponent("MessageArgs/any(a:a eq 'TOKEN-1')")}`,
	`?$filter=${encodeURIComponent("not startswith(Message,'TOKEN')")}`,
	'?excerpt',
	'?$unheard=1',
];
const read: fc.Arbitrary<Step> = fc
	.record({
		method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
		resource: fc.constantFrom(...resources),
		option: fc.constantFrom(...options),
		door: fc.constantFrom('bmc', 'bmc', 'prefix') as fc.Arbitrary<Step['door']>,
		known: fc.constantFrom(undefined, undefined, '{tag}', '*', '"x"'),
	})
	.map(({ method, resource, option, door, known }) => ({
		by: 'viewer',
		door,
		method,
		target: resource + option,
		...(known !== undefined && { headers: { 'if-none-match': known } }),
	}));
const changes = [
	['PATCH', system, { AssetTag: 'new' }],
	['PATCH', system, { AssetTag: 5 }],
	['PATCH', system, { Boot: { Note: 'new' } }],
	['PATCH', system, { Boot: { BootSourceOverrideTarget: 'Pxe' } }],
	['PATCH', system, { AssetTag: 'x', Unheard: 1 }],
	['POST', `${log}/Actions/LogService.ClearLog`, undefined],
	['POST', `${system}/Actions/ComputerSystem.Reset`, { ResetType: 'Nope' }],
	['POST', `${system}/Actions/ComputerSystem.Reset`, { ResetType: 'ForceOff' }],
	['DELETE', `${entries}/500`, undefined],
	['PATCH', `${entries}/500`, { Resolved: true }],
] as const;
const change: fc.Arbitrary<Step> = fc
	.record({
		by: fc.constantFrom('viewer', 'viewer', 'other') as fc.Arbitrary<Step['by']>,
		what: fc.constantFrom(...changes),
		known: fc.constantFrom(undefined, undefined, '{tag}', '*', '"x"'),
	})
	.map(({ by, what: [method, target, body], known }) => ({
		by,
		door: 'bmc',
		method,
		target,
		...(body !== undefined && { body }),
		...(known !== undefined && { headers: { 'if-match': known } }),
	}));
const managed = fc.oneof(
	fc
		.record({
			by: fc.constantFrom('viewer', 'other') as fc.Arbitrary<Step['by']>,
			what: fc.constantFrom('approve', 'deny', 'withdraw'),
		})
		.map(({ by, what }) => ({
			by,
			door: 'management',
			method: 'POST',
			target: `/p2c/v1/requests/{id}/${what}`,
			body: what === 'approve' ? { digest: '{digest}' } : {},
		})),
	fc
		.constantFrom(
			'/p2c/v1/requests',
			'/p2c/v1/requests/{id}',
			'/p2c/v1/requests/{id}/review',
			'/p2c/v1/policies',
			'/p2c/v1/bmcs',
			'/p2c/v1/me',
			'/p2c/v1/audit/records',
			'/p2c/v1/unheard',
		)
		.map(target => ({ by: 'viewer', door: 'management', method: 'GET', target })),
	fc
		.constantFrom(
			...changes.slice(0, 9),
			['GET', entries, undefined] as const,
			['GET', system, undefined] as const,
		)
		.map(([method, path, body]) => ({
			by: 'viewer',
			door: 'management',
			method: 'POST',
			target: '/p2c/v1/explain',
			body: { bmc: 'node1', method, path, ...(body !== undefined && { body }) },
		})),
);
export const step: fc.Arbitrary<Step> = fc
	.tuple(
		fc.oneof(
			{ weight: 5, arbitrary: read },
			{ weight: 2, arbitrary: change },
			{ weight: 3, arbitrary: managed as fc.Arbitrary<Step> },
		),
		fc.constantFrom(undefined, undefined, undefined, 100, 20 * 60_000),
	)
	.map(([one, wait]) => (wait === undefined ? one : { ...one, wait }));

/** Plays the steps on one site; gives what came back to the viewer. */
async function play(
	site: TestProxy,
	viewer: Party,
	steps: readonly Step[],
	leak: Leak['reply'],
): Promise<Reply[]> {
	const names = {
		viewer: `${viewer.toLowerCase()}-operator`,
		other: `${otherOf(viewer).toLowerCase()}-operator`,
	};
	const last = { tag: '"none"', id: 'r000000000000', digest: '0'.repeat(64) };
	const fill = (text: string) =>
		text.replace('{tag}', last.tag).replace('{id}', last.id).replace('{digest}', last.digest);
	const shown: Reply[] = [];
	for (const { by, door, method, target, headers = {}, body, wait } of steps) {
		// No two requests of one moment: their order in lists would be chance.
		site.clock.advance(wait ?? 1);
		if (wait !== undefined) {
			// What falls due is written down first, on both sites.
			for (let turn = 0; turn < 5; turn++) {
				await new Promise(setImmediate);
				await site.store.transact(async () => undefined);
			}
		}
		const base =
			door === 'bmc' ? String(site.bmcUrls.node1) : door === 'prefix' ? `${site.url}/bmc/node1` : site.url;
		const reply = await site.ask(names[by], method, base + fill(target), {
			headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, fill(value)])),
			...(body !== undefined && { body: JSON.parse(fill(JSON.stringify(body))) }),
		});
		if (reply.status === 202 && reply.json?.Oem?.Bimetal) {
			last.id = reply.json.Id;
			last.digest = reply.json.Oem.Bimetal.Digest;
		}
		if (by !== 'viewer') continue;
		if (typeof reply.headers.etag === 'string') last.tag = reply.headers.etag;
		const isFromBmc = leak !== undefined && door !== 'management' && (method === 'GET' || method === 'HEAD');
		shown.push(isFromBmc && reply.status === 200 ? leak(reply, await unfiltered(site, target)) : reply);
	}
	return shown;
}

/** What a BMC says to who may see everything; the query options are the proxy's. */
async function unfiltered(site: TestProxy, target: string): Promise<Unfiltered> {
	const authorization = basicLine('root', bmcPassword).slice('Authorization: '.length);
	const path = target.replace(/\?.*/, '').replace(/(.)\/$/, '$1');
	const answer = await fetch(site.bmcs.node1.url + path, { headers: { authorization } });
	return { etag: answer.headers.get('etag') ?? undefined, text: await answer.text() };
}

/** What the viewer hears of the events of its world. */
async function listen(site: TestProxy, secrecy: Secrecy, world: World): Promise<string> {
	const name = `${secrecy.viewer.toLowerCase()}-operator`;
	const authorization = basicLine(name).slice('Authorization: '.length);
	const stream = '/redfish/v1/EventService/SSE';
	const follower = await follow(site.bmcUrls.node1 + stream, { ca: site.ca, headers: { authorization } });
	try {
		while (follower.status === 200 && site.bmcs.node1.listeners() === 0) await new Promise(setImmediate);
		const root = basicLine('root', bmcPassword).slice('Authorization: '.length);
		for (const event of eventsOf(secrecy, world)) {
			const { status } = await fetch(
				`${site.bmcs.node1.url}/redfish/v1/EventService/Actions/EventService.SubmitTestEvent`,
				{
					method: 'POST',
					headers: { authorization: root, 'content-type': 'application/json' },
					body: JSON.stringify(event),
				},
			);
			if (status !== 204) throw new Error(`the BMC does not send an event: ${status}`);
		}
		while (!follower.text().includes('"last"')) {
			await follower.next().catch(() => {
				throw new Error(`the stream has ended: ${follower.status} ${follower.text()}`);
			});
		}
		return `${follower.status}\n${follower.text()}`;
	} finally {
		follower.close();
	}
}

/** Leaves out what differs between any two sites: times, ids, and what is hashed or signed over them. */
function hide(text: string): string {
	return text
		.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '<time>')
		.replace(/\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT/g, '<date>')
		.replace(/https:\/\/127\.0\.0\.1:\d+/g, '<origin>')
		.replace(/\br[0-9a-z]{12}\b/g, '<id>')
		.replace(/\b[0-9a-f]{64}\b/g, '<hash>')
		.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
		.replace(/[A-Za-z0-9_-]{40,}/g, match => (/^[A-Za-z0-9+/_-]{43,}$/.test(match) ? '<base64>' : match));
}

function comparable({ whole, text: body }: Reply, { door, target }: Step): string {
	const text = hide(whole);
	// The tag of what holds a random id is as random; of tasks without a body (304, HEAD) one cannot tell.
	const isRandom = text.includes('<id>') || (body === '' && target.startsWith('/redfish/v1/TaskService/'));
	if (door !== 'management') return isRandom ? text.replace(/\netag\n[^\n]*/i, '') : text;
	return text
		.replace(/\n(?:etag|content-length)\n[^\n]*/gi, '')
		.replace(/"(?:tookMs|size|at|seq)":[\d.]+/g, '"<number>"');
}

/**
 * Plays the same on both worlds of a secrecy; gives how many answers of status 200 were compared. Rejects when the viewer
 * can tell them apart, or is shown what is hidden.
 */
export async function compare(
	secrecy: Secrecy,
	steps: readonly Step[],
	{ reply: leaked, heard: leakedEvents }: Leak = {},
): Promise<number> {
	const now = Date.now();
	const [one, two] = await Promise.all([startWorld(secrecy, 1, now), startWorld(secrecy, 2, now)]);
	try {
		const texts = await Promise.all([listen(one, secrecy, 1), listen(two, secrecy, 2)]);
		const heard = leakedEvents
			? texts.map((text, index) => leakedEvents(text, eventsOf(secrecy, index === 0 ? 1 : 2)))
			: texts;
		const told = heard.map(text => hide(text));
		if (anyToken.test(heard.join()) || told[0] !== told[1])
			throw new Error(`events tell two worlds apart:\n${heard.join('\n--- or ---\n')}`);
		const [first, second] = await Promise.all([
			play(one, secrecy.viewer, steps, leaked),
			play(two, secrecy.viewer, steps, leaked),
		]);
		const asked = steps.filter(({ by }) => by === 'viewer');
		for (const [index, reply] of first.entries()) {
			const other = second[index];
			const step = asked[index] as Step;
			const { method, target } = step;
			const name = `${method} ${target}`;
			if (anyToken.test(reply.whole)) throw new Error(`${name} shows what is hidden: ${reply.whole}`);
			// How much of the log is on the disk already is a matter of time.
			if (target.startsWith('/p2c/v1/audit')) continue;
			if (!other || comparable(reply, step) !== comparable(other, step))
				throw new Error(`${name} tells two worlds apart:\n${reply.whole}\n--- or ---\n${other?.whole}`);
		}
		return first.filter(({ status }) => status === 200).length;
	} finally {
		await Promise.all([one.close(), two.close()]);
	}
}
