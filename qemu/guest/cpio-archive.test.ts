import test from 'ava';
import { cpioArchive } from './cpio-archive.ts';

test('an archive has folders before what is in them, root’s modes, and every record on a multiple of four', t => {
	const archive = cpioArchive({
		'bin/tool': { kind: 'file', content: 'abcde', isProgram: true },
		'bin/sh': { kind: 'link', to: 'tool' },
		'dev/console': { kind: 'device', major: 5, minor: 1 },
		proc: { kind: 'folder' },
	});
	t.deepEqual(read(archive), [
		['bin', '40755', '', '0:0'],
		['bin/sh', '120777', 'tool', '0:0'],
		['bin/tool', '100755', 'abcde', '0:0'],
		['dev', '40755', '', '0:0'],
		['dev/console', '20600', '', '5:1'],
		['proc', '40755', '', '0:0'],
	]);
});

/** Reads it as the kernel does (init/initramfs.c). */
function read(archive: Buffer): string[][] {
	const found: string[][] = [];
	for (let at = 0; ; ) {
		const field = (index: number) =>
			Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
		if (archive.toString('latin1', at, at + 6) !== '070701') throw new Error(`no record at ${at}`);
		const nameEnd = at + 110 + field(11);
		const name = archive.toString('utf8', at + 110, nameEnd - 1);
		if (name === 'TRAILER!!!') return found;
		const from = (nameEnd + 3) & ~3;
		const content = archive.toString('utf8', from, from + field(6));
		found.push([name, field(1).toString(8), content, `${field(9)}:${field(10)}`]);
		at = (from + field(6) + 3) & ~3;
	}
}
