import { z } from 'zod';
import type { JsonValue } from '../canonicalise/canonical-request.ts';

/** A request that changes a BMC. */
export const change = z.strictObject({
	method: z.enum(['PATCH', 'DELETE']),
	path: z.string().startsWith('/redfish/v1/'),
	body: z.record(z.string(), z.json()).optional(),
});
export type Change = z.infer<typeof change>;

/** A way into a BMC beside the proxy that stands open. */
export interface Door {
	readonly kind:
		| 'protocol'
		| 'account'
		| 'session'
		| 'subscription'
		| 'authentication'
		| 'directory'
		| 'certificate';
	/** For instance `SSH` or `account oper1`; the same door always has the same name. */
	readonly name: string;
	/** Undefined where no request shuts it. */
	readonly shut: Change | undefined;
	/** Undefined where nothing brings it back. */
	readonly reopen: Change | undefined;
}

/** What a BMC says of its ways in. */
export interface Surface {
	readonly protocols: readonly { readonly path: string; readonly resource: JsonObject }[];
	/** Undefined where the BMC does not show one. */
	readonly accountService: JsonObject | undefined;
	readonly accounts: readonly { readonly path: string; readonly name: string; readonly enabled: boolean }[];
	readonly sessions: readonly {
		readonly path: string;
		readonly id: string;
		readonly account: string;
		readonly address: string;
	}[];
	/** Whom the BMC itself tells of its events. */
	readonly subscriptions: readonly {
		readonly path: string;
		readonly id: string;
		/** URL; empty for a stream that somebody holds open. */
		readonly destination: string;
		readonly isStream: boolean;
	}[];
}
type JsonObject = { readonly [key: string]: JsonValue };

/** Which of them are meant to be open. */
export interface DoorRules {
	/** The proxy's account on the BMC. */
	readonly account: string;
	/** Accounts that the site's owner keeps for others. */
	readonly keep: readonly string[];
	readonly accounts: 'disable' | 'delete';
	/** Path of the session that looks. */
	readonly ownSession: string | undefined;
	/** Sessions of the proxy's account from the address of its own are the proxy's, perhaps from before a crash. */
	readonly sameHost: boolean;
	/** Event streams that the proxy itself has from the BMC. */
	readonly ownStreams: number;
}

const accountService = '/redfish/v1/AccountService';

/**
 * Network protocols by which one can read or change something (DSP0268, ManagerNetworkProtocol): all but HTTPS, by
 * which the proxy comes, and those by which the BMC asks others (DHCP, NTP) or only announces itself (SSDP).
 */
const protocols = [
	'SSH',
	'IPMI',
	'Telnet',
	'HTTP',
	'SNMP',
	'KVMIP',
	'VirtualMedia',
	'FTP',
	'FTPS',
	'SFTP',
	'RDP',
	'RFB',
] as const;

/** OpenBMC's ways to log in over HTTPS; XToken is the proxy's own. */
const authMethods = {
	BasicAuth: 'Basic log-in',
	Cookie: 'cookie log-in',
	SessionToken: 'Authorization: Token log-in',
	TLS: 'client certificate log-in',
} as const;

/** The doors that stand open and should not, in the order in which to shut them. Pure. */
export function openDoors(surface: Surface, rules: DoorRules): readonly Door[] {
	return [
		...accountDoors(surface, rules),
		...sessionDoors(surface, rules),
		...subscriptionDoors(surface, rules),
		...loginDoors(surface.accountService),
		...surface.protocols.flatMap(({ path, resource }) =>
			protocols
				.filter(name => valueAt(resource, name, 'ProtocolEnabled') === true)
				.map(name => toggle('protocol', name, path, on => ({ [name]: { ProtocolEnabled: on } }))),
		),
	];
}

function accountDoors({ accounts }: Surface, rules: DoorRules): Door[] {
	return accounts
		.filter(({ name, enabled }) => enabled && name !== rules.account && !rules.keep.includes(name))
		.map(({ path, name }) => {
			const door = toggle('account', `account ${name}`, path, on => ({ Enabled: on }));
			if (rules.accounts === 'disable') return door;
			return { ...door, shut: { method: 'DELETE', path }, reopen: undefined };
		});
}

function sessionDoors({ sessions }: Surface, rules: DoorRules): Door[] {
	const own = sessions.find(({ path }) => path === rules.ownSession);
	const isOurs = (session: Surface['sessions'][number]): boolean =>
		session === own ||
		(rules.sameHost &&
			own !== undefined &&
			session.account === rules.account &&
			session.address === own.address);
	return sessions
		.filter(session => !isOurs(session) && !rules.keep.includes(session.account))
		.map(({ path, id, account, address }) => ({
			kind: 'session',
			name: `session ${id} of ${account}${address && ` from ${address}`}`,
			shut: { method: 'DELETE', path },
			reopen: undefined,
		}));
}

/**
 * The proxy subscribes to nothing, it follows one stream. BMCs do not say whose a stream is: where there are more of
 * them than the proxy has, none is trusted, and the proxy opens its own again.
 */
function subscriptionDoors({ subscriptions }: Surface, { ownStreams }: DoorRules): Door[] {
	const streams = subscriptions.filter(({ isStream }) => isStream).length;
	return subscriptions
		.filter(({ isStream }) => !isStream || streams > ownStreams)
		.map(({ path, id, destination, isStream }) => ({
			kind: 'subscription',
			name: isStream ? `event stream ${id}` : `event subscription ${id} to ${receiverOf(destination)}`,
			shut: { method: 'DELETE', path },
			reopen: undefined,
		}));
}

/** Without path and query, where secrets may stand. */
function receiverOf(destination: string): string {
	const url = URL.canParse(destination) ? new URL(destination) : undefined;
	return url?.host ? `${url.protocol}//${url.host}` : 'a place of no known form';
}

function loginDoors(service: JsonObject | undefined): Door[] {
	if (!service) return [];
	const doors: Door[] = [];
	if (service.HTTPBasicAuth === 'Enabled' || service.HTTPBasicAuth === 'Unadvertised') {
		const was = service.HTTPBasicAuth;
		doors.push(
			toggle('authentication', 'HTTP Basic log-in', accountService, on => ({
				HTTPBasicAuth: on ? was : 'Disabled',
			})),
		);
	}
	for (const [method, name] of Object.entries(authMethods)) {
		if (valueAt(service, 'Oem', 'OpenBMC', 'AuthMethods', method) !== true) continue;
		doors.push(
			toggle('authentication', name, accountService, on => ({
				Oem: { OpenBMC: { AuthMethods: { [method]: on } } },
			})),
		);
	}
	for (const [directory, name] of [
		['LDAP', 'LDAP accounts'],
		['ActiveDirectory', 'Active Directory accounts'],
	] as const) {
		if (valueAt(service, directory, 'ServiceEnabled') !== true) continue;
		doors.push(toggle('directory', name, accountService, on => ({ [directory]: { ServiceEnabled: on } })));
	}
	return doors;
}

function toggle(
	kind: Door['kind'],
	name: string,
	path: string,
	body: (on: boolean) => NonNullable<Change['body']>,
): Door {
	const patch = (on: boolean): Change => ({ method: 'PATCH', path, body: body(on) });
	return { kind, name, shut: patch(false), reopen: patch(true) };
}

function valueAt(value: JsonValue, ...keys: string[]): JsonValue | undefined {
	let at: JsonValue | undefined = value;
	for (const key of keys) {
		if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, key))
			return undefined;
		at = (at as JsonObject)[key];
	}
	return at;
}
