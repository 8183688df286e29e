/** What the configuration of an EX switch with Enhanced Layer 2 Software may hold, as far as ports are concerned. */
export type Schema = Readonly<Record<string, Kind>>;

export type Kind =
	| { readonly kind: 'leaf' | 'leaves'; readonly check?: Check }
	| { readonly kind: 'flag' }
	| { readonly kind: 'group'; readonly children: () => Schema }
	| { readonly kind: 'list'; readonly check?: Check; readonly children: () => Schema };
/** What is wrong with a value; undefined when nothing is. */
type Check = (value: string) => string | undefined;

const number =
	(from: number, to: number): Check =>
	value => {
		if (!/^[0-9]+$/.test(value)) return `Invalid numeric value: '${value}'`;
		return Number(value) < from || Number(value) > to
			? `Value ${value} is not within range (${from}..${to})`
			: undefined;
	};

const oneOf =
	(...words: string[]): Check =>
	value =>
		words.includes(value) ? undefined : 'syntax error';

/** 48 ports of a gigabit and 4 of ten. */
const interfaceName: Check = value => {
	if (/^(?:irb|me0|vme|lo0)$/.test(value) || /^ae[0-9]{1,2}$/.test(value)) return undefined;
	const [, type, rest = ''] = /^([a-z]+)-?(.*)$/.exec(value) ?? [];
	if (type !== 'ge' && type !== 'xe') return `invalid interface type in '${value}'`;
	const [, fpc, pic, port, trailing] = /^([0-9]+)\/([0-9]+)\/([0-9]+)(.*)$/.exec(rest) ?? [];
	if (port === undefined) return `invalid value '${rest}' in '${value}'`;
	if (trailing !== '') return `invalid trailing input '${trailing}' in '${value}'`;
	if (Number(fpc) > 9) return `FPC value outside range 0..9 for '${rest}' in '${value}'`;
	if (Number(pic) > 3) return `PIC value outside range 0..3 for '${rest}' in '${value}'`;
	const last = type === 'ge' ? 47 : 3;
	return Number(port) > last ? `port value outside range 0..${last} for '${rest}' in '${value}'` : undefined;
};

const vlanName: Check = value =>
	/^[A-Za-z][-A-Za-z0-9_.]{0,254}$/.test(value)
		? undefined
		: `Must be a string beginning with a letter: '${value}'`;

const switching: Schema = {
	'interface-mode': { kind: 'leaf', check: oneOf('access', 'trunk') },
	vlan: { kind: 'group', children: () => ({ members: { kind: 'leaves' } }) },
	'storm-control': { kind: 'group', children: () => ({ profile: { kind: 'leaf' } }) },
};
const family: Schema = {
	'ethernet-switching': { kind: 'group', children: () => switching },
	inet: { kind: 'group', children: () => ({ address: { kind: 'list', children: () => ({}) } }) },
};
const unit: Schema = {
	description: { kind: 'leaf' },
	disable: { kind: 'flag' },
	'vlan-id': { kind: 'leaf', check: number(1, 4094) },
	family: { kind: 'group', children: () => family },
};
const port: Schema = {
	description: { kind: 'leaf' },
	disable: { kind: 'flag' },
	mtu: { kind: 'leaf', check: number(256, 9216) },
	'vlan-tagging': { kind: 'flag' },
	'flexible-vlan-tagging': { kind: 'flag' },
	encapsulation: { kind: 'leaf' },
	'native-vlan-id': { kind: 'leaf', check: number(0, 4094) },
	'ether-options': {
		kind: 'group',
		children: () => ({ 'ieee-802.3ad': { kind: 'group', children: () => ({ bundle: { kind: 'leaf' } }) } }),
	},
	unit: { kind: 'list', check: number(0, 16385), children: () => unit },
};
const sections: Schema = {
	system: { kind: 'group', children: () => ({ 'host-name': { kind: 'leaf' } }) },
	interfaces: {
		kind: 'group',
		children: () => ({
			interface: { kind: 'list', check: interfaceName, children: () => port },
			'interface-range': {
				kind: 'list',
				children: () => ({ member: { kind: 'list', children: () => ({}) }, ...port }),
			},
		}),
	},
	vlans: {
		kind: 'group',
		children: () => ({
			vlan: {
				kind: 'list',
				check: vlanName,
				children: () => ({
					description: { kind: 'leaf' },
					'vlan-id': { kind: 'leaf', check: number(1, 4094) },
					'vlan-id-list': { kind: 'leaves' },
					interface: { kind: 'list', children: () => ({}) },
				}),
			},
		}),
	},
};

export const schema: Schema = {
	...sections,
	groups: { kind: 'list', children: () => sections },
	'apply-groups': { kind: 'leaves' },
};
