import test from 'ava';
import { bmcForTest, PASSWORD } from './test-bmc.ts';

const service = '/redfish/v1/AccountService';
const system = '/redfish/v1/Systems/system';

test('a way to log in that was switched off is not taken, and the others are', async t => {
	const { ask } = await bmcForTest(t);
	const login = await ask('POST', '/redfish/v1/SessionService/Sessions', {
		user: null,
		body: { UserName: 'root', Password: PASSWORD },
	});
	const token = String(login.headers['x-auth-token']);
	const by = {
		XToken: { user: null, headers: { 'X-Auth-Token': token } },
		SessionToken: { user: null, headers: { Authorization: `Token ${token}` } },
		Cookie: { user: null, headers: { Cookie: `BMCWEB-SESSION=${token}` } },
		BasicAuth: {},
	};
	const statuses = async () =>
		Promise.all(Object.values(by).map(async how => (await ask('GET', system, how)).status));
	const set = (methods: Record<string, boolean>) =>
		ask('PATCH', service, { ...by.XToken, body: { Oem: { OpenBMC: { AuthMethods: methods } } } });
	t.deepEqual(await statuses(), [200, 200, 200, 200]);
	await set({ BasicAuth: false });
	t.deepEqual(await statuses(), [200, 200, 200, 401]);
	await set({ BasicAuth: true, SessionToken: false, Cookie: false });
	t.deepEqual(await statuses(), [200, 401, 401, 200]);
	await ask('PATCH', service, { ...by.XToken, body: { HTTPBasicAuth: 'Disabled' } });
	t.deepEqual(await statuses(), [200, 401, 401, 401]);
	await ask('PATCH', service, { ...by.XToken, body: { HTTPBasicAuth: 'Enabled' } });
	await set({ SessionToken: true, Cookie: true, XToken: false });
	t.deepEqual(await statuses(), [401, 200, 200, 200]);
});
