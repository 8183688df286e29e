import test from 'ava';
import { unifiedKernel } from './unified-kernel.ts';

test('a stub that is no program, or has no room for sections, is refused', t => {
	const parts = { kernel: Buffer.from('k'), initrd: Buffer.from('i'), commandLine: 'quiet' };
	const stub = Buffer.alloc(512);
	stub.writeUInt32LE(64, 0x3c);
	t.throws(() => unifiedKernel({ stub, ...parts }), { code: 'StubUnfit', message: /no PE file/ });
	stub.write('PE\0\0', 64, 'latin1');
	stub.writeUInt16LE(240, 64 + 4 + 16);
	const optional = 64 + 24;
	stub.writeUInt32LE(4096, optional + 32);
	stub.writeUInt32LE(512, optional + 36);
	stub.writeUInt32LE(512, optional + 60);
	stub.writeUInt16LE(3, 64 + 6);
	t.throws(() => unifiedKernel({ stub, ...parts }), { code: 'StubUnfit', message: /no room/ });

	stub.writeUInt16LE(0, 64 + 6);
	const made = unifiedKernel({ stub, ...parts });
	const table = optional + 240;
	const section = (index: number) => {
		const at = table + index * 40;
		const raw = made.readUInt32LE(at + 20);
		return [
			made.toString('latin1', at, at + 8).replaceAll('\0', ''),
			made.toString('latin1', raw, raw + made.readUInt32LE(at + 8)),
			made.readUInt32LE(at + 12) % 4096,
		];
	};
	t.is(made.readUInt16LE(64 + 6), 3);
	t.deepEqual([0, 1, 2].map(section), [
		['.cmdline', 'quiet', 0],
		['.initrd', 'i', 0],
		['.linux', 'k', 0],
	]);
});
