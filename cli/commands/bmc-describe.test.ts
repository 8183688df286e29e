import { parse } from 'yaml';
import { redfishError } from '../../proxy/client/test-proxy.ts';
import { testWithSite } from '../test-site.ts';

const test = testWithSite();
const systems = '/redfish/v1/Systems';
const chassis = '/redfish/v1/Chassis/Sled';

/** What another vendor's BMC shows: other names, several NICs, GPUs, a TPM; and links as the proxy gives them. */
const tree: Readonly<Record<string, object>> = {
	[systems]: { Members: [{ '@odata.id': `/bmc/node1${systems}/1` }] },
	[`${systems}/1`]: {
		Manufacturer: 'Acme',
		Model: null,
		MemorySummary: { TotalSystemMemoryGiB: 512 },
		ProcessorSummary: { Count: 2, CoreCount: 96 },
		TrustedModules: [{ InterfaceType: 'TPM2_0' }],
		Processors: { '@odata.id': `/bmc/node1${systems}/1/Processors` },
		EthernetInterfaces: { '@odata.id': `/bmc/node1${systems}/1/EthernetInterfaces` },
		Links: { Chassis: [{ '@odata.id': '/bmc/node1/redfish/v1/Chassis/Sled' }] },
	},
	[`${systems}/1/Processors`]: {
		Members: ['GPU1', 'CPU1', 'GPU2'].map(id => ({ '@odata.id': `/bmc/node1${systems}/1/Processors/${id}` })),
	},
	[`${systems}/1/Processors/GPU1`]: { ProcessorType: 'GPU', Model: 'H100' },
	[`${systems}/1/Processors/CPU1`]: { ProcessorType: 'CPU', Model: 'Fast 9000' },
	[`${systems}/1/Processors/GPU2`]: { ProcessorType: 'GPU', Model: 'H100' },
	[chassis]: { Location: { Placement: { Rack: 'R12' }, PartLocation: { ServiceLabel: 'Sled 3' } } },
	[`${systems}/1/EthernetInterfaces`]: {
		Members: ['a', 'b', 'c'].map(id => ({ '@odata.id': `/bmc/node1${systems}/1/EthernetInterfaces/${id}` })),
	},
	[`${systems}/1/EthernetInterfaces/a`]: { Id: 'LOM1', MACAddress: '02:00:00:00:00:0A' },
	[`${systems}/1/EthernetInterfaces/b`]: { Id: 'LOM2', MACAddress: '02:00:00:00:00:0B' },
	[`${systems}/1/EthernetInterfaces/c`]: { Id: 'USB', MACAddress: null },
};

test('servers are described as their BMCs show them, and what these do not show is left out', async t => {
	const { terminal, proxy } = t.context;
	proxy.handle = ({ url }) => {
		const body = tree[url.replace('/bmc/node1', '')];
		return url.startsWith('/bmc/node1')
			? body
				? { status: 200, body: body as never }
				: undefined
			: undefined;
	};
	const ran = await terminal().run('bmc', 'describe', 'node1', '--as', 'hso');
	t.is(ran.code, 0, ran.err);
	t.deepEqual(parse(ran.out), {
		nodes: {
			node1: {
				management: `${proxy.url}/bmc/node1`,
				metadata: {
					...{ manufacturer: 'Acme', cpu: 'Fast 9000', cpus: 2, cores: 96, ram: 512 },
					...{ gpu: ['H100', 'H100'], tpm: 'TPM2_0', location: 'R12' },
				},
				nics: { LOM1: { mac: '02:00:00:00:00:0A' }, LOM2: { mac: '02:00:00:00:00:0B' } },
			},
		},
	});
	const json = await terminal().run('bmc', 'describe', 'node1', '--as', 'hso', '--json');
	t.deepEqual(JSON.parse(json.out), parse(ran.out));

	// The operator may not see the chassis: all else is known.
	const seen = proxy.handle;
	proxy.handle = (request, body) =>
		request.url.endsWith(chassis) ? redfishError(403, 'CP says no') : seen?.(request, body);
	const without = await terminal().run('bmc', 'describe', 'node1', '--as', 'hso', '--json');
	const { location, ...others } = parse(ran.out).nodes.node1.metadata;
	t.is(location, 'R12');
	t.deepEqual(JSON.parse(without.out).nodes.node1.metadata, others);
});

test('a BMC that refuses, or answers nonsense, is named with what it was asked', async t => {
	const { terminal, proxy } = t.context;
	proxy.handle = () => redfishError(403, 'CP says no');
	const denied = await terminal().run('bmc', 'describe', 'node1', '--as', 'hso');
	t.is(denied.code, 3);
	t.regex(denied.err, /node1 answered 403 to \/redfish\/v1\/Systems: .*CP says no/);
	proxy.handle = ({ url }) =>
		url.startsWith('/bmc') ? { status: 200, body: { Members: 'many' } } : undefined;
	const odd = await terminal().run('bmc', 'describe', 'node1', '--as', 'hso');
	t.is(odd.code, 7);
	t.regex(odd.err, /it is not as Redfish has it/);
});
