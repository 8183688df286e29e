import { pathOf } from './paths.ts';
import { firstOf, type Rule, type Service, system, unlessExtendedError, unlessStatus } from './rule.ts';

const service = '/redfish/v1/EventService';
const subscriptions = `${service}/Subscriptions`;
const subscription = { Destination: 'https://localhost:9/hook', Protocol: 'Redfish', Context: 'conformance' };

/** Something that every service tells of. */
async function causeEvent({ ask }: Service): Promise<void> {
	for (const ResetType of ['ForceOff', 'On'])
		await ask('POST', `${system}/Actions/ComputerSystem.Reset`, { body: { ResetType } });
}

const membersOf = async ({ ask }: Service): Promise<string[]> =>
	(await ask('GET', subscriptions)).json.Members.map(
		(member: { '@odata.id': string }) => member['@odata.id'],
	);

/** Looks until it holds; a stream that was closed is noticed a moment later. */
async function soon(holds: () => Promise<boolean>): Promise<boolean> {
	for (let i = 0; i < 200; i++) {
		if (await holds()) return true;
	}
	return false;
}

/** DSP0266, clause 12: service details; its eventing. */
export const eventRules: readonly Rule[] = [
	{
		id: 'subscribe',
		clause: 'Eventing',
		rule: 'a subscription is created with 201 and Location, is listed, and is gone when it was deleted',
		async check(tried) {
			const made = await tried.ask('POST', subscriptions, { body: subscription });
			const location = pathOf(made.headers.location);
			const listed = (await membersOf(tried)).includes(location);
			const shown = await tried.ask('GET', location);
			return firstOf(
				unlessStatus(made, 201),
				!listed && 'it is not listed',
				shown.json.Context !== subscription.Context && `it is shown as ${shown.text}`,
				unlessStatus(await tried.ask('DELETE', location), 200, 204),
				unlessStatus(await tried.ask('GET', location), 404),
			);
		},
	},
	{
		id: 'subscribe-bad',
		clause: 'Eventing',
		rule: 'a subscription that cannot be is refused with an error that says why',
		async check({ ask }) {
			const { Destination: _, ...nowhere } = subscription;
			for (const body of [
				nowhere,
				{ ...subscription, Protocol: 'Pigeon' },
				{ ...subscription, Destination: 'x' },
			]) {
				const reply = await ask('POST', subscriptions, { body });
				const wrong = firstOf(unlessStatus(reply, 400), unlessExtendedError(reply));
				if (wrong) return `${JSON.stringify(body)}: ${wrong}`;
			}
		},
	},
	{
		id: 'sse-open',
		clause: 'Server-sent events',
		rule: 'a stream is opened with 200 and text/event-stream at the ServerSentEventUri, and stays open',
		async check({ ask, follow }) {
			const { ServerSentEventUri } = (await ask('GET', service)).json;
			const stream = await follow(ServerSentEventUri);
			stream.close();
			return stream.status === 200 && /^text\/event-stream/.test(String(stream.headers['content-type']))
				? undefined
				: `${stream.status} ${stream.headers['content-type']}`;
		},
	},
	{
		id: 'sse-refused',
		clause: 'Server-sent events',
		rule: 'a stream that is not opened is answered with 4xx or 5xx and a JSON error',
		async check({ ask }) {
			const headers = { accept: 'text/event-stream' };
			const reply = await ask('GET', `${service}/SSE?$filter=nonsense`, { headers });
			return firstOf(
				reply.status < 400 && `status ${reply.status}`,
				!/^application\/json/.test(String(reply.headers['content-type'])) &&
					String(reply.headers['content-type']),
				unlessExtendedError(reply),
			);
		},
	},
	{
		id: 'sse-event',
		clause: 'Server-sent events',
		rule: 'each event has an id of its own, and the JSON of an Event as its data',
		async check(tried) {
			const stream = await tried.follow(`${service}/SSE`);
			await causeEvent(tried);
			const events = [await stream.next(), await stream.next()];
			stream.close();
			return firstOf(
				new Set(events.map(({ id }) => id)).size !== 2 && 'they share an id',
				events.some(({ id }) => id === undefined || id === '') && 'one has no id',
				events.some(({ json }) => !/^#Event\./.test(json['@odata.type'])) && JSON.stringify(events[0]?.json),
				events.some(({ json }) => !Array.isArray(json.Events)) && 'no Events',
			);
		},
	},
	{
		id: 'sse-destination',
		clause: 'Server-sent events',
		rule: 'an open stream is an EventDestination among the subscriptions, which goes when the stream is closed',
		broken: {
			bmc: 'it lists only what it pushes to',
		},
		async check(tried) {
			const before = await membersOf(tried);
			const stream = await tried.follow(`${service}/SSE`);
			const added = (await membersOf(tried)).filter(member => !before.includes(member));
			stream.close();
			if (added.length !== 1) return `${added.length} were added`;
			return (await soon(async () => !(await membersOf(tried)).includes(added[0] ?? '')))
				? undefined
				: 'it is still there';
		},
	},
	{
		id: 'sse-deleted',
		clause: 'Server-sent events',
		rule: 'a stream ends when its EventDestination is deleted',
		broken: {
			bmc: 'it lists only what it pushes to',
		},
		async check(tried) {
			const before = await membersOf(tried);
			const stream = await tried.follow(`${service}/SSE`);
			const [added] = (await membersOf(tried)).filter(member => !before.includes(member));
			if (added === undefined) {
				stream.close();
				return 'it has none';
			}
			const deleted = await tried.ask('DELETE', added);
			if (deleted.status >= 300) {
				stream.close();
				return unlessStatus(deleted, 200, 204);
			}
			await stream.ended;
		},
	},
];
