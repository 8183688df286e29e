import { inherit } from './inheritance.fixture.ts';
import { activeOf, at, type Complaint, find, type Statement } from './statements.fixture.ts';
import { membersMeant, numbersIn, vlansOf } from './switching.fixture.ts';

/** What a commit of this configuration would be refused for. */
export function commitCheck(configuration: readonly Statement[]): Complaint[] {
	const effective = inherit(activeOf(configuration));
	const vlans = vlansOf(effective);
	const ports = (at(effective, 'interfaces')?.children ?? []).filter(({ name }) => name === 'interface');
	return [...checkVlans(effective, ports), ...ports.flatMap(port => checkPort(port, vlans))];
}

const wrong = (path: string, bad: string, message: string): Complaint => ({
	type: 'application',
	tag: 'invalid-value',
	path: `[edit ${path}]`,
	bad,
	message,
});

function checkVlans(effective: readonly Statement[], ports: readonly Statement[]): Complaint[] {
	const taken = new Map<number, string>();
	const found: Complaint[] = [];
	for (const { value, children } of at(effective, 'vlans')?.children ?? []) {
		const ids = children.filter(({ name }) => name === 'vlan-id' || name === 'vlan-id-list');
		for (const { name, value: id } of ids) {
			for (const number of numbersIn(id)) {
				const owner = taken.get(number);
				if (owner !== undefined)
					found.push(
						wrong(`vlans ${value}`, `${name} ${id}`, `vlan-id ${number} is already used by vlan ${owner}`),
					);
				taken.set(number, value);
			}
		}
		for (const { value: lent } of children.filter(({ name }) => name === 'interface')) {
			const [port = '', unit = '0'] = lent.split('.');
			const entry = ports.find(each => each.value === port);
			const switching = at(
				find(entry?.children ?? [], 'unit', unit)?.children ?? [],
				'family',
				'ethernet-switching',
			);
			if (!switching)
				found.push(
					wrong(`vlans ${value}`, `interface ${lent}`, 'interface must be configured for ethernet-switching'),
				);
		}
	}
	return found;
}

function checkPort({ value: port, children }: Statement, vlans: ReadonlyMap<number, string>): Complaint[] {
	const path = `interfaces ${port}`;
	const units = children.filter(({ name }) => name === 'unit');
	const isTagging = Boolean(find(children, 'vlan-tagging') ?? find(children, 'flexible-vlan-tagging'));
	const found = units.flatMap(unit => checkUnit(`${path} unit ${unit.value}`, unit, isTagging, vlans));
	if (at(children, 'ether-options', 'ieee-802.3ad') && units.length > 0)
		found.push(wrong(path, 'unit', 'logical unit is not allowed on aggregated links'));
	const native = find(children, 'native-vlan-id');
	if (!native) return found;
	const switching = at(units, 'unit', 'family', 'ethernet-switching');
	if (find(switching?.children ?? [], 'interface-mode')?.value !== 'trunk' && !isTagging)
		found.push(wrong(path, 'native-vlan-id', 'native-vlan-id can be specified only for trunk interfaces'));
	else if (!vlans.has(Number(native.value)))
		found.push(
			wrong(path, 'native-vlan-id', `No vlan matches vlan tag ${native.value} for interface ${port}.0`),
		);
	return found;
}

function checkUnit(
	path: string,
	{ value: unit, children }: Statement,
	isTagging: boolean,
	vlans: ReadonlyMap<number, string>,
): Complaint[] {
	const found: Complaint[] = [];
	if (unit !== '0' && !isTagging)
		found.push(wrong(path, `unit ${unit}`, 'Only unit 0 is valid for this encapsulation'));
	if (find(children, 'vlan-id') && !isTagging)
		found.push(wrong(path, 'vlan-id', 'VLAN-ID can only be specified on tagged interfaces'));
	const switching = at(children, 'family', 'ethernet-switching');
	if (!switching) return found;
	if (at(children, 'family', 'inet'))
		found.push(
			wrong(
				`${path} family`,
				'ethernet-switching',
				'family ethernet-switching and rest of the families are mutually exclusive',
			),
		);
	if (isTagging)
		found.push(
			wrong(`${path} family`, 'ethernet-switching', 'interface-mode cannot be configured with vlan-tagging'),
		);
	const members = find(switching.children, 'vlan')?.children ?? [];
	const where = `${path} family ethernet-switching vlan`;
	for (const { value } of members) {
		if (membersMeant(value, vlans).length === 0)
			found.push(
				wrong(
					where,
					`members ${value}`,
					`No vlan matches vlan tag ${value} for interface ${path.split(' ')[1]}.${unit}`,
				),
			);
	}
	const meant = new Set(members.flatMap(({ value }) => membersMeant(value, vlans)));
	if (find(switching.children, 'interface-mode')?.value !== 'trunk' && meant.size > 1)
		found.push(wrong(where, 'members', 'An access interface can be a member of one vlan only'));
	return found;
}
