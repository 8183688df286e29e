import { z } from 'zod';
import { isLoopback } from '../../../common/network/loopback.ts';
import { parseRemote, type Remote } from '../../../common/ovsdb/remote.ts';

/** Names of bridges and ports are names of devices: IFNAMSIZ is 16, with the zero at its end. */
export const isDeviceName = (name: string): boolean => /^[^\s/]{1,15}$/.test(name) && !/^\.{1,2}$/.test(name);

const bridgeName = z
	.string()
	.refine(isDeviceName, 'expected the name of a bridge: up to 15 characters, no / or space');

const remote = z.string().superRefine((text, context) => {
	const parsed = parseRemote(text);
	const message =
		parsed === undefined
			? 'expected unix:/PATH, ssl:HOST:PORT or, on this machine, tcp:127.0.0.1:PORT'
			: parsed.kind === 'tcp' && !isLoopback(parsed.host)
				? 'whoever is on the way could change it: ssl:HOST:PORT, or loopback'
				: undefined;
	if (message !== undefined) context.addIssue({ code: 'custom', message });
});
const pem = (what: string) =>
	z
		.string()
		.regex(new RegExp(`^-----BEGIN ([A-Z]+ )?${what}-----\n`), `expected a ${what.toLowerCase()} as PEM`);

/** What registering an Open vSwitch says. The first three are HIL's. */
export const openVswitchSettings = z
	.strictObject({
		/** The bridge that switches by VLAN. HIL's driver calls it so. */
		hostname: bridgeName,
		/** HIL's clients send them. The database has no users, so they are of no use. */
		username: z.string().optional(),
		password: z.string().optional(),
		/** The switch's database, as ovs-vsctl takes it for `--db`. */
		database: remote.default('unix:/var/run/openvswitch/db.sock'),
		/** The bridge of ports that carry nothing; made when it is not there. `HOSTNAME-off` when absent. */
		isolated: bridgeName.optional(),
		/** The control socket of ovs-vswitchd, where it is not where Open vSwitch puts it beside the database's. */
		control: z.string().startsWith('/').optional(),
		/** By what the switch knows us over TLS, PEM. */
		certificate: pem('CERTIFICATE').optional(),
		key: pem('PRIVATE KEY').optional(),
	})
	.superRefine(({ hostname, isolated, database, control, certificate, key }, context) => {
		const need = (path: string, message: string) =>
			context.addIssue({ code: 'custom', path: [path], message });
		const off = isolated ?? `${hostname}-off`;
		if (!isDeviceName(off)) need('isolated', `${off} is too long for a bridge: name one`);
		if (off === hostname) need('isolated', 'expected another bridge than hostname');
		const isTls = parseRemote(database)?.kind === 'ssl';
		for (const [name, value] of Object.entries({ certificate, key })) {
			if (isTls && value === undefined) need(name, 'the switch asks for one over TLS');
			if (!isTls && value !== undefined) need(name, 'there is no TLS on the way to this database');
		}
		if (isTls && control !== undefined) need('control', 'another machine’s socket cannot be reached');
	});

/** What the driver goes by. */
export interface OpenVswitchPlace {
	/** Where ports are that carry something, and those that carry nothing. */
	readonly connected: string;
	readonly isolated: string;
	readonly remote: Remote;
	readonly control: string | undefined;
	readonly certificate: string | undefined;
	readonly key: string | undefined;
}

export function placeOf(given: unknown): OpenVswitchPlace {
	const { hostname, isolated, database, control, certificate, key } = openVswitchSettings.parse(given);
	const parsed = parseRemote(database);
	if (!parsed) throw new TypeError('checked above');
	return {
		connected: hostname,
		isolated: isolated ?? `${hostname}-off`,
		remote: parsed,
		control,
		certificate,
		key,
	};
}
