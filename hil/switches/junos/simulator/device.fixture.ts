import { type XmlElement, xml } from '../../netconf/xml.ts';
import { commitCheck } from './commit-check.fixture.ts';
import { schema } from './schema.fixture.ts';
import { type Complaint, copyOf, load, Refusal, type Statement } from './statements.fixture.ts';
import { type Forwarding, forwardingOf } from './switching.fixture.ts';

/** Who edits: a process of mgd, by whose number its session is known. */
export interface Editor {
	readonly id: string;
	readonly user: string;
	readonly since: Date;
	/** Changes of its own copy, in their order. */
	privately?:
		| { readonly base: Statement[]; readonly copy: Statement[]; readonly edits: XmlElement[][] }
		| undefined;
}

/** The configurations of a switch, and who may change them: mgd without a wire. */
export interface JunosDevice {
	readonly running: Statement[];
	readonly candidate: Statement[];
	/** How often a configuration was committed. */
	readonly commits: number;
	/** What the hardware does now, by the name of the port. */
	readonly forwarding: ReadonlyMap<string, Forwarding>;
	readonly lockedBy: Editor | undefined;
	open(user: string): Editor;
	/** Gives up its lock and, with that or a private copy, its changes. */
	leave(editor: Editor): void;
	byId(id: string): Editor | undefined;
	lock(editor: Editor): void;
	unlock(editor: Editor): void;
	openPrivately(editor: Editor): void;
	closePrivately(editor: Editor): void;
	edit(editor: Editor, configuration: readonly XmlElement[]): Complaint[];
	discard(editor: Editor): void;
	check(editor: Editor): void;
	commit(editor: Editor): void;
	restart(): void;
}

/** All of it throws Refusal. */
export function createJunosDevice(start: readonly XmlElement[] = []): JunosDevice {
	let running: Statement[] = [];
	load(running, start, schema);
	let candidate = copyOf(running);
	let forwarding = forwardingOf(running);
	let lockedBy: Editor | undefined;
	/** Of changes of the shared candidate that nobody has committed. */
	let changedBy: Editor | undefined;
	let editors = new Map<string, Editor>();
	let commits = 0;
	let process = 7000;

	const said = (editor: Editor): string =>
		`  ${editor.user} terminal  (pid ${editor.id}) on since ${stamp(editor.since)}, idle 00:00:01`;
	const locked = (by: Editor, how: string): Refusal =>
		new Refusal({
			tag: 'lock-denied',
			message: `\nconfiguration database locked by:\n${said(by)}\n      ${how} \n`,
			session: by.id,
		});
	const mayChange = (editor: Editor): void => {
		if (lockedBy && lockedBy !== editor) throw locked(lockedBy, 'exclusive');
	};
	const modified = (by: Editor | undefined): Refusal =>
		new Refusal({
			tag: 'operation-failed',
			message: 'configuration database modified',
			...(by ? { info: databaseStatus(by) } : {}),
		});

	/** What a commit by this editor would make of the candidate. */
	function merged({ privately }: Editor): Statement[] {
		if (!privately) return candidate;
		if (changedBy) throw modified(changedBy);
		const touched = privately.edits.flat().flatMap(section => section.children.map(nameOf));
		const before = new Map(entriesOf(privately.base));
		const conflict = entriesOf(candidate).find(
			([name, text]) => touched.includes(name) && before.get(name) !== text,
		);
		if (conflict)
			throw new Refusal({
				tag: 'operation-failed',
				message: `statement '${conflict[0]}' was changed meanwhile`,
			});
		const result = copyOf(candidate);
		for (const edits of privately.edits) load(result, edits, schema);
		return result;
	}

	function check(editor: Editor): Statement[] {
		mayChange(editor);
		const wanted = merged(editor);
		const wrong = commitCheck(wanted);
		if (wrong.length > 0)
			throw new Refusal(...wrong, { tag: 'operation-failed', message: 'configuration check-out failed' });
		return wanted;
	}

	function discard(editor: Editor): void {
		mayChange(editor);
		if (editor.privately) editor.privately = undefined;
		candidate = copyOf(running);
		changedBy = undefined;
	}

	return {
		get running() {
			return running;
		},
		get candidate() {
			return candidate;
		},
		get commits() {
			return commits;
		},
		get forwarding() {
			return forwarding;
		},
		get lockedBy() {
			return lockedBy;
		},
		open(user) {
			const editor = { id: String(++process), user, since: new Date() };
			editors.set(editor.id, editor);
			return editor;
		},
		leave(editor) {
			if (lockedBy === editor) {
				discard(editor);
				lockedBy = undefined;
			}
			editor.privately = undefined;
			editors.delete(editor.id);
		},
		byId: id => editors.get(id),
		lock(editor) {
			if (lockedBy === editor)
				throw new Refusal({ tag: 'operation-failed', message: 'Configuration database is already open' });
			mayChange(editor);
			const other = [...editors.values()].find(({ privately }) => privately);
			if (other) throw locked(other, 'private [edit]');
			if (changedBy) throw modified(changedBy);
			lockedBy = editor;
		},
		unlock(editor) {
			if (lockedBy !== editor)
				throw new Refusal({ tag: 'operation-failed', message: 'Configuration database is not open' });
			discard(editor);
			lockedBy = undefined;
		},
		openPrivately(editor) {
			mayChange(editor);
			if (changedBy) throw modified(changedBy);
			editor.privately = { base: copyOf(candidate), copy: copyOf(candidate), edits: [] };
		},
		closePrivately(editor) {
			editor.privately = undefined;
		},
		edit(editor, configuration) {
			mayChange(editor);
			if (editor.privately) {
				const warnings = load(editor.privately.copy, configuration, schema);
				editor.privately.edits.push([...configuration]);
				return warnings;
			}
			changedBy = editor;
			return load(candidate, configuration, schema);
		},
		discard,
		check: editor => void check(editor),
		commit(editor) {
			running = copyOf(check(editor));
			candidate = copyOf(running);
			changedBy = undefined;
			if (editor.privately) editor.privately = { base: copyOf(running), copy: copyOf(running), edits: [] };
			forwarding = forwardingOf(running);
			commits++;
		},
		restart() {
			lockedBy = undefined;
			changedBy = undefined;
			editors = new Map();
			candidate = copyOf(running);
			forwarding = forwardingOf(running);
		},
	};
}

/** As Junos writes moments. */
export const stamp = (moment: Date): string => `${moment.toISOString().slice(0, 19).replace('T', ' ')} UTC`;

const nameOf = (element: XmlElement): string =>
	`${element.name} ${element.children.find(({ name }) => name === 'name')?.text.trim() ?? element.text}`;

/** Interfaces and VLANs, each with all that is said of it. */
const entriesOf = (statements: readonly Statement[]): [string, string][] =>
	statements.flatMap(({ children }) =>
		children.map((each): [string, string] => [`${each.name} ${each.value}`, JSON.stringify(each)]),
	);

export const databaseStatus = (editor: Editor): XmlElement =>
	xml('database-status-information', [
		xml('database-status', [
			xml('user', editor.user),
			xml('terminal', ''),
			xml('pid', editor.id),
			xml('start-time', stamp(editor.since), {
				'junos:seconds': String(Math.floor(editor.since.getTime() / 1000)),
			}),
			xml('edit-path', '[edit]'),
		]),
	]);
