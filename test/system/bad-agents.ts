import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { ExecutionContext } from 'ava';
import { listenInNetwork } from '../../common/network/listen-in-network.ts';
import type { AirlockServices } from '../../qemu/airlock/airlock-root.ts';
import { until } from '../visitor.ts';
import type { GuestConsole } from './guest-console.ts';
import type { Stranger } from './stranger.ts';

/** What an agent may do that has no good in mind. */
type Deceit = 'another node’s name' | 'a free key' | 'other PCRs' | 'a replay' | 'half a log';

/**
 * The agent of the airlock, changed so that it deceives; everything else is as nodes have it.
 * @param bytes of the boot log that half of it has
 */
async function badAgent(deceit: Deceit, bytes: number): Promise<string> {
	const agent = await readFile(new URL('../../qemu/airlock/system/agent', import.meta.url), 'utf8');
	const changed = (from: string, to: string): string => {
		if (agent.split(from).length !== 2) throw new Error(`the agent does not have this once: ${from}`);
		return agent.replace(from, () => to);
	};
	const key = 'tpm tpm2_createak -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -f tss -n ak.name';
	// It signs whatever it is given: it is not restricted.
	const attributes = 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign';
	const freeKey = `tpm tpm2 createprimary -C e -G ecc256:ecdsa-sha256:null -a '${attributes}' -c ak.ctx`;
	const shown = 'tpm tpm2 readpublic -c ak.ctx -o ak.pub -f tss -n ak.name';
	const made = '-m message -s signature -o pcrs --pcrs_format=values ||\n\t\treturn 1\n';
	// The quote is of the question before.
	const nextQuestion = '\tcall "$verifier/verifier/v1/agent/questions" body\n\ttoken=$(field token)\n';
	switch (deceit) {
		case 'another node’s name':
			return agent;
		case 'a free key':
			return changed(key, `${freeKey} && ${shown}`);
		case 'other PCRs':
			// PCR 23 is anybody's to reset.
			return changed('-l "$selection"', '-l "$selection,23"');
		case 'a replay':
			return changed(made, made + nextQuestion);
		case 'half a log':
			return changed('text $log;', `head -c ${bytes} $log | base64 -w 0;`);
		default:
			return deceit satisfies never;
	}
}

/** Milliseconds: longer than any test. */
const lifetime = 3_600_000;

/**
 * Has an agent deceive until it has said something, and throws when it never does; or, without words to wait for, for as
 * long as the node is on.
 */
type Deceive = (
	deceit: Deceit,
	options: { readonly words?: RegExp; readonly node?: string; readonly bytes?: number },
) => Promise<void>;

/** Agents that deceive, for a node with a shell and a TPM's programs; a machine of its network gives them to it. */
export async function installBadAgents(
	t: ExecutionContext,
	site: {
		readonly shell: GuestConsole;
		/** Seconds. */
		readonly patience: number;
		readonly machine: Stranger;
		readonly address: string;
		/** What the node is called. */
		readonly node: string;
		readonly services: AirlockServices;
	},
): Promise<Deceive> {
	const { shell, patience, machine, address: host, services } = site;
	const { registrar, verifier, authorities } = services;
	const files = new Map([
		['/run/services', `registrar=${registrar}\nverifier=${verifier}\n`],
		['/run/authorities.pem', authorities],
	]);
	const server = createServer(({ url = '' }, response) => {
		const content = files.get(url);
		response.writeHead(content === undefined ? 404 : 200).end(content);
	});
	const listening = await listenInNetwork(server, {
		...{ network: machine.network, host, port: 8080, lifetime },
	});
	t.teardown(() => listening.close());
	const run = (line: string): Promise<string> => shell.run(line, patience);
	const fetch = (file: string): Promise<string> => run(`wget -q -O ${file} http://${host}:8080${file}`);
	for (const file of files.keys()) await fetch(file);
	return async (deceit, { words, node = site.node, bytes = 0 }) => {
		const file = `/run/${deceit.replaceAll(/[^a-z]/g, '-')}`;
		files.set(file, await badAgent(deceit, bytes));
		await fetch(file);
		const settings = `services=/run/services authority=/run/authorities.pem work=${file}.work node=${node}`;
		const device = 'TPM2TOOLS_TCTI=device:/dev/tpmrm0 admitted=/nonexistent';
		await run(`mkdir ${file}.work; ${settings} ${device} sh ${file} < /dev/null > ${file}.said 2>&1 & true`);
		if (!words) return;
		await until(
			() => run(`sleep 1; cat ${file}.said`),
			text => words.test(text),
			patience,
		);
		await run(`kill $!; wait; rm -r ${file}.work`);
	};
}
