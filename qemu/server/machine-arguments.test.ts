import test from 'ava';
import { machineArguments } from './machine-arguments.ts';

const IDENTITY = {
	serial: 'SN-0001',
	uuid: 'ca12f31b-8cbf-4000-8000-5f29e268ea64',
	model: 'BM-1000',
	manufacturer: 'Bimetal, Inc.',
	assetTag: 'node1',
	mac: '02:00:00:00:00:01',
};

test('a server’s identity, processors, memory, network and disks are its machine’s', t => {
	const args = machineArguments(
		{
			folder: '/run/node1',
			run: 'run',
			cpus: 2,
			memoryMiB: 512,
			accelerator: 'kvm',
			nics: [{ mac: '52:54:00:00:00:01', tap: 'tap0' }, { mac: '52:54:00:00:00:02' }],
			disks: [{ file: '/images/a,b.qcow2', format: 'qcow2' }],
			tpm: { authority: '/site/authority' },
		},
		IDENTITY,
		{ mode: 'UEFI', first: 'Pxe' },
		{ node: 'medium1', kind: 'Cd', readOnly: true },
	);
	const after = (option: string) => args.filter((_, index) => args[index - 1] === option);
	const devices = after('-device').map(text => JSON.parse(text) as Record<string, unknown>);
	const device = (id: string) => devices.find(one => one.id === id);
	t.deepEqual(after('-smbios'), [
		'type=1,manufacturer=Bimetal,, Inc.,product=BM-1000,serial=SN-0001,uuid=ca12f31b-8cbf-4000-8000-5f29e268ea64',
		'type=2,manufacturer=Bimetal,, Inc.,product=BM-1000,serial=SN-0001,asset=node1',
		'type=3,manufacturer=Bimetal,, Inc.,serial=SN-0001,asset=node1',
	]);
	t.deepEqual(after('-m'), ['512M']);
	t.deepEqual(after('-smp'), ['cpus=2,sockets=1,cores=2,threads=1']);
	t.deepEqual(after('-cpu'), ['host']);
	t.deepEqual(after('-netdev'), ['tap,id=net0,ifname=tap0,script=no,downscript=no,vnet_hdr=off']);
	t.like(device('nic0'), { mac: '52:54:00:00:00:01', netdev: 'net0', bootindex: 0 });
	t.like(device('nic1'), { mac: '52:54:00:00:00:02', netdev: undefined, bootindex: 1 });
	t.like(device('disk0'), { drive: 'disk0', serial: 'SN-0001-D0', bootindex: 2 });
	t.like(device('cd0'), { drive: 'medium1', bootindex: 3 });
	t.like(device('tpm'), { driver: 'tpm-crb' });
	t.true(after('-blockdev').some(text => JSON.parse(text).file?.filename === '/images/a,b.qcow2'));
	t.is(after('-drive').length, 2);
	t.true(args.includes('-S'), 'it starts paused');
});

test('a legacy boot has no UEFI firmware, and a server without parts has none', t => {
	const args = machineArguments(
		{ folder: '/x', run: 'run' },
		IDENTITY,
		{ mode: 'Legacy', first: undefined },
		undefined,
	);
	for (const absent of ['-drive', '-blockdev', '-netdev', '-tpmdev']) t.false(args.includes(absent), absent);
});
