import { chooseFactor, chooseSeed } from './test/properties/seed.ts';

/** Tests that boot machines, start the switch, OpenStack's services or daemons of storage. */
const machines = [
	'qemu/{debian,firmware,guest,image,machine,openbmc,rack,server,switch}/**/*.test.ts',
	'hil/switches/open-vswitch/**/*.test.ts',
	'provisioner/{storage,target}/**/*.test.ts',
	'test/system/{airlock*,attested-*,board,board-bmc,dnsmasq-ipxe,eight-nodes,full-image,hil-keystone,hil-rack,ironic,multipath,network-boot,node-commands,node-configuration,openbmc,openbmc-ends,rack,tenant-*,up-rack,virtual-server}.test.ts',
	'test/faults/{hil-ovs*,provisioned-node}.test.ts',
	'cli/commands/qemu-*.test.ts',
	'cli/up/node-side.test.ts',
];
/** `npm test` runs them after the others and one file at a time: what they wait for takes all of a processor. */
const part = {
	machines: { files: machines, concurrency: 1 },
	others: { files: ['**/*.test.ts', ...machines.map(pattern => `!${pattern}`)] },
}[process.env.BIMETAL_TEST_PART] ?? { files: ['**/*.test.ts'] };

export default {
	...part,
	files: [...part.files, '!node_modules/**', '!.bimetal/**'],
	extensions: ['ts'],
	// Processes, not threads: Node 24 can crash when a thread that used WebAssembly (undici's HTTP parser) ends.
	workerThreads: false,
	// One seed for all files: one that is drawn is drawn here.
	environmentVariables: { BIMETAL_TEST_SEED: `${chooseSeed(process.env.BIMETAL_TEST_SEED)}` },
	require: ['./test/properties/configure.ts'],
	timeout: `${2 * chooseFactor(process.env.BIMETAL_TEST_RUNS)}m`,
	failFast: false,
};
