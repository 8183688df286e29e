# OpenStack's sushy, unmodified, doing as an operator what a JSON document on standard input says.
# Prints what it saw as a JSON document.
import json
import sys

import sushy
from sushy import auth
from sushy.taskmonitor import TaskMonitor

order = json.load(sys.stdin)
login = {'basic': auth.BasicAuth, 'session': auth.SessionAuth}[order['auth']]
seen = {}
try:
    root = sushy.Sushy(
        order['url'] + '/redfish/v1',
        auth=login(username=order['username'], password=order['password']),
        verify=order['ca'])
    systems = root.get_system_collection()
    system = root.get_system(systems.members_identities[0])
    seen['systems'] = list(systems.members_identities)
    seen['power'] = system.power_state.value
    for step in order['steps']:
        if step == 'reset':
            system.reset_system(sushy.ResetType.GRACEFUL_RESTART)
        elif step == 'boot':
            system.set_system_boot_options(
                target=sushy.BootSource.PXE, enabled=sushy.BootSourceOverrideEnabled.ONCE)
            system.refresh(force=True)
            seen['boot'] = [system.boot.enabled.value, system.boot.target.value]
        elif step == 'log':
            # sushy has no class for log services; its connector reads them all the same.
            answer = root._conn.get(system.path + '/LogServices/EventLog/Entries')
            seen['log'] = answer.json()['Members']
        elif step == 'manager':
            manager = root.get_manager(root.get_manager_collection().members_identities[0])
            seen['manager'] = manager.manager_type.value
        elif step == 'chassis':
            seen['chassis'] = [c.identity for c in root.get_chassis_collection().get_members()]
        elif step.startswith('factory-reset '):
            # Behind it: a file to make once it has looked, so that nobody approves before that.
            path = '/redfish/v1/Managers/bmc/Actions/Manager.ResetToDefaults'
            answer = root._conn.post(path, data={'ResetType': 'ResetAll'})
            monitor = TaskMonitor.from_response(root._conn, answer, path)
            seen['waited'] = [monitor.is_processing, monitor.get_task().task_state.value]
            open(step.split(' ', 1)[1], 'w').close()
            monitor.wait(60)
            seen['answer'] = monitor.response.status_code
        elif step == 'dump':
            path = '/redfish/v1/Managers/bmc/LogServices/Dump/Actions/LogService.CollectDiagnosticData'
            answer = root._conn.post(path, data={'DiagnosticDataType': 'Manager'})
            monitor = TaskMonitor.from_response(root._conn, answer, path)
            monitor.wait(60)
            seen['answer'] = monitor.response.status_code
        else:
            root._conn.get(step)
except sushy.exceptions.SushyError as error:
    seen['error'] = {'type': type(error).__name__, 'text': str(error)}
json.dump(seen, sys.stdout)
