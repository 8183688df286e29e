import { z } from 'zod';
import { systemClock } from '../../../common/clock.ts';
import { nativelessTrunk } from '../../model/switch-kind.ts';
import type { Dialect } from '../command-line/dialect.ts';
import { openPortDriver } from '../command-line/port-driver.ts';
import { createSession, type SessionDeps } from '../command-line/session.ts';
import type { SwitchTrust, SwitchType } from '../driver.ts';
import { parseKnownHosts } from '../transport/known-hosts.ts';
import { sshAddress, sshHost } from '../transport/ssh-host.ts';
import { n3000Dialect } from './n3000-dialect.ts';
import { nos9Dialect } from './nos9-dialect.ts';
import { powerConnect55xxDialect } from './powerconnect55xx-dialect.ts';

const base = 'http://schema.massopencloud.org/haas/v0/switches/';

/** HIL's own fields, and one of ours. */
const account = {
	hostname: sshHost,
	username: z.string().min(1),
	password: z.string().min(1),
	enable_password: z.string().min(1).optional(),
};
/** HIL sends VLANs as texts. */
const vlan = z.union([z.int(), z.string().regex(/^\d{1,4}$/)]).transform(Number);

/** As HIL has them: what ports are called in commands, before their number. */
const interfaceTypes = [
	'GigabitEthernet',
	'TenGigabitEthernet',
	'TwentyfiveGigabitEthernet',
	'fortyGigE',
	'peGigabitEthernet',
	'FiftyGigabitEthernet',
	'HundredGigabitEthernet',
] as const;
const slotPort = /^\d{1,2}\/\d{1,3}(?:\/\d{1,3})?$/;
const portName = /^(?:gi|te)\d{1,2}\/\d{1,3}(?:\/\d{1,3})?$/;

/** Dell switches of before OS10, by their command line over SSH. */
export function createDellTypes(
	trust: SwitchTrust,
	{ clock = systemClock, quiet = 5_000 }: Partial<SessionDeps> = {},
): readonly SwitchType[] {
	const knownHosts = parseKnownHosts(trust.knownHosts ?? '');
	const deps: SessionDeps = { clock, quiet, unsettled: new Map() };
	const ports = {
		capabilities: [nativelessTrunk],
		secrets: ['password', 'enable_password'],
		isPortName: (name: string) => portName.test(name),
		portNames: 'gi1/0/11, te1/0/12, gi1/12 and the like',
	};
	function open<Port>(
		given: z.output<z.ZodObject<typeof account>>,
		dialect: Dialect<Port>,
		names: RegExp = portName,
	) {
		const { hostname, username, password, enable_password: enablePassword } = given;
		const target = { ...sshAddress(hostname), username, password, enablePassword, knownHosts, isOld: true };
		return openPortDriver(createSession(target, dialect, deps), dialect, name => names.test(name));
	}

	const powerConnect55xx = z.strictObject(account);
	const n3000 = z.strictObject({
		...account,
		dummy_vlan: vlan.refine(it => it >= 2 && it <= 4093, 'expected a VLAN from 2 to 4093'),
	});
	const nos9 = z.strictObject({ ...account, interface_type: z.enum(interfaceTypes) });
	return [
		{
			...ports,
			type: `${base}powerconnect55xx`,
			settings: powerConnect55xx,
			open: given => open(powerConnect55xx.parse(given), powerConnect55xxDialect),
		},
		{
			...ports,
			type: `${base}dellnos9`,
			settings: nos9,
			isPortName: name => slotPort.test(name),
			portNames: '1/12 or 1/0/12',
			open(given) {
				const { interface_type: interfaceType, ...rest } = nos9.parse(given);
				return open(rest, nos9Dialect(interfaceType), slotPort);
			},
		},
		{
			...ports,
			type: `${base}delln3000`,
			settings: n3000,
			open(given) {
				const { dummy_vlan: dummy, ...rest } = n3000.parse(given);
				return open(rest, n3000Dialect(dummy));
			},
		},
	];
}
