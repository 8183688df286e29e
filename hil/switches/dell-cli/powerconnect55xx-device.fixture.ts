// A PowerConnect 5548 as its User Guide and CLI Reference Guide describe it. Error texts that those do not give are like
// those of other devices of the same maker.
import type { Asking, Device, Rule, Shell } from '../command-line/simulator.fixture.ts';
import {
	configurationRow,
	factoryConfig,
	givenVlans,
	listLines,
	passing,
	type SimulatedTrunkPort,
	type TrunkConfig,
} from './trunk-device.fixture.ts';

const highest = 4094;
const names = ['gi1/0/1', 'gi1/0/2', 'gi1/0/3', 'te1/0/1'];

export interface PowerConnectDevice extends Device {
	readonly running: TrunkConfig;
	isSaved: boolean;
}

/**
 * The first two ports are shut, as ports of nodes must be; the others are as they come. `isListed`: whether the native
 * VLAN of a trunk is one of those that are allowed, or a member by itself.
 */
export function createPowerConnect55xx(isListed = true): PowerConnectDevice {
	let running = factoryConfig(names, highest);
	for (const name of names.slice(0, 2)) Object.assign(running.ports.get(name) ?? {}, { isShut: true });
	let startup = structuredClone(running);
	let hasStartup = false;

	const badPort = ['% bad parameter value'];
	const badVlans = ['% Wrong number of parameters or invalid range, size or characters entered'];

	function withPort(
		shell: Shell,
		change: (port: SimulatedTrunkPort) => readonly string[] | undefined,
	): readonly string[] {
		const port = running.ports.get(shell.at);
		return port ? (change(port) ?? []) : badPort;
	}

	const setPort = (shell: Shell, change: Partial<SimulatedTrunkPort>): readonly string[] =>
		withPort(shell, port => {
			Object.assign(port, change);
			return undefined;
		});

	const copy = (): readonly string[] => {
		startup = structuredClone(running);
		hasStartup = true;
		return [
			'01-Jan-2000 01:02:03 %COPY-I-FILECPY: Files Copy - source URL running-config destination URL flash://startup-config',
			'',
			'Copy succeeded',
		];
	};
	const overwrite: Asking = {
		asks: 'Overwrite file [startup-config].... (Y/N)[N] ?',
		isKey: true,
		answered: answer => (/y/i.test(answer) ? copy() : []),
	};
	const inConfiguration = ['config', 'interface', 'vlan'] as const;
	const to =
		(mode: Shell['mode'], at = '') =>
		(_: RegExpExecArray, shell: Shell): readonly string[] => {
			shell.mode = mode;
			shell.at = at;
			return [];
		};

	const rules: Rule[] = [
		{ in: ['exec'], text: /^enable$/, run: to('privileged') },
		{
			in: ['exec', 'privileged'],
			text: /^terminal datadump$/,
			run(_, shell) {
				shell.isPaged = false;
				return [];
			},
		},
		{ in: ['privileged'], text: /^configure$/, run: to('config') },
		{ in: inConfiguration, text: /^end$/, run: to('privileged') },
		{ in: ['config'], text: /^exit$/, run: to('privileged') },
		{ in: ['interface', 'vlan'], text: /^exit$/, run: to('config') },
		{ in: ['config'], text: /^vlan database$/, run: to('vlan') },
		{
			in: ['vlan'],
			text: /^vlan (\S+)$/,
			run([, list = '']) {
				const vlans = givenVlans(list, highest);
				for (const vlan of vlans ?? []) running.vlans.add(vlan);
				return vlans ? [] : badVlans;
			},
		},
		{
			in: ['config', 'interface'],
			text: /^interface (\S+)$/,
			run([, name = ''], shell) {
				if (!running.ports.has(name)) return badPort;
				shell.mode = 'interface';
				shell.at = name;
				return [];
			},
		},
		{
			in: ['interface'],
			text: /^(no )?shutdown$/,
			run: ([, no], shell) => setPort(shell, { isShut: !no }),
		},
		{
			in: ['interface'],
			text: /^switchport mode (access|trunk|general)$/,
			run: ([, mode], shell) => setPort(shell, { mode: mode as SimulatedTrunkPort['mode'] }),
		},
		{
			in: ['interface'],
			text: /^switchport trunk allowed vlan (add|remove) (\S+)$/,
			run: ([, how, list = ''], shell) =>
				withPort(shell, port => {
					const vlans = givenVlans(list, highest);
					if (!vlans) return badVlans;
					for (const vlan of vlans) how === 'add' ? port.allowed.add(vlan) : port.allowed.delete(vlan);
					// User Guide, trunk ports: one that loses the VLAN of its untagged frames gets the default one for them.
					if (isListed && port.native !== null && !port.allowed.has(port.native)) {
						port.native = 1;
						port.allowed.add(1);
					}
					return undefined;
				}),
		},
		{
			in: ['interface'],
			text: /^switchport trunk native vlan (\d{1,4}|none)$/,
			run: ([, given], shell) =>
				withPort(shell, port => {
					const vlan = given === 'none' ? null : Number(given);
					if (vlan !== null && (vlan < 1 || vlan > highest)) return badVlans;
					if (vlan !== null && !running.vlans.has(vlan))
						return [`VLAN was not created by user.`].map(text => `% ${text}`);
					if (isListed && vlan !== null && !port.allowed.has(vlan))
						return [`% Port is not a member of VLAN ${vlan}`];
					port.native = vlan;
					if (!isListed && vlan !== null) port.allowed.delete(vlan);
					return undefined;
				}),
		},
		{
			in: ['privileged'],
			text: /^show interfaces configuration (\S+)$/,
			run([, name = '']) {
				const port = running.ports.get(name);
				if (!port) return badPort;
				return [
					'                                               Flow     Admin   Back     Mdix',
					'Port     Type         Duplex  Speed  Neg      control  State   Pressure Mode',
					'-------- ------------ ------  -----  -------- -------  -----   -------- ----',
					configurationRow(name, port),
					'',
				];
			},
		},
		{
			in: ['privileged'],
			text: /^show interfaces switchport (\S+)$/,
			run([, name = '']) {
				const port = running.ports.get(name);
				return port ? switchportOf(name, port) : badPort;
			},
		},
		{
			in: ['privileged'],
			text: /^show vlan$/,
			run: () => [
				'Created by: D-Default, S-Static, G-GVRP, R-Radius Assigned VLAN',
				'',
				'Vlan       Name                   Ports                Type     Authorization ',
				'---- ----------------- --------------------------- ------------ ------------- ',
				...[...running.vlans]
					.sort((a, b) => a - b)
					.flatMap(vlan => [
						`${String(vlan).padStart(2)}   ${String(vlan).padStart(9)}         gi1/0/3,te1/0/1,             static      Required    `,
						'                       Po1-32                                                   ',
					]),
				'',
			],
		},
		{
			in: ['privileged'],
			text: /^copy running-config startup-config$/,
			run: () => (hasStartup ? overwrite : copy()),
		},
	];

	function switchportOf(name: string, port: SimulatedTrunkPort): readonly string[] {
		const there = [...port.allowed].filter(vlan => running.vlans.has(vlan));
		const inactive = [...port.allowed].filter(vlan => !running.vlans.has(vlan));
		const indent = ' '.repeat(24);
		const enabled = [
			...(there.length > 0 ? listLines(there, indent) : []),
			...(inactive.length > 0 ? listLines(inactive, indent).map(line => `${line} (Inactive)`) : []),
		];
		return [
			'Gathering information...',
			`Name: ${name}`,
			'Switchport: enable',
			`Administrative Mode: ${port.mode}`,
			`Operational Mode: ${port.isShut ? 'down' : port.mode}`,
			`Access Mode VLAN: ${port.access}`,
			'Access Multicast TV VLAN: none',
			`Trunking Native Mode VLAN: ${port.native ?? 'none'}`,
			`Trunking VLANs Enabled: ${enabled[0] ?? 'none'}`,
			...enabled.slice(1).map(line => `${indent}${line.trim()}`),
			'General PVID: 1',
			'General VLANs Enabled: none',
			'General Egress Tagged VLANs Enabled: none',
			'General Forbidden VLANs: none',
			'General Ingress Filtering: enabled',
			'General Acceptable Frame Type: all',
			'General GVRP status: disabled',
			'General GVRP VLANs: none',
			'Customer Mode VLAN: none',
			'Private-vlan promiscuous-association Primary VLAN: none',
			'Private-vlan promiscuous-association Secondary VLANs: none',
			'Private-vlan host-association Primary VLAN: none',
			'Private-vlan host-association Secondary VLAN: none',
			'',
			'DVA: disable',
			'',
			'Classification rules:',
			'Classification type Group ID VLAN ID',
			'------------------- -------- -------',
			'',
		];
	}

	const suffix = {
		exec: '>',
		privileged: '#',
		config: '(config)#',
		interface: '(config-if)#',
		vlan: '(config-vlan)#',
	};
	return {
		look: {
			pager: 'More: <space>,  Quit: q or CTRL+Z, One line: <return> ',
			pagerGone: `\r${' '.repeat(56)}\r`,
			page: 20,
		},
		asks: { username: 'User Name:', password: 'Password:' },
		// SSH takes anybody, and the terminal asks: so it is unless "ip ssh password-auth" was given.
		ssh: { logIn: 'within', hostKey: 'rsa', isOld: true },
		begin: 'privileged',
		rules,
		sessions: { most: 4, refusal: 'Sorry, maximum number of sessions reached' },
		prompt: shell => `console${suffix[shell.mode]} `,
		unknown: text => [
			/^(show|switchport|vlan|interface|copy)\b/.test(text)
				? '% bad parameter value'
				: '% Unrecognized command',
		],
		carries: name => {
			const port = running.ports.get(name);
			if (!port) throw new TypeError(`no port ${name}`);
			const { native } = port;
			const allowed = native === null || isListed ? port.allowed : new Set([...port.allowed, native]);
			return passing(running, { ...port, allowed });
		},
		ports: names,
		get running() {
			return running;
		},
		get isSaved() {
			return hasStartup;
		},
		set isSaved(is) {
			hasStartup = is;
		},
		restart() {
			running = structuredClone(startup);
		},
	};
}
