import { childOf, textOf, type XmlElement, xml } from '../../netconf/xml.ts';
import { databaseStatus, type Editor, type JunosDevice, stamp } from './device.fixture.ts';
import { inherit } from './inheritance.fixture.ts';
import { schema } from './schema.fixture.ts';
import { type Complaint, Refusal, type Statement, toXml } from './statements.fixture.ts';
import { selected } from './subtree-filter.fixture.ts';
import { interfaceInformation } from './switching-information.fixture.ts';

/** What an operation is answered with, inside the reply. */
export interface Answer {
	readonly content: readonly XmlElement[];
	readonly warnings?: readonly Complaint[];
}

export interface Operating {
	readonly device: JunosDevice;
	readonly editor: Editor;
	/** Of a class that may look at everything and change nothing. */
	readonly isReadOnly: boolean;
	/** Ends another session. */
	readonly kill: (id: string) => void;
	/** What the hardware shows: it may be some time behind the configuration. */
	readonly shown: () => JunosDevice['forwarding'];
}

const ok = (warnings: readonly Complaint[] = []): Answer => ({ content: [xml('ok')], warnings });
const nothing: Answer = { content: [] };
const bad = (message: string, element: string): Refusal =>
	new Refusal({ tag: 'operation-failed', message, bad: element });

/** What mgd does for one request. Throws Refusal. */
export function operate(request: XmlElement, { device, editor, isReadOnly, kill, shown }: Operating): Answer {
	const changes = (): void => {
		if (isReadOnly)
			throw new Refusal({ tag: 'access-denied', message: 'permission denied', bad: request.name });
	};
	switch (request.name) {
		case 'get-config': {
			const source = childOf(childOf(request, 'source'), 'running') ? device.running : own(device, editor);
			return {
				content: [xml('data', [configuration(source, childOf(request, 'filter')), databaseStatusOf(device)])],
			};
		}
		case 'get-configuration': {
			const isCommitted = request.attributes.database === 'committed';
			const source = isCommitted ? device.running : own(device, editor);
			const seen = request.attributes.inherit ? inherit(source) : source;
			return { content: [configuration(seen, request), databaseStatusOf(device)] };
		}
		case 'get-ethernet-switching-interface-information':
			return { content: [interfaceInformation(shown(), textOf(request, 'interface-name'))] };
		case 'command': {
			const [, unit] = /^show ethernet-switching interface (\S+)$/.exec(request.text.trim()) ?? [];
			if (unit === undefined || request.attributes.format !== 'xml')
				throw bad('unknown command', request.text);
			return { content: [interfaceInformation(shown(), unit)] };
		}
		case 'lock':
		case 'unlock': {
			changes();
			if (!childOf(childOf(request, 'target'), 'candidate'))
				throw bad('only the candidate configuration can be locked', 'target');
			device[request.name](editor);
			return ok();
		}
		case 'lock-configuration':
			changes();
			device.lock(editor);
			return nothing;
		case 'unlock-configuration':
			device.unlock(editor);
			return nothing;
		case 'open-configuration':
			changes();
			if (!childOf(request, 'private')) throw bad('syntax error', 'open-configuration');
			device.openPrivately(editor);
			return nothing;
		case 'close-configuration':
			device.closePrivately(editor);
			return nothing;
		case 'edit-config': {
			changes();
			if (!childOf(childOf(request, 'target'), 'candidate'))
				throw bad('the target must be the candidate', 'target');
			const given = childOf(childOf(request, 'config'), 'configuration');
			if (!given) throw bad('syntax error', 'config');
			return ok(device.edit(editor, given.children));
		}
		case 'load-configuration': {
			changes();
			if (request.attributes.rollback === '0') device.discard(editor);
			else device.edit(editor, childOf(request, 'configuration')?.children ?? []);
			return { content: [xml('load-configuration-results', [xml('ok')])] };
		}
		case 'validate':
			changes();
			device.check(editor);
			return ok();
		case 'discard-changes':
			changes();
			device.discard(editor);
			return ok();
		case 'commit':
			changes();
			if (childOf(request, 'confirmed')) throw bad('syntax error', 'confirmed');
			device.commit(editor);
			return ok();
		case 'commit-configuration':
			changes();
			if (childOf(request, 'check')) device.check(editor);
			else device.commit(editor);
			return ok();
		case 'kill-session': {
			const id = textOf(request, 'session-id') ?? '';
			if (id === editor.id || !device.byId(id))
				throw new Refusal({
					tag: 'invalid-value',
					message: `there is no other session ${id}`,
					bad: 'session-id',
				});
			kill(id);
			return ok();
		}
		default:
			throw bad('syntax error', request.name);
	}
}

const own = (device: JunosDevice, { privately }: Editor): Statement[] => privately?.copy ?? device.candidate;

/** What is asked for of a configuration, in the namespace of Junos. */
function configuration(statements: readonly Statement[], filter: XmlElement | undefined): XmlElement {
	const asked = childOf(filter, 'configuration');
	const all = toXml(statements, schema);
	return xml('configuration', asked ? selected(all, asked.children) : all, {
		xmlns: 'http://xml.juniper.net/xnm/1.1/xnm',
		'junos:changed-localtime': stamp(new Date(0)),
	});
}

const databaseStatusOf = ({ lockedBy }: JunosDevice): XmlElement =>
	lockedBy ? databaseStatus(lockedBy) : xml('database-status-information');
