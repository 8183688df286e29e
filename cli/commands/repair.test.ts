import { testWithSite } from '../test-site.ts';

const test = testWithSite();

test('repair: what was shut, what waits and for whom; the exit code tells that it is not done', async t => {
	const ran = await t.context.terminal().run('bmc', 'repair', 'node1', '--as', 'hso');
	t.is(ran.code, 4, ran.err);
	t.regex(ran.out, /SSH\s+waiting/);
	t.regex(ran.out, /session 1 of oper1\s+shut/);
	t.regex(ran.out, /bimetal approve 01K3Q8/);
	const json = await t.context.terminal().run('bmc', 'repair', 'node1', '--as', 'hso', '--json');
	t.is(JSON.parse(json.out).repairs.length, 2);
	t.is((await t.context.terminal().run('bmc', 'repair', 'node7', '--as', 'hso')).code, 6);
});

test('bmcs: doors that stand open are named; of a BMC that was never enrolled nothing is claimed', async t => {
	const { out } = await t.context.terminal().run('bmcs', '--as', 'hso');
	t.regex(out, /node1\s+up\s+open: SSH, account oper1\s+rack1/);
	t.regex(out, /node2\s+down\s+-\s+rack1/);
});
