import { parse } from 'yaml';
import { redfishError } from '../../proxy/client/test-proxy.ts';
import { testWithSite } from '../test-site.ts';

const test = testWithSite();
const systems = '/redfish/v1/Systems';

/** What another vendor's BMC shows: other names, several NICs, a TPM; and links as the proxy gives them. */
const tree: Readonly<Record<string, object>> = {
	[systems]: { Members: [{ '@odata.id': `/bmc/node1${systems}/1` }] },
	[`${systems}/1`]: {
		Manufacturer: 'Acme',
		Model: null,
		MemorySummary: { TotalSystemMemoryGiB: 512 },
		ProcessorSummary: { Count: 2, CoreCount: 96 },
		TrustedModules: [{ InterfaceType: 'TPM2_0' }],
		EthernetInterfaces: { '@odata.id': `/bmc/node1${systems}/1/EthernetInterfaces` },
	},
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
				metadata: { manufacturer: 'Acme', cpus: 2, cores: 96, ram: 512, tpm: 'TPM2_0' },
				nics: { LOM1: { mac: '02:00:00:00:00:0A' }, LOM2: { mac: '02:00:00:00:00:0B' } },
			},
		},
	});
	const json = await terminal().run('bmc', 'describe', 'node1', '--as', 'hso', '--json');
	t.deepEqual(JSON.parse(json.out), parse(ran.out));
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
