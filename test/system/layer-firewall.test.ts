// The firewall of a BMC with the proxy on it, loaded in a network of its own: who gets to what, by real connections.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { testNeeding } from '../debian/test-needing.ts';
import { runProgram } from '../run-program.ts';

const rules = fileURLToPath(
	new URL(
		'../../qemu/openbmc/meta-bimetal/recipes-bimetal/bimetal-proxy/files/firewall.nft',
		import.meta.url,
	),
);

/** Listens on ports of every address, and says when it does. */
const listen = `
const net = require('node:net');
let left = process.argv.length - 1;
for (const port of process.argv.slice(1))
	net.createServer(socket => socket.end()).listen(Number(port), '::', () => --left || console.log('listening'));
`;
/** Prints what became of a connection to each HOST-PORT: open, ECONNREFUSED, or silent. */
const knock = `
const net = require('node:net');
for (const target of process.argv.slice(1)) {
	const [host, port] = target.split('-');
	const socket = net.connect({ host, port: Number(port), timeout: 4000 });
	const say = word => { console.log(target + ' ' + word); socket.destroy(); };
	socket.once('connect', () => say('open'));
	socket.once('timeout', () => say('silent'));
	socket.once('error', fault => say(fault.code));
}
`;

const perl =
	'print "$ARGV[0]-$ARGV[1] ", IO::Socket::INET->new(PeerAddr => "$ARGV[0]:$ARGV[1]", Timeout => 2) ? "open" : $!, "\n"';

/** A board with a network card, and an interface to its host; a client on the one, the host on the other. */
const script = `
set -eu
ip link set lo up
started=
trap 'kill $started 2>/dev/null' EXIT
unshare --net sleep 60 >/dev/null 2>&1 & client=$!; started=$client
unshare --net sleep 60 >/dev/null 2>&1 & host=$!; started="$started $host"
while [ "$(readlink /proc/$host/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
while [ "$(readlink /proc/$client/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
join() { # interface, network, process
	ip link add $1 type veth peer name eth0 netns $3
	ip addr add 10.9.$2.1/24 dev $1
	ip link set $1 up
	nsenter -t $3 -n ip addr add 10.9.$2.2/24 dev eth0
	nsenter -t $3 -n ip link set eth0 up
	nsenter -t $3 -n ip route add default via 10.9.$2.1
}
join eth0 1 $client
join usb0 2 $host
"$NFT" -f "$RULES"
"$NODE" -e "$LISTEN" 22 443 2200 2443 8443 18080 > "$FOLDER/listening" 2>&1 & started="$started $!"
until grep -q listening "$FOLDER/listening"; do sleep 0.05; done
echo client; nsenter -t $client -n "$NODE" -e "$KNOCK" 10.9.1.1-22 10.9.1.1-443 10.9.1.1-2200 10.9.1.1-2443 10.9.1.1-8443 10.9.1.1-18080
echo host; nsenter -t $host -n "$NODE" -e "$KNOCK" 10.9.2.1-443 10.9.2.1-8443 10.9.2.1-22 10.9.1.1-443
echo root; "$NODE" -e "$KNOCK" 127.0.0.1-2443
for user in daemon nobody; do
	# Perl, since others may not reach into the folder where our Node is.
	echo $user
	for port in 443 2443; do setpriv --reuid $user --clear-groups perl -MIO::Socket::INET -e "$PERL" 127.0.0.1 $port; done
done
`;

testNeeding('nftables', 'iproute2')(
	'only the proxy answers on the network, and only it gets to bmcweb',
	async t => {
		t.is(process.getuid?.(), 0, 'networks of their own need root');
		const folder = await mkdtemp(path.join(tmpdir(), 'bimetal-firewall-'));
		t.teardown(() => rm(folder, { recursive: true }));
		const file = path.join(folder, 'firewall.nft');
		// Here the proxy's user is another one.
		await writeFile(file, (await readFile(rules, 'utf8')).replaceAll('"bimetal"', '"daemon"'));
		const { code, stdout, stderr } = await runProgram('unshare', ['--net', 'sh', '-c', script], {
			// Not by the PATH, on which npm has put another nft.
			env: {
				NFT: '/usr/sbin/nft',
				RULES: file,
				NODE: process.execPath,
				LISTEN: listen,
				KNOCK: knock,
				PERL: perl,
				FOLDER: folder,
			},
		});
		t.is(code, 0, stderr);
		const seen: Record<string, string[]> = {};
		let who = '';
		for (const line of stdout.trim().split('\n')) {
			if (line.includes(' ')) seen[who]?.push(line);
			else {
				who = line;
				seen[who] = [];
			}
		}
		for (const lines of Object.values(seen)) lines.sort();
		t.deepEqual(seen, {
			client: [
				'10.9.1.1-18080 silent',
				'10.9.1.1-22 silent',
				'10.9.1.1-2200 silent',
				'10.9.1.1-2443 silent',
				'10.9.1.1-443 open',
				'10.9.1.1-8443 open',
			],
			host: ['10.9.1.1-443 silent', '10.9.2.1-22 silent', '10.9.2.1-443 silent', '10.9.2.1-8443 silent'],
			root: ['127.0.0.1-2443 open'],
			daemon: ['127.0.0.1-2443 open', '127.0.0.1-443 open'],
			nobody: ['127.0.0.1-2443 Connection refused', '127.0.0.1-443 open'],
		});
	},
);
