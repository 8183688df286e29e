import { z } from 'zod';
import type { HttpsSwitch } from '../transport/https.ts';

/** Cisco's NX-API CLI in its JSON-RPC form (Cisco Nexus 9000 Series NX-OS Programmability Guide, "NX-API CLI"). */
export interface NxApi {
	/** What show commands print, one text for each. */
	show(commands: readonly string[], signal: AbortSignal): Promise<string[]>;
	/**
	 * Runs commands that change something, up to the first that is refused; what they print.
	 * @throws SwitchRefused with the command and the switch's words
	 */
	change(commands: readonly string[], signal: AbortSignal): Promise<string[]>;
}

const printed = z.object({ msg: z.string().optional(), body: z.unknown().optional() });
const answerTo = z.object({
	jsonrpc: z.literal('2.0'),
	id: z.int(),
	result: printed.nullish(),
	error: z
		.object({ code: z.number(), message: z.string(), data: z.object({ msg: z.string() }).nullish() })
		.optional(),
});
/** A list, or the object alone when one command was sent. */
const answers = z.union([z.array(answerTo), answerTo.transform(answer => [answer])]);

export function createNxApi(https: HttpsSwitch): NxApi {
	async function run(commands: readonly string[], isChange: boolean, signal: AbortSignal): Promise<string[]> {
		const calls = commands.map((cmd, index) => ({
			jsonrpc: '2.0',
			method: 'cli_ascii',
			params: { cmd, version: 1 },
			id: index + 1,
			...(isChange && { rollback: 'stop-on-error' }),
		}));
		const { status, body } = await https.ask(
			{
				method: 'POST',
				path: '/ins',
				headers: { 'content-type': 'application/json-rpc', accept: 'application/json-rpc' },
				body: JSON.stringify(calls),
				isChange,
			},
			signal,
		);
		// Whatever the status: a refused command comes with 500, and its reason in the body.
		const parsed = answers.safeParse(parseJson(body));
		if (!parsed.success) {
			if (status === 404) throw https.refusal('there is no NX-API', 'enable `feature nxapi` on the switch');
			throw https.nonsense(`status ${status} and no JSON-RPC`);
		}
		const byId = new Map(parsed.data.map(answer => [answer.id, answer]));
		return commands.map((command, index) => {
			const answer = byId.get(index + 1);
			if (!answer) throw https.refusal(`'${command}'`, 'the switch did not run it');
			const { error, result } = answer;
			if (error) throw https.refusal(`'${command}'`, error.data?.msg ?? error.message);
			const text = result?.msg ?? (typeof result?.body === 'string' ? result.body : '');
			// Some commands fail without an error of JSON-RPC.
			if (isChange && /^\s*(ERROR|%)/im.test(text)) throw https.refusal(`'${command}'`, text);
			return text;
		});
	}
	return {
		show: (commands, signal) => run(commands, false, signal),
		change: (commands, signal) => run(commands, true, signal),
	};
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
