import { at, copyOf, find, type Statement } from './statements.fixture.ts';

/**
 * A configuration with what it inherits from groups and ranges of interfaces put in its place. What is said itself
 * goes first, then the ranges, then the groups.
 */
export function inherit(configuration: readonly Statement[]): Statement[] {
	const own = copyOf(configuration).filter(({ name }) => name !== 'groups' && name !== 'apply-groups');
	const interfaces = at(own, 'interfaces')?.children ?? [];
	for (const range of interfaces.filter(({ name }) => name === 'interface-range'))
		inheritRange(range, interfaces);
	const names = configuration.filter(({ name }) => name === 'apply-groups').map(({ value }) => value);
	for (const name of names) fill(own, find(configuration, 'groups', name)?.children ?? []);
	return own;
}

function inheritRange({ children }: Statement, interfaces: Statement[]): void {
	const said = children.filter(({ name }) => name !== 'member');
	for (const { value } of children.filter(({ name }) => name === 'member')) {
		const member = find(interfaces, 'interface', value) ?? emptyInterface(value);
		if (!interfaces.includes(member)) interfaces.push(member);
		fill(member.children, said);
	}
}

const emptyInterface = (value: string): Statement => ({
	name: 'interface',
	value,
	isInactive: false,
	children: [],
});

/** Lists, whose entries stand side by side; of everything else there is one. */
const lists = new Set(['interface', 'unit', 'vlan', 'address', 'members', 'interface-range']);

function fill(into: Statement[], from: readonly Statement[]): void {
	for (const inherited of from) {
		const pattern = /^<(.+)>$/.exec(inherited.value)?.[1];
		if (pattern !== undefined) {
			const isMeant = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
			for (const each of into) {
				if (each.name === inherited.name && isMeant.test(each.value)) fill(each.children, inherited.children);
			}
			continue;
		}
		const own = find(into, inherited.name, lists.has(inherited.name) ? inherited.value : undefined);
		if (own) fill(own.children, inherited.children);
		else into.push(...copyOf([inherited]));
	}
}
