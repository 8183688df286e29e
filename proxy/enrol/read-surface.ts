import { z } from 'zod';
import type { JsonValue } from '../canonicalise/canonical-request.ts';
import { bmcGarbage } from '../forward/bmc-fault.ts';
import type { Surface } from './doors.ts';

/** GET of a resource: its status, and its body when that is JSON. */
export type Look = (
	path: string,
) => Promise<{ readonly status: number; readonly json: JsonValue | undefined }>;

const link = z.object({ '@odata.id': z.string().regex(/^\/redfish\/v1\/[^?#]*$/) });
const collection = z.object({
	Members: z.array(link).max(1000),
	'Members@odata.nextLink': z.string().optional(),
});
/** Pages of one collection that are looked at. */
const maxPages = 100;
const object = z.record(z.string(), z.json());
const manager = z.object({ NetworkProtocol: link.optional() });
const account = z.object({ UserName: z.string(), Enabled: z.boolean().default(true) });
const session = z.object({
	Id: z.string(),
	UserName: z.string().nullish(),
	ClientOriginIPAddress: z.string().nullish(),
});

const subscription = z.object({
	Id: z.string(),
	Destination: z.string().nullish(),
	SubscriptionType: z.string().nullish(),
});

/** Reads a BMC's ways in. @throws BimetalError BmcGarbage for answers that are none, and what `look` throws */
export async function readSurface(bmc: string, look: Look): Promise<Surface> {
	/** Undefined when there is no such resource; anything else that is no answer is a fault, for nothing is then known. */
	const read = async <T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> => {
		const { status, json } = await look(path);
		if (status === 404) return undefined;
		if (status !== 200) throw bmcGarbage(bmc, `status ${status} for ${path}`);
		const parsed = schema.safeParse(json);
		if (!parsed.success) throw bmcGarbage(bmc, `${path} is not what Redfish says`, parsed.error);
		return parsed.data;
	};
	const members = async <T>(path: string, schema: z.ZodType<T>): Promise<(T & { path: string })[]> => {
		const found: (T & { path: string })[] = [];
		let next: string | undefined = path;
		for (let pages = 0; next !== undefined; pages++) {
			// A page that is not seen could hold any door.
			if (pages >= maxPages) throw bmcGarbage(bmc, `${path} has more than ${maxPages} pages`);
			const page: z.infer<typeof collection> | undefined = await read(next, collection);
			for (const { '@odata.id': at } of page?.Members ?? []) {
				const member = await read(at, schema); // gone meanwhile: sessions come and go
				if (member) found.push({ ...member, path: at });
			}
			next = page?.['Members@odata.nextLink'];
			if (next !== undefined && !next.startsWith(`${path}?`))
				throw bmcGarbage(bmc, `the next page of ${path} is elsewhere`);
		}
		return found;
	};

	const protocols: Surface['protocols'][number][] = [];
	for (const { path, NetworkProtocol } of await members('/redfish/v1/Managers', manager)) {
		const at = NetworkProtocol?.['@odata.id'] ?? `${path}/NetworkProtocol`;
		const resource = await read(at, object);
		if (resource) protocols.push({ path: at, resource });
	}
	const accountService = await read('/redfish/v1/AccountService', object);
	const accounts = await members('/redfish/v1/AccountService/Accounts', account);
	const sessions = await members('/redfish/v1/SessionService/Sessions', session);
	const subscriptions = await members('/redfish/v1/EventService/Subscriptions', subscription);
	return {
		protocols,
		accountService,
		accounts: accounts.map(({ path, UserName, Enabled }) => ({ path, name: UserName, enabled: Enabled })),
		sessions: sessions.map(({ path, Id, UserName, ClientOriginIPAddress }) => ({
			path,
			id: Id,
			account: UserName ?? '',
			address: ClientOriginIPAddress ?? '',
		})),
		subscriptions: subscriptions.map(({ path, Id, Destination, SubscriptionType }) => ({
			path,
			id: Id,
			destination: Destination ?? '',
			isStream: SubscriptionType === 'SSE',
		})),
	};
}
