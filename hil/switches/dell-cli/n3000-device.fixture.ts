// A Dell Networking N3048 (firmware 6) as its User's Configuration Guide and CLI Reference Guide describe it, with outputs
// like those that its users have published. Error texts that neither gives are like those of its relatives.
import {
	type Asking,
	account,
	type Device,
	type Rule,
	type Shell,
} from '../command-line/simulator.fixture.ts';
import {
	configurationRow,
	factoryConfig,
	givenVlans,
	listLines,
	passing,
	type SimulatedTrunkPort,
	type TrunkConfig,
} from './trunk-device.fixture.ts';

const highest = 4093;
const names = ['gi1/0/1', 'gi1/0/2', 'gi1/0/3', 'te1/0/1'];
/** As it writes them itself. */
const proper = (name: string): string => name[0]?.toUpperCase() + name.slice(1);

export interface N3000Device extends Device {
	readonly running: TrunkConfig;
}

/** The first two ports are shut, as ports of nodes must be; the others are as they come. */
export function createN3000(enablePassword: string = account.password): N3000Device {
	let running = factoryConfig(names, highest);
	for (const name of names.slice(0, 2)) Object.assign(running.ports.get(name) ?? {}, { isShut: true });
	let startup = structuredClone(running);

	const badPort = ['', 'An invalid interface has been used for this function.', ''];
	const badVlans = ['', `Invalid VLAN list; VLAN IDs range from 1 to ${highest}.`, ''];

	function withPort(
		shell: Shell,
		change: (port: SimulatedTrunkPort) => readonly string[],
	): readonly string[] {
		const port = running.ports.get(shell.at.toLowerCase());
		return port ? change(port) : badPort;
	}
	const setPort = (shell: Shell, change: Partial<SimulatedTrunkPort>): readonly string[] =>
		withPort(shell, port => {
			Object.assign(port, change);
			return [];
		});
	const to =
		(mode: Shell['mode'], said: readonly string[] = []) =>
		(_: RegExpExecArray, shell: Shell): readonly string[] => {
			Object.assign(shell, { mode, at: '' });
			return said;
		};
	const save: Asking = {
		asks: [
			'',
			'This operation may take few minutes.',
			'Management interfaces will not be available during this time.',
			'',
			'Are you sure you want to save? (y/n) ',
		].join('\r\n'),
		isKey: true,
		answered(answer) {
			if (answer !== 'y') return ['', 'Configuration Not Saved!', ''];
			startup = structuredClone(running);
			return ['', "Config file 'startup-config' created successfully .", '', '', 'Configuration Saved!'];
		},
	};

	const rules: Rule[] = [
		{
			in: ['exec'],
			text: /^enable$/,
			run: (_, shell) => ({
				asks: 'Password:',
				isKey: false,
				isHidden: true,
				answered(answer) {
					if (answer !== enablePassword) return ['', 'Incorrect Password!', ''];
					shell.mode = 'privileged';
					return [''];
				},
			}),
		},
		{
			in: ['exec', 'privileged'],
			text: /^terminal length (\d+)$/,
			run([, length], shell) {
				shell.isPaged = length !== '0';
				return [''];
			},
		},
		{ in: ['privileged'], text: /^configure$/, run: to('config', ['']) },
		{ in: ['config', 'interface', 'vlan'], text: /^end$/, run: to('privileged') },
		{ in: ['config'], text: /^exit$/, run: to('privileged') },
		{ in: ['interface', 'vlan'], text: /^exit$/, run: to('config') },
		{
			in: ['config'],
			text: /^vlan (\S+)$/,
			run([, list = ''], shell) {
				const vlans = givenVlans(list, highest);
				if (!vlans) return badVlans;
				for (const vlan of vlans) running.vlans.add(vlan);
				Object.assign(shell, { mode: 'vlan', at: vlans.length === 1 ? list : '' });
				return [];
			},
		},
		{
			in: ['config', 'interface'],
			text: /^interface (\S+)$/,
			run([, name = ''], shell) {
				if (!running.ports.has(name)) return badPort;
				Object.assign(shell, { mode: 'interface', at: proper(name) });
				return [];
			},
		},
		{ in: ['interface'], text: /^(no )?shutdown$/, run: ([, no], shell) => setPort(shell, { isShut: !no }) },
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
					for (const vlan of vlans) {
						if (how === 'add') port.allowed.add(vlan);
						else port.allowed.delete(vlan);
					}
					return [];
				}),
		},
		{
			in: ['interface'],
			text: /^switchport trunk native vlan (\d{1,4})$/,
			run: ([, given], shell) =>
				withPort(shell, port => {
					const vlan = Number(given);
					if (vlan < 1 || vlan > highest) return badVlans;
					if (!running.vlans.has(vlan)) return ['', 'Could not set the native VLAN: VLAN ID not found.', ''];
					if (!port.allowed.has(vlan)) {
						return ['', 'Could not set the native VLAN: it is not in the list of allowed VLANs.', ''];
					}
					port.native = vlan;
					return [];
				}),
		},
		{
			in: ['privileged'],
			text: /^show interfaces configuration (\S+)$/,
			run([, name = '']) {
				const port = running.ports.get(name);
				if (!port) return badPort;
				return [
					'',
					'Port      Description               Duplex  Speed    Neg   MTU    Admin',
					'                                                                  State',
					'--------- ------------------------- ------  -------  ----  -----  -----',
					configurationRow(proper(name), port),
					'',
					'Flow Control:Enabled',
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
				'',
				'VLAN   Name                             Ports          Type',
				'-----  ---------------                  -------------  --------------',
				...[...running.vlans]
					.sort((a, b) => a - b)
					.flatMap(vlan => [
						`${String(vlan).padEnd(6)} ${`VLAN${vlan}`.padEnd(32)} Po1-128,       Static`,
						`${' '.repeat(40)}Gi1/0/3,`,
						`${' '.repeat(40)}Te1/0/1`,
					]),
				'',
			],
		},
		{ in: ['privileged'], text: /^copy running-config startup-config$/, run: () => save },
	];

	function switchportOf(name: string, port: SimulatedTrunkPort): readonly string[] {
		const indent = ' '.repeat(27);
		const list = (vlans: Iterable<number>): string[] => listLines(vlans, indent);
		const { native, tagged } = passing(running, { ...port, isShut: false });
		const allowed = port.allowed.size === highest ? ['All'] : list(port.allowed);
		return [
			'',
			`Port: ${proper(name)}`,
			`VLAN Membership Mode: ${proper(port.mode)} Mode`,
			`Member of VLANs : ${[...(native === null ? [] : [`(${native})`]), ...list(tagged)].join(',')}`,
			`Access Mode VLAN: ${port.access}${port.access === 1 ? ' (default)' : ''}`,
			'General Mode PVID: 1 (default)',
			'General Mode Ingress Filtering: Enabled',
			'General Mode Acceptable Frame Type: Admit All',
			'General Mode Dynamically Added VLANs:',
			'General Mode Untagged VLANs: 1',
			'General Mode Tagged VLANs:',
			'General Mode Forbidden VLANs:',
			`Trunking Mode Native VLAN: ${port.native}${port.native === 1 ? ' (default)' : ''}`,
			'Trunking Mode Native VLAN Tagging: Disabled',
			`Trunking Mode VLANs Enabled: ${allowed[0] || 'None'}${allowed.length > 1 ? ',' : ''}`,
			...allowed.slice(1).map((line, index) => (index + 2 < allowed.length ? `${line},` : line)),
			'Private VLAN Host Association: none',
			'Private VLAN Mapping:',
			'Private VLAN Operational Bindings:',
			'Default Priority: 0',
			'Protected: Disabled',
			'',
			'',
		];
	}

	function prompt({ mode, at }: Shell): string {
		if (mode === 'exec') return 'console>';
		if (mode === 'privileged') return 'console#';
		if (mode === 'config') return 'console(config)#';
		return `console(config-${mode === 'interface' ? 'if-' : 'vlan'}${at})#`;
	}
	return {
		look: { pager: '--More-- or (q)uit', pagerGone: `\r${' '.repeat(18)}\r`, page: 22 },
		asks: { username: 'User:', password: 'Password:' },
		ssh: { hostKey: 'rsa' },
		begin: 'exec',
		rules,
		sessions: { most: 5, refusal: 'Maximum number of SSH sessions reached' },
		prompt,
		unknown: (_text, _shell, column) => [
			`${' '.repeat(column)}^`,
			"% Invalid input detected at '^' marker.",
			'',
		],
		carries(name) {
			const port = running.ports.get(name);
			if (!port) throw new TypeError(`no port ${name}`);
			return passing(running, port);
		},
		ports: names,
		get running() {
			return running;
		},
		restart() {
			running = structuredClone(startup);
		},
	};
}
