import { stripVTControlCharacters } from 'node:util';
import type { OperationView } from '../../provisioner/client.ts';
import type { CliContext } from '../context.ts';
import { painter, short } from '../output.ts';
import { visible } from '../visible.ts';
import { amountText, barText } from './progress-bar.ts';

/** How long a stage took, or has taken so far: `53 ms`, `12.3 s`, `2 min 05 s`. */
export function timeText(ms: number): string {
	if (ms < 1000) return `${Math.round(ms)} ms`;
	if (ms < 99_950) return `${(ms / 1000).toFixed(1)} s`;
	const seconds = Math.round(ms / 1000);
	return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/** What is to be said of the stage that is under way: what it waits for, what it met with, how far it is. */
function stageNote({
	note,
	error,
	attempts,
	progress,
}: Pick<OperationView, 'note' | 'error' | 'attempts' | 'progress'>): string {
	if (note !== null) return visible(note.replace(/\.$/, ''));
	if (error !== null)
		return visible(`${error.replace(/\.$/, '')} (tried ${times(attempts)}; it is tried again)`);
	return progress === null ? '' : amountText(progress.done, progress.total);
}

export const times = (attempts: number): string => (attempts === 1 ? 'once' : `${attempts} times`);

/** The stages of an operation as they come, on stderr. */
export interface OperationProgress {
	show(operation: OperationView): void;
	/** In place of how it gets on: what is in the way of seeing it. */
	say(trouble: string): void;
	/** Takes away what a terminal shows: the result is said elsewhere. */
	end(): void;
}

export const operationProgress = (context: CliContext): OperationProgress =>
	context.stderr.isTTY && context.env.TERM !== 'dumb' ? liveProgress(context) : lineProgress(context);

/** A block of lines, one for each stage, drawn anew at each look. */
function liveProgress(context: CliContext): OperationProgress {
	const { stderr } = context;
	const paint = painter(context, 'stderr');
	let drawn = 0;
	const draw = (lines: readonly string[]): void => {
		const up = drawn > 0 ? `\x1b[${drawn}A` : '';
		stderr.write(`${up}\r\x1b[J${lines.map(line => `${line}\n`).join('')}`);
		drawn = lines.length;
	};
	return {
		show(operation) {
			const { stages, status } = operation;
			const width = Math.max(0, ...stages.map(({ name }) => name.length));
			const room = (stderr.columns ?? 80) - width - 18;
			const isBack = status === 'UNDOING';
			draw([
				...(isBack ? [paint('yellow', '  undoing, from the last stage back')] : []),
				...stages.map((stage, index) => {
					const isNow = index === stages.length - 1 && (!stage.isOver || isBack);
					const note = isNow ? liveNote(operation) : '';
					const time = timeText(stage.ms).padStart(11);
					const line = `  ${visible(stage.name).padEnd(width)}  ${time}  ${short(note, Math.max(10, room))}`;
					return isNow ? paint('bold', line.trimEnd()) : line.trimEnd();
				}),
			]);
		},
		say: trouble => draw([`  ${short(trouble, (stderr.columns ?? 80) - 4)}`]),
		end: () => draw([]),
	};
}

function liveNote(operation: OperationView): string {
	const { progress, note, error } = operation;
	const hasBar = progress !== null && progress.total !== null && progress.total > 0;
	if (!hasBar || note !== null || error !== null) return stageNote(operation);
	return `${barText(progress.done / (progress.total ?? 1))} ${stageNote(operation)}`;
}

/** A line for each stage when it begins, with the time that the operation had taken by then; and for what is new of it. */
function lineProgress({ stderr }: CliContext): OperationProgress {
	let said = '';
	/** Stages that were told of. */
	let told = 0;
	const write = (ms: number, text: string): void => {
		stderr.write(`${timeText(ms).padStart(11)}  ${stripVTControlCharacters(text)}\n`);
	};
	return {
		show(operation) {
			const { stages, status } = operation;
			let passed = 0;
			for (const [index, { name, ms }] of stages.entries()) {
				if (index >= told && status !== 'UNDOING') {
					write(passed, `${visible(name)}…`);
					told = index + 1;
				}
				passed += ms;
			}
			const last = stages.at(-1)?.name ?? '';
			const note = coarseNote(operation);
			const text = status === 'UNDOING' ? `undoing ${visible(last)}${note && `: ${note}`}` : note;
			if (text !== '' && text !== said)
				write(passed, status === 'UNDOING' ? text : `${visible(last)}: ${text}`);
			said = text;
		},
		say(trouble) {
			if (trouble !== said) stderr.write(`${trouble}\n`);
			said = trouble;
		},
		end: () => undefined,
	};
}

/** Of what is counted a tenth at a time. */
function coarseNote(operation: OperationView): string {
	const { progress, note, error } = operation;
	if (progress === null || note !== null || error !== null) return stageNote(operation);
	const { done, total } = progress;
	const tenths = total === null || total === 0 ? 0 : Math.floor((done / total) * 10);
	return tenths === 0 ? '' : `${tenths * 10} %`;
}
