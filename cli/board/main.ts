/**
 * What runs on an emulated board, bundled for Node 20: `node board.mjs redfish`, `… proxy`, `… meter`. Each role imports
 * what it needs and no more, for this processor reads code slowly. Everything else that a board does is a shell script of
 * qemu/firmware/system/.
 */
const card = '/card';
const [role] = process.argv.slice(2);

switch (role) {
	case 'redfish': {
		const { runRedfish } = await import('./redfish-service.ts');
		await runRedfish(`${card}/redfish`);
		break;
	}
	case 'proxy': {
		const { writeSiteFile } = await import('./site-file.ts');
		const config = await writeSiteFile(`${card}/site`);
		const { main } = await import('../../proxy/main.ts');
		await main({ config });
		break;
	}
	case 'meter': {
		const { runMeter } = await import('./meter.ts');
		await runMeter(`${card}/site`);
		break;
	}
	default:
		throw new Error(`no role of a board: ${role}`);
}
