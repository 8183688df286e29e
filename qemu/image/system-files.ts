import { readFile } from 'node:fs/promises';
import type { RootEntry } from '../guest/cpio-archive.ts';

/** One of the scripts and settings that go into images as they are. */
export const systemFile = (name: string): Promise<Buffer> =>
	readFile(new URL(`system/${name}`, import.meta.url));

export const programOf = (content: Buffer): RootEntry => ({ kind: 'file', content, isProgram: true });
export const textOf = (content: Buffer | string): RootEntry => ({ kind: 'file', content });

/** Scripts of ours, by where they are in an image. */
export async function ownPrograms(...names: readonly string[]): Promise<Record<string, RootEntry>> {
	const entries: Record<string, RootEntry> = {};
	for (const name of names) entries[`etc/bimetal/${name}`] = programOf(await systemFile(name));
	return entries;
}

/** Where busybox is the shell: its own names for its commands it knows by itself. */
export const busyboxLinks: Readonly<Record<string, RootEntry>> = {
	'bin/sh': { kind: 'link', to: 'busybox' },
	'usr/bin': { kind: 'link', to: '../bin' },
	'usr/sbin': { kind: 'link', to: '../sbin' },
};
