// An S3048-ON with Dell Networking OS 9 as its Configuration Guide and CLI Reference describe it. Error texts that those do
// not give are like those that they give.
import type { PortState } from '../../core/actions.ts';
import type { Device, Rule, Shell } from '../command-line/simulator.fixture.ts';
import { listLines } from './trunk-device.fixture.ts';

interface SimulatedPort {
	isShut: boolean;
	isSwitchport: boolean;
	isHybrid: boolean;
	/** Other lines of its configuration. */
	extra: string[];
}

interface Config {
	defaultVlan: number;
	readonly ports: Map<string, SimulatedPort>;
	/** Members by VLAN; the default one has those that are untagged nowhere. */
	readonly vlans: Map<number, { untagged: Set<string>; tagged: Set<string> }>;
}

const names = ['1/1', '1/2', '1/3', '1/4'];
const type = 'GigabitEthernet';

export interface Nos9Device extends Device {
	readonly running: Config;
}

/** The first two ports are as they come, shut and in no VLAN; the third was put into the default VLAN. */
export function createNos9(): Nos9Device {
	let running: Config = {
		defaultVlan: 1,
		vlans: new Map([[1, { untagged: new Set(), tagged: new Set() }]]),
		ports: new Map(
			names.map((name, index) => [
				name,
				{ isShut: index !== 2, isSwitchport: index === 2, isHybrid: false, extra: [] },
			]),
		),
	};
	let startup = structuredClone(running);

	const portOf = (name: string): SimulatedPort => {
		const port = running.ports.get(name);
		if (!port) throw new TypeError(`no port ${name}`);
		return port;
	};
	const vlansWith = (name: string, how: 'tagged' | 'untagged'): number[] =>
		[...running.vlans]
			.filter(([, members]) => members[how].has(name))
			.map(([vlan]) => vlan)
			.sort((a, b) => a - b);

	/** In which VLANs it is, shut or not. */
	function membership(name: string): PortState {
		const { isSwitchport, isHybrid } = portOf(name);
		if (!isSwitchport) return { native: null, tagged: [] };
		const tagged = vlansWith(name, 'tagged');
		const untagged = vlansWith(name, 'untagged')[0];
		return { native: untagged ?? (isHybrid || tagged.length === 0 ? running.defaultVlan : null), tagged };
	}

	function carries(name: string): PortState {
		const { isShut, isHybrid } = portOf(name);
		if (isShut) return { native: null, tagged: [] };
		const { native, tagged } = membership(name);
		// By a note on native VLANs in the Configuration Guide, such a port lets in whatever is tagged.
		if (!isHybrid || tagged.length > 0) return { native, tagged };
		return {
			native,
			tagged: [...running.vlans.keys()].filter(vlan => vlan !== native).sort((a, b) => a - b),
		};
	}

	const caret = (column: number): string[] => [
		`${' '.repeat(column)}^`,
		'% Error: Invalid input at "^" marker.',
	];
	const short = (name: string): string => `Gi ${name}`;
	const to =
		(mode: Shell['mode']) =>
		(_: RegExpExecArray, shell: Shell): readonly string[] => {
			Object.assign(shell, { mode, at: '' });
			return [];
		};

	/** `tagged GigabitEthernet 1/1` in a VLAN. */
	function join(vlan: number, how: 'tagged' | 'untagged', name: string): readonly string[] {
		const port = running.ports.get(name);
		const members = running.vlans.get(vlan);
		if (!port || !members) return [`% Error: No such interface ${type} ${name}.`];
		if (!port.isSwitchport) return [`% Error: ${short(name)} is not in Layer-2 mode.`];
		if (how === 'tagged' && vlan === running.defaultVlan)
			return ['% Error: Only untagged ports can be in the default VLAN.'];
		const elsewhere = vlansWith(name, 'untagged').filter(each => each !== vlan);
		if (how === 'untagged' && elsewhere.length > 0)
			return [`% Error: ${short(name)} is untagged in Vlan ${elsewhere[0]}.`];
		const isOther = vlansWith(name, how === 'tagged' ? 'untagged' : 'tagged').length > 0;
		if (isOther && !port.isHybrid)
			return [`% Error: ${short(name)} can be tagged and untagged in hybrid mode only.`];
		if (members[how === 'tagged' ? 'untagged' : 'tagged'].has(name))
			return [`% Error: ${short(name)} is in Vlan ${vlan} otherwise.`];
		if (vlan !== running.defaultVlan) members[how].add(name);
		return [];
	}

	function leave(vlan: number, how: 'tagged' | 'untagged', name: string): readonly string[] {
		if (vlan === running.defaultVlan) return ['% Error: A port leaves the default VLAN by joining another.'];
		if (!running.vlans.get(vlan)?.[how].delete(name))
			return [`% Error: ${short(name)} is not ${how} in Vlan ${vlan}.`];
		return [];
	}

	function setPort(shell: Shell, text: string): readonly string[] {
		const port = portOf(shell.at);
		const isMember = vlansWith(shell.at, 'tagged').length + vlansWith(shell.at, 'untagged').length > 0;
		switch (text) {
			case 'shutdown':
				port.isShut = true;
				return [];
			case 'no shutdown':
				port.isShut = false;
				return [];
			case 'switchport':
				if (port.extra.some(line => line.startsWith('ip address')))
					return [`% Error: Port is in Layer-3 mode ${short(shell.at)}.`];
				port.isSwitchport = true;
				return [];
			case 'no switchport':
				if (isMember) return [`% Error: Port is part of a non-default VLAN ${short(shell.at)}.`];
				port.isSwitchport = false;
				return [];
			default:
				if (port.isSwitchport) return [`% Error: Port is in Layer-2 mode ${short(shell.at)}.`];
				port.isHybrid = text === 'portmode hybrid';
				return [];
		}
	}

	const rules: Rule[] = [
		{ in: ['exec'], text: /^enable$/, run: to('privileged') },
		{
			in: ['exec', 'privileged'],
			text: /^terminal length (\d+)$/,
			run([, length], shell) {
				shell.isPaged = length !== '0';
				return [];
			},
		},
		{ in: ['privileged'], text: /^configure( terminal)?$/, run: to('config') },
		{ in: ['config', 'interface', 'vlan'], text: /^end$/, run: to('privileged') },
		{ in: ['config'], text: /^exit$/, run: to('privileged') },
		{ in: ['interface', 'vlan'], text: /^exit$/, run: to('config') },
		{
			in: ['config'],
			text: /^interface GigabitEthernet (\S+)$/,
			run([, name = ''], shell) {
				if (!running.ports.has(name)) return [`% Error: No such interface ${type} ${name}.`];
				Object.assign(shell, { mode: 'interface', at: name });
				return [];
			},
		},
		{
			in: ['config'],
			text: /^interface vlan (\d{1,4})$/,
			run([, given], shell) {
				const vlan = Number(given);
				if (vlan < 1 || vlan > 4094) return ['% Error: Value out of range at "^" marker.'];
				if (!running.vlans.has(vlan)) running.vlans.set(vlan, { untagged: new Set(), tagged: new Set() });
				Object.assign(shell, { mode: 'vlan', at: `${vlan}` });
				return [];
			},
		},
		{
			in: ['interface'],
			text: /^(?:no )?(?:shutdown|switchport|portmode hybrid)$/,
			run: ([text], shell) => setPort(shell, text),
		},
		{
			in: ['vlan'],
			text: /^(no )?(tagged|untagged) GigabitEthernet (\S+)$/,
			run: ([, no, how, name = ''], shell) =>
				(no ? leave : join)(Number(shell.at), how === 'tagged' ? 'tagged' : 'untagged', name),
		},
		{
			in: ['privileged'],
			text: /^show running-config interface GigabitEthernet (\S+)$/,
			run([, name = '']) {
				const port = running.ports.get(name);
				if (!port) return [`% Error: No such interface ${type} ${name}.`];
				return [
					'!',
					`interface ${type} ${name}`,
					...(port.extra.some(line => line.startsWith('ip address')) ? [] : [' no ip address']),
					...port.extra.map(line => ` ${line}`),
					...(port.isHybrid ? [' portmode hybrid'] : []),
					...(port.isSwitchport ? [' switchport'] : []),
					port.isShut ? ' shutdown' : ' no shutdown',
				];
			},
		},
		{
			in: ['privileged'],
			text: /^show running-config \| grep default$/,
			run: () => (running.defaultVlan === 1 ? [] : [`default vlan-id ${running.defaultVlan}`]),
		},
		{
			in: ['privileged'],
			text: /^show interfaces switchport GigabitEthernet (\S+)$/,
			run: ([, name = '']) =>
				running.ports.get(name)?.isSwitchport
					? switchportOf(name)
					: [`% Error: ${short(name)} is not in Layer-2 mode.`],
		},
		{
			in: ['privileged'],
			text: /^write memory$/,
			run() {
				startup = structuredClone(running);
				return [
					'!',
					'Mar 13 01:02:03: %STKUNIT1-M:CP %FILEMGR-5-FILESAVED: Copied running-config to startup-config in flash by hil',
				];
			},
		},
	];

	function switchportOf(name: string): readonly string[] {
		const { native, tagged } = membership(name);
		const { isHybrid } = portOf(name);
		const list = tagged.length === 0 ? [] : listLines(tagged, '        ');
		return [
			'',
			'Codes:  U - Untagged, T - Tagged',
			'        x - Dot1x untagged, X - Dot1x tagged',
			'        G - GVRP tagged, M - Trunk',
			'        i - Internal untagged, I - Internal tagged, v - VLT untagged, V - VLT tagged',
			'',
			`Name: ${type} ${name}`,
			`802.1QTagged: ${isHybrid ? 'Hybrid' : tagged.length > 0 ? 'True' : 'False'}`,
			'Vlan membership:',
			'Q       Vlans',
			...(native === null ? [] : [`U       ${native}`]),
			...list.map((line, index) => (index === 0 ? `T       ${line}` : line)),
			'',
			...(native === null ? [] : [`Native VlanId:    ${native}.`, '']),
			'',
			'',
		];
	}

	function prompt({ mode, at }: Shell): string {
		if (mode === 'exec') return 'Dell>';
		if (mode === 'privileged') return 'Dell#';
		if (mode === 'config') return 'Dell(conf)#';
		return `Dell(conf-if-${mode === 'interface' ? 'gi' : 'vl'}-${at})#`;
	}
	return {
		look: { pager: ' --More-- ', pagerGone: '\b \b'.repeat(10), page: 20 },
		asks: { username: 'Login: ', password: 'Password: ' },
		ssh: { hostKey: 'rsa' },
		begin: 'privileged',
		rules,
		sessions: { most: 10, refusal: '% Error: All sessions are in use' },
		prompt,
		unknown: (_text, _shell, column) => caret(column),
		carries,
		ports: names,
		get running() {
			return running;
		},
		restart() {
			running = structuredClone(startup);
		},
	};
}
