import type { JsonValue } from '../../proxy/client.ts';
import type { CliContext } from '../context.ts';
import { painter, printLine, printTable, type Style, short } from '../output.ts';

const severityStyle: Readonly<Record<string, Style>> = { Critical: 'red', Warning: 'yellow', OK: 'green' };

/** Collections' members as a table, log entries with severity and message; false when it is no collection. */
export async function printMembers(context: CliContext, body: JsonValue | undefined): Promise<boolean> {
	const members = property(body, 'Members');
	if (!Array.isArray(members)) return false;
	const paint = painter(context);
	const width = Math.max((context.stdout.columns ?? 120) - 45, 40);
	const isLog = members.some(
		member => property(member, 'Severity') !== undefined || property(member, 'Created') !== undefined,
	);
	const rows = members.map(member => {
		const cell = (name: string, limit = 40) => short(plain(property(member, name)), limit);
		const id = cell('Id') || short(plain(property(member, '@odata.id')).split('/').at(-1) ?? '', width);
		if (!isLog) return [id, cell('Name'), status(member)];
		const severity = cell('Severity');
		const style = severityStyle[severity];
		return [id, style ? paint(style, severity) : severity, cell('Created'), cell('Message', width)];
	});
	await printTable(
		context,
		isLog ? ['ID', 'SEVERITY', 'CREATED', 'MESSAGE'] : ['ID', 'NAME', 'STATUS'],
		rows,
	);
	const total = property(body, 'Members@odata.count');
	if (typeof total === 'number' && total !== members.length)
		printLine(context, `${members.length} of ${total} shown`);
	return true;
}

function status(member: JsonValue): string {
	const state = property(member, 'Status');
	const parts = [property(member, 'PowerState'), property(state, 'State'), property(state, 'Health')];
	return short(parts.map(plain).filter(Boolean).join(', '), 40);
}

function property(value: JsonValue | undefined, name: string): JsonValue | undefined {
	if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
		return undefined;
	return (value as { [key: string]: JsonValue })[name];
}

function plain(value: JsonValue | undefined): string {
	if (value === undefined || value === null) return '';
	return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
