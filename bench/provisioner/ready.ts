// From the call that provisions a node until its disk can be logged in to: a clone of an image, its export, its target.
// The peer does the same with the programs that Debian has for it, one after another, and puts nothing on record.
import assert from 'node:assert/strict';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { BenchCase, Side } from '../harness/bench-case.ts';
import { median } from '../harness/bench-case.ts';
import { openBare } from './bare.ts';
import { type Door, imageOptions, runProgram } from './initiator.ts';
import { openOurs } from './ours.ts';
import type { ReadyMaker } from './ready-maker.ts';
import { openThroughput } from './throughput.ts';

const mebibyte = 2 ** 20;
const sizes = { '100 MiB': 100, '1 GiB': 1024, '10 GiB': 10 * 1024 } as const;
type Size = keyof typeof sizes;

/** What each image begins with, before and behind a hole. */
const pattern = 0x5a;
const written = 64 * 1024;

async function makeRawImage(file: string, size: number): Promise<void> {
	const image = await open(file, 'wx');
	try {
		await image.truncate(size * mebibyte);
		const content = Buffer.alloc(written, pattern);
		await image.write(content, 0, written, 0);
		await image.write(content, 0, written, size * mebibyte - written);
	} finally {
		await image.close();
	}
}

/** The disk has what its image has, and takes what is written. */
async function mustWork(size: number, door: Door, folder: string): Promise<void> {
	const secretFile = path.join(folder, 'secret');
	await writeFile(secretFile, door.chap.password, { mode: 0o600 });
	const { object, image } = imageOptions(door, secretFile);
	const commands = [
		`read -P ${pattern} 0 ${written}`,
		`read -P 0 ${written} ${written}`,
		`read -P ${pattern} ${size * mebibyte - written} ${written}`,
		`write -P 7 ${mebibyte} ${written}`,
		`read -P 7 ${mebibyte} ${written}`,
	].flatMap(command => ['-c', command]);
	const said = await runProgram('qemu-io', [...object, ...commands, '--image-opts', image]);
	assert.equal(said.match(/^(read|wrote) 65536\/65536/gm)?.length, 5, said);
	assert.ok(!/failed/i.test(said), said);
}

function side(name: string, size: Size, { makeReady }: ReadyMaker, folder: string): Side {
	return {
		name,
		async check() {
			const ready = await makeReady(nameOf(size));
			try {
				await mustWork(sizes[size], ready.door, folder);
			} finally {
				await ready.end();
			}
		},
		async round(seconds) {
			const took: number[] = [];
			for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
				const began = performance.now();
				const { end } = await makeReady(nameOf(size));
				took.push(performance.now() - began);
				await end();
			}
			return { '': median(took) };
		},
	};
}

const nameOf = (size: Size): string => `image-${sizes[size]}`;

/** A case for each size of an image, all but the ends of which is a hole; and those of what a disk then does. */
export async function openReady(
	folder: string,
	run: string,
): Promise<{ cases: readonly BenchCase[]; close(): Promise<void> }> {
	const places = { ours: path.join(folder, 'ours'), bare: path.join(folder, 'bare') };
	for (const place of Object.values(places)) await mkdir(place, { recursive: true });
	const ours = await openOurs(places.ours, run);
	const bare = await openBare(places.bare, run).catch(async fault => {
		await ours.close();
		throw fault;
	});
	const throughput = openThroughput(folder, ours);
	const close = async () => {
		await throughput.close();
		await bare.close();
		await ours.close();
	};
	try {
		for (const [size, mib] of Object.entries(sizes)) {
			const raw = path.join(folder, 'image.raw');
			await makeRawImage(raw, mib);
			await ours.site.addImage(nameOf(size as Size), raw, 'raw');
			const image = path.join(places.bare, `${nameOf(size as Size)}.qcow2`);
			await runProgram('qemu-img', ['convert', '-O', 'qcow2', '-f', 'raw', raw, image]);
			await rm(raw);
		}
	} catch (fault) {
		await close();
		throw fault;
	}
	return {
		cases: [
			...(Object.keys(sizes) as Size[]).map(
				(size): BenchCase => ({
					name: `clone, export, target: ${size}`,
					most: { rounds: 3, warmUp: 1 },
					figures: [{ name: '', unit: 'ms', better: 'lower' }],
					ours: side('through the API', size, ours, folder),
					peers: [
						side('the bare commands', size, bare.unsynced, folder),
						side('the same, synced', size, bare.synced, folder),
					],
				}),
			),
			...throughput.cases,
		],
		close,
	};
}
