// What a node can read and write in a second, over iSCSI as it does, against the file that the target serves and against a
// plain file on the same disk. One client does all of them: qemu-img bench, through the page cache.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { BenchCase, Side } from '../harness/bench-case.ts';
import type { Ready, ReadyMaker } from './ready-maker.ts';
import type { BenchSite } from './site.ts';

/** Bytes: what can be kept in memory, so that it is our way that is measured and not the machine's disk. */
const size = 512 * 2 ** 20;
/** Milliseconds. */
const patience = 300_000;

interface Pattern {
	readonly name: string;
	/** Bytes of each request, and from one to the next. */
	readonly request: number;
	readonly step: number;
	readonly isWrite: boolean;
	/** Requests at a time, and for each second that was asked for. */
	readonly depth: number;
	readonly perSecond: number;
	readonly unit: string;
}

const sequential = { request: 2 ** 20, step: 2 ** 20, depth: 4, perSecond: 400, unit: 'MB/s' };
/** An odd number of blocks, which there are a power of two of: it comes by each of them. */
const scattered = { request: 4096, step: 4096 * 49_999, depth: 16, perSecond: 6000, unit: 'requests/s' };
const patterns: readonly Pattern[] = [
	{ name: 'sequential read', ...sequential, isWrite: false },
	{ name: 'sequential write', ...sequential, isWrite: true },
	{ name: '4 KiB scattered read', ...scattered, isWrite: false },
	{ name: '4 KiB scattered write', ...scattered, isWrite: true },
];

/** What qemu-img takes for a disk. */
interface Way {
	readonly name: string;
	readonly url: string;
	/** A secret is not an argument: lists of processes are everybody's. */
	readonly environment: Readonly<Record<string, string>>;
}

const waysTo = ({ door, file }: Ready, plain: string): readonly [Way, Way, Way] => [
	{
		name: 'over iSCSI',
		url: `iscsi://${door.portal}/${door.iqn}/1`,
		environment: { LIBISCSI_CHAP_USERNAME: door.chap.username, LIBISCSI_CHAP_PASSWORD: door.chap.password },
	},
	{ name: 'the exported file', url: file, environment: {} },
	{ name: 'a raw file', url: plain, environment: {} },
];

async function qemuImg(args: readonly string[], { environment }: Pick<Way, 'environment'>): Promise<string> {
	const env = { ...process.env, ...environment };
	const { stdout } = await promisify(execFile)('qemu-img', [...args], { env, timeout: patience });
	return stdout;
}

/** Requests a second, or megabytes. Writes are on the disk when it ends. */
async function measure({ url, ...way }: Way, pattern: Pattern, seconds: number): Promise<number> {
	const { request, step, isWrite, depth, perSecond, unit } = pattern;
	const count = Math.ceil(perSecond * seconds);
	const writes = isWrite ? ['-w', `--flush-interval=${count}`] : [];
	const how = [
		'-s',
		String(request),
		'-S',
		String(step),
		'-d',
		String(depth),
		'-c',
		String(count),
		...writes,
	];
	const began = performance.now();
	const said = await qemuImg(['bench', '-f', 'raw', '-t', 'writeback', ...how, url], way);
	const took = Number(/Run completed in ([\d.]+) seconds/.exec(said)?.[1]);
	assert.ok(took > 0 && took * 1000 <= performance.now() - began, said);
	return unit === 'MB/s' ? (count * request) / took / 1e6 : count / took;
}

/** The disk is made ready when the first case begins. */
export function openThroughput(
	folder: string,
	{ site, makeReady }: ReadyMaker & { readonly site: BenchSite },
): { cases: readonly BenchCase[]; close(): Promise<void> } {
	let ready: Promise<{ of: Ready; ways: readonly [Way, Way, Way] }> | undefined;
	const opened = () => {
		ready ??= (async () => {
			const plain = path.join(folder, 'data.raw');
			const file = await open(plain, 'wx');
			try {
				for (let at = 0; at < size; at += 2 ** 16)
					await file.write(crypto.getRandomValues(Buffer.alloc(2 ** 16)));
			} finally {
				await file.close();
			}
			await site.addImage('data', plain, 'raw');
			const of = await makeReady('data');
			return { of, ways: waysTo(of, plain) };
		})();
		return ready;
	};
	/** Each has what the plain file has, before any of them is written to. */
	let compared: Promise<void> | undefined;
	const compare = async (): Promise<void> => {
		const [iscsi, exported, plain] = (await opened()).ways;
		for (const way of [iscsi, exported]) {
			assert.match(
				await qemuImg(['compare', '-f', 'raw', '-F', 'raw', plain.url, way.url], way),
				/identical/,
			);
		}
	};
	const side = (name: string, index: 0 | 1 | 2, pattern: Pattern): Side => ({
		name,
		check() {
			compared ??= compare();
			return compared;
		},
		async round(seconds) {
			return { '': await measure((await opened()).ways[index], pattern, seconds) };
		},
	});
	return {
		cases: patterns.map(pattern => ({
			name: `disk: ${pattern.name}`,
			most: { rounds: 3, warmUp: 1 },
			figures: [{ name: '', unit: pattern.unit, better: 'higher' }],
			ours: side('over iSCSI', 0, pattern),
			peers: [side('the exported file', 1, pattern), side('a raw file', 2, pattern)],
		})),
		async close() {
			await (await ready?.catch(() => undefined))?.of.end();
		},
	};
}
