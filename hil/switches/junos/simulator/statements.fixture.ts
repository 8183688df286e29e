import { textOf, type XmlElement, xml } from '../../netconf/xml.ts';
import type { Kind, Schema } from './schema.fixture.ts';

/** A statement of a configuration: a leaf with its value, an entry of a list by its name, or what holds others. */
export interface Statement {
	readonly name: string;
	/** A leaf's value, or the name of a list's entry. */
	value: string;
	isInactive: boolean;
	children: Statement[];
}

/** What mgd says against a request, or warns of. */
export interface Complaint {
	readonly tag: string;
	readonly type?: 'protocol' | 'application';
	readonly message: string;
	readonly path?: string;
	readonly bad?: string;
	readonly session?: string;
	readonly isWarning?: boolean;
	/** Instead of a session, when somebody else's changes are in the way. */
	readonly info?: XmlElement;
}

export class Refusal extends Error {
	readonly complaints: readonly Complaint[];
	constructor(...complaints: Complaint[]) {
		super(complaints[0]?.message);
		this.complaints = complaints;
	}
}

export const copyOf = (statements: readonly Statement[]): Statement[] => structuredClone([...statements]);

export const find = (statements: readonly Statement[], name: string, value?: string): Statement | undefined =>
	statements.find(each => each.name === name && (value === undefined || each.value === value));

/** Down a path of names; of a list, its first entry. */
export const at = (statements: readonly Statement[], ...names: readonly string[]): Statement | undefined => {
	const [name = '', ...rest] = names;
	const found = find(statements, name);
	return rest.length === 0 || !found ? found : at(found.children, ...rest);
};

/** What is in force: without what was deactivated. */
export const activeOf = (statements: readonly Statement[]): Statement[] =>
	statements.filter(each => !each.isInactive).map(each => ({ ...each, children: activeOf(each.children) }));

export function toXml(statements: readonly Statement[], schema: Schema): XmlElement[] {
	return statements.map(({ name, value, isInactive, children }) => {
		const kind = schema[name];
		const attributes: Record<string, string> = isInactive ? { inactive: 'inactive' } : {};
		if (!kind || kind.kind === 'leaf' || kind.kind === 'leaves') return xml(name, value, attributes);
		const inside = toXml(children, 'children' in kind ? kind.children() : {});
		return xml(name, kind.kind === 'list' ? [xml('name', value), ...inside] : inside, attributes);
	});
}

/**
 * Loads elements into a configuration, as edit-config does (RFC 6241, section 7.2): in their order, and as far as the
 * first that is refused. What was loaded before that stays.
 * @throws Refusal
 */
export function load(
	into: Statement[],
	elements: readonly XmlElement[],
	schema: Schema,
	path: readonly string[] = [],
): Complaint[] {
	const warnings: Complaint[] = [];
	for (const element of elements) {
		const kind = Object.hasOwn(schema, element.name) ? schema[element.name] : undefined;
		if (!kind) throw new Refusal({ tag: 'operation-failed', message: 'syntax error', bad: element.name });
		const operation = element.attributes.operation ?? element.attributes['nc:operation'] ?? 'merge';
		const value = valueIn(element, kind);
		const isKeyed = kind.kind === 'list' || kind.kind === 'leaves';
		const index = into.findIndex(each => each.name === element.name && (!isKeyed || each.value === value));
		const here = [...path, isKeyed || kind.kind === 'leaf' ? `${element.name} ${value}` : element.name];
		if (operation === 'delete') {
			if (index < 0)
				warnings.push({ tag: 'operation-failed', message: 'statement not found', isWarning: true });
			else into.splice(index, 1);
			continue;
		}
		if (!['merge', 'replace', 'create'].includes(operation))
			throw new Refusal({ tag: 'bad-attribute', message: `unknown operation '${operation}'` });
		if (operation === 'create' && index >= 0)
			throw new Refusal({ tag: 'data-exists', message: 'statement already exists', bad: element.name });
		checkValue(kind, value, path, element.name);
		const known = operation === 'replace' ? undefined : into[index];
		const statement = known ?? { name: element.name, value, isInactive: false, children: [] };
		if (index < 0) into.push(statement);
		else into[index] = statement;
		if (kind.kind === 'leaf') statement.value = value;
		if (element.attributes.inactive) statement.isInactive = true;
		if (element.attributes.active) statement.isInactive = false;
		if ('children' in kind) {
			const inside = kind.kind === 'list' ? element.children.filter(isNotName) : element.children;
			warnings.push(...load(statement.children, inside, kind.children(), here));
		} else if (element.children.length > 0) {
			throw new Refusal({
				tag: 'operation-failed',
				message: 'syntax error',
				bad: element.children[0]?.name ?? '',
			});
		}
	}
	return warnings;
}

const isNotName = ({ name }: XmlElement): boolean => name !== 'name';

function valueIn(element: XmlElement, { kind }: Kind): string {
	if (kind === 'flag' || kind === 'group') return '';
	if (kind !== 'list') return element.text.trim();
	const name = textOf(element, 'name');
	if (!name)
		throw new Refusal({
			tag: 'operation-failed',
			message: `Missing mandatory statement: 'name'`,
			bad: element.name,
		});
	return name;
}

function checkValue(kind: Kind, value: string, path: readonly string[], name: string): void {
	// Of what inherits from a group, `<*>` stands for many.
	if (/^<.+>$/.test(value) && path[0]?.startsWith('groups ')) return;
	const message = 'check' in kind ? kind.check?.(value) : undefined;
	if (message === undefined) return;
	throw new Refusal({
		tag: 'invalid-value',
		message,
		path: `[edit ${path.join(' ')}]`,
		bad: `${name} ${value}`,
	});
}
