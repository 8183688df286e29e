// Whatever a service refuses, the command line says what to do next about that very refusal, and names no command that there is not.
import test from 'ava';
import type { Command } from 'commander';
import { attestErrorTable } from '../attest/errors.ts';
import type { BimetalError } from '../common/errors/bimetal-error.ts';
import type { ErrorTable } from '../common/errors/error-table.ts';
import { eventErrorTable } from '../common/events/errors.ts';
import { httpErrorTable } from '../common/http/errors.ts';
import * as storeErrors from '../common/store/errors.ts';
import { hilErrorTable } from '../hil/errors.ts';
import { marketErrorTable } from '../market/errors.ts';
import { provisionerErrorTable } from '../provisioner/errors.ts';
import * as auditErrors from '../proxy/audit/errors.ts';
import { enrolErrorTable } from '../proxy/enrol/errors.ts';
import { proxyErrorTable } from '../proxy/errors.ts';
import { eventErrorTable as followErrorTable } from '../proxy/events/errors.ts';
import { filterErrorTable } from '../proxy/filter/errors.ts';
import { governanceErrorTable } from '../proxy/governance/errors.ts';
import { recoveryErrorTable } from '../proxy/recovery/errors.ts';
import { openbmcErrors } from '../qemu/openbmc/errors.ts';
import { hints } from './failure.ts';
import { createProgram } from './program.ts';
import { createTerminal } from './test-terminal.ts';

const tables: readonly ErrorTable[] = [
	...[attestErrorTable, eventErrorTable, httpErrorTable, hilErrorTable, marketErrorTable],
	...[provisionerErrorTable, enrolErrorTable, proxyErrorTable, followErrorTable, filterErrorTable],
	...[governanceErrorTable, recoveryErrorTable],
];

/** Those that are made without a table: each maker once. */
const made = Object.values({ ...storeErrors, ...auditErrors, ...openbmcErrors }).map(
	make => (make as (...args: unknown[]) => BimetalError)('', '', '', '').code,
);

/** Codes that no command line meets, and why. */
const elsewhere: Readonly<Record<string, string>> = {
	NothingToAttest: 'answered to the agent of a node, which asks again by itself',
	KeysDiffer: 'answered to the agent of a node, which waits for a new admission',
	NonceOver: 'answered to the agent of a node, which asks for another nonce',
};

test('each code of each service has a hint of its own, or a reason to have none', t => {
	const codes = new Set([...tables.flatMap(table => Object.keys(table)), ...made]);
	const missing = [...codes].filter(code => !hints[code] && !elsewhere[code]);
	t.deepEqual(missing, [], 'say in the hints of its service what to do next');
	const needless = Object.keys(elsewhere).filter(code => hints[code] || !codes.has(code));
	t.deepEqual(needless, [], 'take it off the list of exceptions');
});

test('hints name commands that there are', async t => {
	const program = await createProgram(createTerminal().context, ['up'], () => undefined);
	const missing: string[] = [];
	for (const [code, hint] of Object.entries(hints))
		for (const [, words = ''] of hint('@').matchAll(/@((?: [a-z][a-z-]*)+)/g))
			if (!isThere(program, words.trim().split(' '))) missing.push(`${code}: ${words}`);
	t.deepEqual(missing, []);
});

/** Words that lead to a command: one that only holds others does nothing by itself, those of a service start it. */
function isThere(program: Command, words: readonly string[]): boolean {
	const services = ['hil', 'attest', 'market', 'break-glass'];
	let command = program;
	for (const word of words) {
		const next = command.commands.find(each => each.name() === word);
		if (!next) return word === 'help' || command.registeredArguments.length > 0;
		command = next;
	}
	return command.commands.length === 0 || services.includes(command.name());
}
