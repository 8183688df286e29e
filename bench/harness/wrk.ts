import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { LoadOptions, LoadReport } from './http-side.ts';

/**
 * One round of load by Debian's wrk, which takes a tenth of the processor time of a load generator in Node. It
 * closes its connections in the middle of requests when the time is over. Throws when wrk is missing.
 */
export async function loadByWrk(
	{ url, headers, hosts, paths, connections, seconds }: Omit<LoadOptions, 'ca'>,
	core: number,
): Promise<LoadReport> {
	const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-wrk-'));
	try {
		// In a file: the command line of a process is there for everybody to read, and headers hold a token.
		const script = path.join(folder, 'headers.lua');
		const lines = Object.entries(headers).map(
			([name, value]) => `wrk.headers[${quote(name)}] = ${quote(value)}`,
		);
		if (hosts) lines.push(takeTurns(hosts, 'wrk.headers["Host"]'));
		if (paths) lines.push(takeTurns(paths, 'wrk.path'));
		await writeFile(script, lines.join('\n'), { mode: 0o600 });
		const args = ['-t1', `-c${connections}`, `-d${Math.ceil(seconds)}s`, '--latency', '-s', script, url];
		const wrk = spawn('taskset', ['-c', String(core), 'wrk', ...args], {
			stdio: ['ignore', 'pipe', 'inherit'],
		});
		const [output, [code]] = await Promise.all([text(wrk.stdout), once(wrk, 'exit')]);
		if (code !== 0) throw new Error(`wrk ended with ${code}; test/debian/install installs it. ${output}`);
		return parseReport(output);
	} finally {
		await rm(folder, { recursive: true });
	}
}

const takeTurns = (values: readonly string[], variable: string): string => `
local values = {${values.map(quote).join(',')}}
local turn = 0
request = function()
	turn = turn % #values + 1
	${variable} = values[turn]
	return wrk.format("GET")
end`;

const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;

/** @throws Error when the output is not wrk's. */
export function parseReport(output: string): LoadReport {
	const find = (pattern: RegExp): string => {
		const found = pattern.exec(output)?.[1];
		if (found === undefined) throw new Error(`wrk said something else than expected:\n${output}`);
		return found;
	};
	const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output) ?? [];
	return {
		requests: Number(find(/(\d+) requests in /)),
		rate: Number(find(/Requests\/sec:\s+([\d.]+)/)),
		p50: milliseconds(find(/\s50%\s+([\d.]+\w+)/)),
		p99: milliseconds(find(/\s99%\s+([\d.]+\w+)/)),
		failures:
			errors.slice(1).reduce((total, count) => total + Number(count), 0) +
			Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0),
	};
}

function milliseconds(text: string): number {
	const [, number, unit = ''] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
	const factor = { us: 0.001, ms: 1, s: 1000 }[unit];
	return factor === undefined ? Number.NaN : Number(number) * factor;
}
