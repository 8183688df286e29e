import { basicOf, type Follower, follow } from '../proxy/follow.ts';
import type { TestProxy } from '../proxy/start-proxy.ts';

type AuditRecord = TestProxy['records'][number];
type Decision = Extract<AuditRecord, { kind: 'decision' }>;

const service = '/redfish/v1/EventService';
const testAction = `${service}/Actions/EventService.SubmitTestEvent`;
const people = { HSO: 'hso-operator', CP: 'cp-operator' } as const;
const places = (['node1', 'node2', 'node3'] as const).flatMap(bmc =>
	(['HSO', 'CP'] as const).map(party => ({ bmc, party, key: `${bmc} ${party}` })),
);

/** What the proxy carries out by itself, by the rows of the table that say so: no BMC hears of it. */
export interface OwnWork {
	/** True when a row says that the proxy does this itself; `number` is the record's place in the log. */
	take(record: Decision, number: number | undefined): boolean;
	/** The status that was answered to the decision of this number. */
	answered(decision: number, status: number): void;
	/** What was answered with success and is not so, one line each. */
	check(): Promise<string[]>;
	close(): void;
}

/** Watches the event services of all parties at all BMCs, and follows the events of each. */
export async function watchOwnWork(site: TestProxy): Promise<OwnWork> {
	const own = new Set(
		site.policies.operations.filter(({ handledBy }) => handledBy === 'proxy').map(({ name }) => name),
	);
	const followers = new Map<string, Follower>();
	for (const { bmc, party, key } of places) {
		const url = `${site.bmcUrls[bmc]}${service}/SSE`;
		const follower = await follow(url, { ca: site.ca, headers: basicOf(people[party]) });
		if (follower.status !== 200) throw new Error(`events cannot be followed: ${follower.text()}`);
		followers.set(key, follower);
	}
	const decided = new Map<number, Decision>();
	const expected = new Map(places.map(({ key }) => [key, { attempts: 3, subscriptions: 0, events: 0 }]));

	const seen = async ({ bmc, party, key }: (typeof places)[number]) => {
		const ask = site.at(people[party], bmc);
		const { json: root } = await ask('GET', service);
		const { json: list } = await ask('GET', `${service}/Subscriptions`);
		return {
			attempts: root.DeliveryRetryAttempts as number,
			// The stream that is followed is one of them.
			subscriptions: list.Members.length - 1,
			events: (
				followers
					.get(key)
					?.text()
					.match(/"EventId":"test-/g) ?? []
			).length,
		};
	};

	return {
		take(record, number) {
			// The results of a BMC's tasks are told by the proxy as well, which asks the BMC for them.
			const isEvents = record.path.startsWith(`${service}/`) || record.path === service;
			if (!isEvents || !record.operations.some(name => own.has(name))) return false;
			if (number !== undefined) decided.set(number, record);
			return true;
		},
		answered(number, status) {
			const record = decided.get(number);
			decided.delete(number);
			const state = record && expected.get(`${record.bmc} ${record.party}`);
			if (!record || !state || status >= 300) return;
			const { method, path } = record;
			const body = JSON.parse(record.request?.body ?? '{}');
			if (path === testAction) state.events++;
			else if (path === service) state.attempts = body.DeliveryRetryAttempts ?? state.attempts;
			else if (path === `${service}/Subscriptions` && method === 'POST') state.subscriptions++;
		},
		async check() {
			const wrong: string[] = [];
			for (const place of places) {
				const should = JSON.stringify(expected.get(place.key));
				let is = '';
				for (const until = Date.now() + 5000; Date.now() < until; ) {
					is = JSON.stringify(await seen(place));
					if (is === should) break;
				}
				if (is !== should) wrong.push(`the event service of ${place.key} is ${is}, and should be ${should}`);
			}
			return wrong;
		},
		close() {
			for (const follower of followers.values()) follower.close();
		},
	};
}
