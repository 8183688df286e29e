import { digest, requestView } from '../../proxy/client/test-proxy.ts';
import { testWithSite } from '../test-site.ts';

const test = testWithSite();

test('requests and request show what is asked, by whom, and the policies’ verdicts', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	const list = await terminal().run('requests', '--state', 'waiting', '--as', 'cp');
	t.is(list.code, 0);
	t.snapshot(list.out, 'requests');
	const one = await terminal().run('request', '01K3Q8', '--as', 'cp');
	t.is(one.code, 0);
	t.snapshot(one.out, 'request');
	const json = await terminal().run('request', '01K3Q8', '--as', 'cp', '--json');
	t.deepEqual(JSON.parse(json.out), requestView());
	t.is((await terminal().run('requests', '--state', 'asleep', '--as', 'cp')).code, 2);
});

test('a review says what an approval leads to: an image in words, a console that its requester opens', async t => {
	const { proxy, terminal } = t.context;
	const request = requestView({ method: 'WEBSOCKET', path: '/console0', body: null });
	const upload = { contentType: 'x', size: 7, sha256: digest, fileName: 'obmc.tar\n', parameters: null };
	const ifApproved = { outcome: 'execute', detail: 'under "HSO and CP"' };
	const review = { request, resource: null, changes: null, upload, policies: [], ifApproved };
	proxy.handle = ({ url }) => (url.endsWith('/review') ? { status: 200, body: review } : undefined);
	proxy.requests.set('01K3Q8', request);
	const { out } = await terminal().run('request', '01K3Q8', '--as', 'cp');
	t.regex(out, new RegExp(`image +obmc\\.tar\\\\u000a, 7 bytes\\n +SHA-256 ${digest}`));
	t.regex(out, /opened within 300 s of its last approval/);
	t.regex(out, /your approval +lets hso-operator open it, once, under "HSO and CP"/);
	t.notRegex(out, /target now/);
});

test('what others wrote cannot rewrite the terminal of the one who approves', async t => {
	const { proxy, terminal } = t.context;
	const evil = '\u001b[2J\u001b[1;1Hharmless\u202e\r\u009b1A';
	proxy.requests.set(
		'x',
		requestView({ id: 'x', path: `/redfish/v1/${evil}`, body: { [evil]: evil }, bmc: evil }),
	);
	const ran = await terminal().run('request', 'x', '--as', 'cp');
	// biome-ignore lint/suspicious/noControlCharactersInRegex: looks for what must not be there
	t.notRegex(ran.out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
	t.regex(ran.out, /\\u001b\[2J/);
	const json = await terminal().run('request', 'x', '--as', 'cp', '--json');
	t.deepEqual(JSON.parse(json.out).body, { [evil]: evil });
	// biome-ignore lint/suspicious/noControlCharactersInRegex: looks for what must not be there
	t.notRegex(json.out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
});

test('approve sends the digest that it showed', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	const ran = await terminal().run('approve', '01K3Q8', '--as', 'cp', '--comment', 'ticket 4711');
	t.is(ran.code, 0, ran.err);
	t.deepEqual(proxy.calls.at(-1)?.body, { digest, comment: 'ticket 4711' });
	t.regex(ran.out, /Approved and executed; node1 answered 204 No Content\./);
});

test('approve with another digest sends nothing; exit 8', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	const ran = await terminal().run('approve', '01K3Q8', '--as', 'cp', '--digest', 'cd'.repeat(32));
	t.is(ran.code, 8);
	t.deepEqual(
		proxy.calls.map(call => call.method),
		['GET'],
	);
});

test('on a terminal approve asks, and no means no', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	const no = terminal({ tty: true, env: { NO_COLOR: '1' } });
	no.stdin.write('n\n');
	const refused = await no.run('approve', '01K3Q8', '--as', 'cp');
	t.is(refused.code, 130);
	t.regex(refused.err, /Approve exactly this\? \[y\/N\]/);
	t.is(proxy.requests.get('01K3Q8')?.state, 'waiting');
	const yes = terminal({ tty: true });
	yes.stdin.write('y\n');
	t.is((await yes.run('approve', '01K3Q8', '--as', 'cp')).code, 0);
	t.is(proxy.requests.get('01K3Q8')?.state, 'executed');
});

test('an approval whose policy fails at execution exits with 3', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('01K3Q8', requestView());
	const ended = { by: null, reason: 'hso.pre does not hold: 1200 W', at: '2026-01-01T00:01:00Z' };
	proxy.handle = call =>
		call.url.endsWith('/approve')
			? { status: 200, body: requestView({ state: 'denied', needs: [], ended }) }
			: undefined;
	const ran = await terminal().run('approve', '01K3Q8', '--as', 'cp');
	t.is(ran.code, 3);
	t.regex(ran.out, /Approved, but not executed: hso\.pre does not hold: 1200 W/);
});

test('deny and withdraw', async t => {
	const { proxy, terminal } = t.context;
	proxy.requests.set('a', requestView({ id: 'a' })).set('b', requestView({ id: 'b' }));
	t.is((await terminal().run('deny', 'a', '--as', 'cp')).code, 2);
	t.is((await terminal().run('deny', 'a', '--as', 'cp', '--reason', 'no')).code, 0);
	t.deepEqual(proxy.calls.at(-1)?.body, { reason: 'no' });
	t.is((await terminal().run('withdraw', 'b', '--as', 'hso')).code, 0);
	t.deepEqual(
		[...proxy.requests.values()].map(request => request.state),
		['denied', 'withdrawn'],
	);
});
